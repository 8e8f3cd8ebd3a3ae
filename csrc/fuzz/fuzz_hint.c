/* Invariant: what opens is what minting writes, to the character; one changed character opens nothing. */
#include "fuzz.h"

#include "hint.h"

enum { KEY_ID = 0, CLUSTER = 1, TRANSCEIVER = 3, NONCE = 5, PLACE = 10, CHARACTER = 11, FIELDS = 12 };

static struct rs_hint_keys ring(void)
{
    static const uint8_t tags[2][RS_SIPHASH_KEY_SIZE] = {{1, 2, 3}, {4, 5, 6}};
    static const uint8_t masks[2][RS_SIPHASH_KEY_SIZE] = {{7, 8}, {9}};
    struct rs_hint_keys keys;
    rs_hint_keys_init(&keys);
    for (unsigned i = 0; i < 2; i++)
        HOLDS(rs_hint_keys_set(&keys, 15 * i, tags[i], masks[i]) == RS_OK);
    return keys;
}

static void check_open(const struct rs_hint_keys *keys, const uint8_t *text, size_t len)
{
    char again[RS_HINT_TEXT_SIZE];
    struct rs_hint hint = {.key_id = 99}, raw;
    enum rs_status status = rs_hint_open(keys, text, len, &hint);
    HOLDS((status == RS_OK) == (hint.key_id != 99));
    HOLDS(status != RS_NOT_FOUND || len == RS_HINT_TEXT_SIZE);
    if (status != RS_OK)
        return;
    HOLDS(rs_hint_mint(keys, hint.key_id, hint.cluster, hint.transceiver, hint.nonce, again) == RS_OK);
    HOLDS(len == sizeof again && memcmp(text, again, len) == 0);
    HOLDS(rs_hint_open_raw(keys, hint.raw, &raw) == RS_OK && raw.transceiver == hint.transceiver);
}

static void check_mint(const struct rs_hint_keys *keys, const uint8_t *fields)
{
    char text[RS_HINT_TEXT_SIZE];
    struct rs_hint hint;
    uint16_t cluster = (uint16_t)(fields[CLUSTER] << 8 | fields[CLUSTER + 1]);
    uint16_t transceiver = (uint16_t)(fields[TRANSCEIVER] << 8 | fields[TRANSCEIVER + 1]);
    enum rs_status status = rs_hint_mint(keys, fields[KEY_ID], cluster, transceiver, fields + NONCE, text);
    bool has_key = fields[KEY_ID] == 0 || fields[KEY_ID] == 15;
    HOLDS(status == (has_key ? RS_OK : fields[KEY_ID] > 15 ? RS_INVALID : RS_NOT_FOUND));
    if (status != RS_OK)
        return;
    check_open(keys, (const uint8_t *)text, sizeof text);
    HOLDS(rs_hint_open(keys, (const uint8_t *)text, sizeof text, &hint) == RS_OK);
    HOLDS(hint.cluster == cluster && hint.transceiver == transceiver && hint.key_id == fields[KEY_ID]);
    HOLDS(memcmp(hint.nonce, fields + NONCE, RS_HINT_NONCE_SIZE) == 0);
    char *place = &text[fields[PLACE] % RS_HINT_TEXT_SIZE];
    if (*place != (char)fields[CHARACTER]) {
        *place = (char)fields[CHARACTER];
        HOLDS(rs_hint_open(keys, (const uint8_t *)text, sizeof text, &hint) != RS_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rs_hint_keys keys = ring();
    check_open(&keys, data, size);
    if (size == FIELDS)
        check_mint(&keys, data);
    return 0;
}
