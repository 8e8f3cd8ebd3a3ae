#include "flow_cache_value.h"

#include <string.h>

#include "wire.h"

#define HINT_AT 1
#define EXPIRY_AT 19
#define MAC_AT 23
#define CLIENT_SIZE (RS_ADDRESS_IP_SIZE + 2)

_Static_assert(HINT_AT + RS_HINT_SIZE == EXPIRY_AT, "the expiry follows the hint");
_Static_assert(MAC_AT + RS_SIPHASH_SIZE == RS_FLOW_CACHE_VALUE_SIZE, "the MAC ends the value");

static void make_mac(const struct rs_flow_cache_keys *keys, const struct rs_address *client, const uint8_t *value,
                     uint8_t mac[RS_SIPHASH_SIZE])
{
    uint8_t covered[CLIENT_SIZE + MAC_AT];
    memcpy(covered, client->ip, RS_ADDRESS_IP_SIZE);
    rs_write_u16be(covered + RS_ADDRESS_IP_SIZE, client->port);
    memcpy(covered + CLIENT_SIZE, value, MAC_AT);
    rs_siphash_store(rs_siphash24(keys->mac[value[HINT_AT] & 15], covered, sizeof covered), mac);
}

void rs_flow_cache_value_build(const struct rs_flow_cache_keys *keys, const struct rs_address *client,
                               const uint8_t hint[RS_HINT_SIZE], uint32_t expiry, uint8_t out[RS_FLOW_CACHE_VALUE_SIZE])
{
    out[0] = RS_FLOW_CACHE_VERSION;
    memcpy(out + HINT_AT, hint, RS_HINT_SIZE);
    rs_write_u32be(out + EXPIRY_AT, expiry);
    make_mac(keys, client, out, out + MAC_AT);
}

enum rs_status rs_flow_cache_value_open(const struct rs_flow_cache_keys *keys, const struct rs_hint_keys *hints,
                                        const struct rs_address *client, const uint8_t *value, size_t len, uint32_t now,
                                        struct rs_hint *out)
{
    uint8_t mac[RS_SIPHASH_SIZE], wrong = 0;
    struct rs_hint hint;
    if (len != RS_FLOW_CACHE_VALUE_SIZE || value[0] != RS_FLOW_CACHE_VERSION)
        return RS_MALFORMED;
    make_mac(keys, client, value, mac);
    for (unsigned i = 0; i < RS_SIPHASH_SIZE; i++)
        wrong |= mac[i] ^ value[MAC_AT + i];
    if (wrong != 0 || rs_hint_open_raw(hints, value + HINT_AT, &hint) != RS_OK ||
        rs_read_u32be(value + EXPIRY_AT) <= now)
        return RS_NOT_FOUND;
    *out = hint;
    return RS_OK;
}
