/* Invariant: a trunk that is accepted consists of its header and of records that fill it exactly, each long enough for
 * a Simple Proxy Protocol header; built again from these records, it is the same. */
#include "fuzz.h"

#include "trunk.h"

static uint8_t again[1 << 16];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = RS_TRUNK_HEADER;
    unsigned records = 0;
    if (rs_trunk_check(data, size) != RS_DROP_NONE)
        return 0;
    HOLDS(rs_trunk_is(data, size) && size >= RS_TRUNK_HEADER && data[3] >= 1 && data[3] <= RS_TRUNK_RECORDS);
    HOLDS(size <= sizeof again);
    for (; at < size; records++) {
        size_t len = rs_read_u16be(data + at);
        HOLDS(len >= RS_SPP_SIZE && len <= size - at - RS_TRUNK_LENGTH);
        rs_write_u16be(again + at, (uint16_t)len);
        memcpy(again + at + RS_TRUNK_LENGTH, data + at + RS_TRUNK_LENGTH, len);
        at += RS_TRUNK_LENGTH + len;
    }
    HOLDS(at == size && records == data[3]);
    rs_trunk_begin(again, records);
    HOLDS(memcmp(again, data, size) == 0);
    return 0;
}
