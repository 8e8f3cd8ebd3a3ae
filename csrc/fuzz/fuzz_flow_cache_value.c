/* Invariant: whatever stands in the cache, a value opens only if it is what a relay wrote for this very client under a
 * key of the ring, unexpired; one changed octet, another client or another second opens nothing.
 *
 * The input is a value as somebody left it; one of FIELDS octets is also how to write a right one and spoil it. */
#include "fuzz.h"

#include "flow_cache_value.h"

enum { KEY_ID = 0, NONCE = 1, EXPIRY = 6, CLIENT = 10, PLACE = 11, CHANGE = 12, FIELDS = 13 };

static struct rs_hint_keys hints;
static struct rs_flow_cache_keys keys;

static void set_keys(void)
{
    static const uint8_t octets[2][RS_SIPHASH_KEY_SIZE] = {{1, 2, 3}, {4, 5, 6}};
    rs_hint_keys_init(&hints);
    for (unsigned i = 0; i < 2; i++) {
        HOLDS(rs_hint_keys_set(&hints, 15 * i, octets[i], octets[1 - i]) == RS_OK);
        memcpy(keys.mac[15 * i], octets[i], RS_SIPHASH_KEY_SIZE);
    }
}

static struct rs_address client_of(uint8_t number)
{
    struct rs_address client = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 0}, 50000};
    client.ip[15] = number;
    return client;
}

static bool opens(const struct rs_address *client, const uint8_t *value, size_t len, uint32_t now)
{
    struct rs_hint hint = {.key_id = 99};
    enum rs_status status = rs_flow_cache_value_open(&keys, &hints, client, value, len, now, &hint);
    HOLDS(status == RS_OK || status == RS_MALFORMED || status == RS_NOT_FOUND);
    HOLDS((status == RS_OK) == (hint.key_id != 99));
    HOLDS((status == RS_MALFORMED) == (len != RS_FLOW_CACHE_VALUE_SIZE || value[0] != RS_FLOW_CACHE_VERSION));
    if (status != RS_OK)
        return false;
    uint8_t again[RS_FLOW_CACHE_VALUE_SIZE];
    uint32_t expiry = (uint32_t)value[19] << 24 | (uint32_t)value[20] << 16 | (uint32_t)value[21] << 8 | value[22];
    rs_flow_cache_value_build(&keys, client, hint.raw, expiry, again);
    HOLDS(memcmp(again, value, sizeof again) == 0 && expiry > now);
    return true;
}

static void check_written(const uint8_t *fields)
{
    char text[RS_HINT_TEXT_SIZE];
    uint8_t value[RS_FLOW_CACHE_VALUE_SIZE];
    struct rs_hint hint;
    struct rs_address client = client_of(fields[CLIENT]), other = client_of((uint8_t)(fields[CLIENT] + 1));
    unsigned key_id = fields[KEY_ID] % 2 * 15;
    uint32_t expiry = (uint32_t)fields[EXPIRY] << 24 | (uint32_t)fields[EXPIRY + 1] << 16 |
                      (uint32_t)fields[EXPIRY + 2] << 8 | fields[EXPIRY + 3];
    HOLDS(rs_hint_mint(&hints, key_id, 1, 2, fields + NONCE, text) == RS_OK);
    HOLDS(rs_hint_open(&hints, (const uint8_t *)text, sizeof text, &hint) == RS_OK);
    rs_flow_cache_value_build(&keys, &client, hint.raw, expiry, value);
    HOLDS(opens(&client, value, sizeof value, expiry - 1) == (expiry > 0));
    HOLDS(!opens(&client, value, sizeof value, expiry) && !opens(&other, value, sizeof value, 0));
    value[fields[PLACE] % sizeof value] ^= fields[CHANGE];
    HOLDS(opens(&client, value, sizeof value, 0) == (fields[CHANGE] == 0 && expiry > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rs_address client = client_of(7);
    set_keys();
    opens(&client, data, size, 0);
    if (size == FIELDS)
        check_written(data);
    return 0;
}
