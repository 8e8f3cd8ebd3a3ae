/* What the flow cache stores: what was built opens, and nothing else does. */
#include <string.h>

#include "check.h"
#include "flow_cache_value.h"

static const struct rs_address client = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7}, 50000};
static struct rs_hint_keys hints;
static struct rs_flow_cache_keys keys;
static struct rs_hint minted;

static void set_up(void)
{
    const uint8_t nonce[RS_HINT_NONCE_SIZE] = {1, 2, 3, 4, 5};
    char text[RS_HINT_TEXT_SIZE];
    rs_hint_keys_init(&hints);
    CHECK(rs_hint_keys_set(&hints, 3, (const uint8_t *)"0123456789abcdef", (const uint8_t *)"fedcba9876543210") ==
          RS_OK);
    memset(keys.mac[3], 7, sizeof keys.mac[3]);
    CHECK(rs_hint_mint(&hints, 3, 1, 2, nonce, text) == RS_OK);
    CHECK(rs_hint_open(&hints, (const uint8_t *)text, sizeof text, &minted) == RS_OK);
}

static enum rs_status open_at(const struct rs_address *from, const uint8_t *value, size_t len, uint32_t now)
{
    struct rs_hint out = {.key_id = 99};
    enum rs_status status = rs_flow_cache_value_open(&keys, &hints, from, value, len, now, &out);
    if (status == RS_OK)
        CHECK(out.cluster == 1 && out.transceiver == 2 && memcmp(out.raw, minted.raw, sizeof out.raw) == 0);
    else
        CHECK(out.key_id == 99);
    return status;
}

static void test_what_was_built_opens_until_it_expires(void)
{
    uint8_t value[RS_FLOW_CACHE_VALUE_SIZE];
    rs_flow_cache_value_build(&keys, &client, minted.raw, 1000, value);
    CHECK(open_at(&client, value, sizeof value, 999) == RS_OK);
    CHECK(open_at(&client, value, sizeof value, 1000) == RS_NOT_FOUND);
}

static void test_each_changed_bit_is_refused(void)
{
    uint8_t value[RS_FLOW_CACHE_VALUE_SIZE];
    rs_flow_cache_value_build(&keys, &client, minted.raw, UINT32_MAX, value);
    for (unsigned bit = 0; bit < 8 * sizeof value; bit++) {
        value[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(open_at(&client, value, sizeof value, 0) == (bit < 8 ? RS_MALFORMED : RS_NOT_FOUND));
        value[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(open_at(&client, value, sizeof value, 0) == RS_OK);
}

static void test_each_other_length_is_refused(void)
{
    uint8_t value[RS_FLOW_CACHE_VALUE_SIZE + 1] = {0};
    rs_flow_cache_value_build(&keys, &client, minted.raw, UINT32_MAX, value);
    for (size_t len = 0; len <= sizeof value; len++) {
        uint8_t *exact = malloc(len + 1);
        CHECK(exact != NULL);
        memcpy(exact, value, len);
        CHECK(open_at(&client, exact, len, 0) == (len == RS_FLOW_CACHE_VALUE_SIZE ? RS_OK : RS_MALFORMED));
        free(exact);
    }
}

static void test_another_client_or_ring_does_not_open_it(void)
{
    uint8_t value[RS_FLOW_CACHE_VALUE_SIZE];
    struct rs_address other = client;
    rs_flow_cache_value_build(&keys, &client, minted.raw, UINT32_MAX, value);
    other.port++;
    CHECK(open_at(&other, value, sizeof value, 0) == RS_NOT_FOUND);
    other = client;
    other.ip[15]++;
    CHECK(open_at(&other, value, sizeof value, 0) == RS_NOT_FOUND);
    hints.present = 0; /* the key was removed */
    CHECK(open_at(&client, value, sizeof value, 0) == RS_NOT_FOUND);
    hints.present = 1u << 3;
    memset(keys.mac[3], 8, sizeof keys.mac[3]);
    CHECK(open_at(&client, value, sizeof value, 0) == RS_NOT_FOUND);
}

int main(void)
{
    set_up();
    test_what_was_built_opens_until_it_expires();
    test_each_changed_bit_is_refused();
    test_each_other_length_is_refused();
    test_another_client_or_ring_does_not_open_it();
    return 0;
}
