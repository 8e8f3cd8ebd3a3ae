/* Invariant: a header that is accepted is rebuilt octet for octet, and what follows it is no second one. */
#include "fuzz.h"

#include "spp.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rs_address client = {.port = 7}, proxy = {.port = 7};
    uint8_t again[RS_SPP_SIZE];
    enum rs_drop drop = rs_spp_parse(data, size, &client, &proxy);
    bool has_header = size >= RS_SPP_SIZE && rs_read_u16be(data) == RS_SPP_MAGIC;
    bool is_nested = size >= RS_SPP_SIZE + 2 && rs_read_u16be(data + RS_SPP_SIZE) == RS_SPP_MAGIC;
    if (!has_header)
        HOLDS(drop == RS_DROP_SPP_MALFORMED);
    else
        HOLDS(drop == (is_nested ? RS_DROP_SPP_NESTED : RS_DROP_NONE));
    if (drop != RS_DROP_NONE) {
        HOLDS(client.port == 7 && proxy.port == 7);
        return 0;
    }
    rs_spp_build(again, &client, &proxy);
    HOLDS(memcmp(again, data, sizeof again) == 0);
    return 0;
}
