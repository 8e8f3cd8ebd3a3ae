#include "hint.h"

#include <string.h>

#include "wire.h"

/* Octets of the hint: version and key id (1), masked ids (4), nonce (5), tag (8). */
#define IDS_AT 1
#define IDS_SIZE 4
#define NONCE_AT 5
#define TAG_AT 10

_Static_assert(TAG_AT + RS_SIPHASH_SIZE == RS_HINT_SIZE, "the tag ends the hint");
_Static_assert(RS_HINT_SIZE % 3 == 0 && RS_HINT_SIZE / 3 * 4 == RS_HINT_TEXT_SIZE, "base64 without padding");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Six bits of a character, or NOT_BASE64 for a character outside of the alphabet (RFC 4648 section 4). */
#define NOT_BASE64 0x40
static uint8_t sextet(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : NOT_BASE64;
}

static enum rs_status decode(const uint8_t *text, uint8_t raw[RS_HINT_SIZE])
{
    uint8_t seen = 0;
    for (unsigned i = 0, o = 0; i < RS_HINT_TEXT_SIZE; i += 4, o += 3) {
        uint8_t a = sextet(text[i]), b = sextet(text[i + 1]), c = sextet(text[i + 2]), d = sextet(text[i + 3]);
        seen |= a | b | c | d;
        raw[o] = (uint8_t)(a << 2 | b >> 4);
        raw[o + 1] = (uint8_t)(b << 4 | c >> 2);
        raw[o + 2] = (uint8_t)(c << 6 | d);
    }
    return seen & NOT_BASE64 ? RS_MALFORMED : RS_OK;
}

static void encode(const uint8_t raw[RS_HINT_SIZE], char *text)
{
    for (unsigned i = 0, o = 0; i < RS_HINT_TEXT_SIZE; i += 4, o += 3) {
        uint32_t group = (uint32_t)raw[o] << 16 | (uint32_t)raw[o + 1] << 8 | raw[o + 2];
        text[i] = alphabet[group >> 18];
        text[i + 1] = alphabet[group >> 12 & 63];
        text[i + 2] = alphabet[group >> 6 & 63];
        text[i + 3] = alphabet[group & 63];
    }
}

/* SipHash over octet 0, the ids as they are, and the nonce. */
static void make_tag(const struct rs_hint_key *key, const uint8_t plain[TAG_AT], uint8_t tag[RS_SIPHASH_SIZE])
{
    rs_siphash_store(rs_siphash24(key->tag, plain, TAG_AT), tag);
}

/* Hides or shows the ids: the mask comes from what follows them, so no two hints share one. */
static void mask_ids(const struct rs_hint_key *key, uint8_t raw[RS_HINT_SIZE])
{
    uint8_t mask[RS_SIPHASH_SIZE];
    rs_siphash_store(rs_siphash24(key->mask, raw + NONCE_AT, RS_HINT_SIZE - NONCE_AT), mask);
    for (unsigned i = 0; i < IDS_SIZE; i++)
        raw[IDS_AT + i] ^= mask[i];
}

static uint8_t difference(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < len; i++)
        bits |= a[i] ^ b[i];
    return bits;
}

void rs_hint_keys_init(struct rs_hint_keys *keys)
{
    memset(keys, 0, sizeof *keys);
}

enum rs_status rs_hint_keys_set(struct rs_hint_keys *keys, unsigned id, const uint8_t tag[RS_SIPHASH_KEY_SIZE],
                                const uint8_t mask[RS_SIPHASH_KEY_SIZE])
{
    if (id >= RS_HINT_MAX_KEYS)
        return RS_INVALID;
    memcpy(keys->keys[id].tag, tag, RS_SIPHASH_KEY_SIZE);
    memcpy(keys->keys[id].mask, mask, RS_SIPHASH_KEY_SIZE);
    keys->present |= 1u << id;
    return RS_OK;
}

enum rs_status rs_hint_mint(const struct rs_hint_keys *keys, unsigned key_id, uint16_t cluster, uint16_t transceiver,
                            const uint8_t nonce[RS_HINT_NONCE_SIZE], char out[RS_HINT_TEXT_SIZE])
{
    if (key_id >= RS_HINT_MAX_KEYS)
        return RS_INVALID;
    if (!(keys->present >> key_id & 1))
        return RS_NOT_FOUND;
    const struct rs_hint_key *key = &keys->keys[key_id];
    uint8_t raw[RS_HINT_SIZE] = {(uint8_t)(RS_HINT_VERSION << 4 | key_id)};
    rs_write_u16be(raw + IDS_AT, cluster);
    rs_write_u16be(raw + IDS_AT + 2, transceiver);
    memcpy(raw + NONCE_AT, nonce, RS_HINT_NONCE_SIZE);
    make_tag(key, raw, raw + TAG_AT);
    mask_ids(key, raw);
    encode(raw, out);
    return RS_OK;
}

enum rs_status rs_hint_open_raw(const struct rs_hint_keys *keys, const uint8_t raw[RS_HINT_SIZE], struct rs_hint *out)
{
    uint8_t key_id = raw[0] & 15;
    const struct rs_hint_key *key = &keys->keys[key_id];
    uint8_t plain[RS_HINT_SIZE], tag[RS_SIPHASH_SIZE];
    memcpy(plain, raw, RS_HINT_SIZE);
    mask_ids(key, plain);
    make_tag(key, plain, tag);
    uint8_t wrong = difference(tag, raw + TAG_AT, RS_SIPHASH_SIZE);
    wrong |= raw[0] >> 4 ^ RS_HINT_VERSION;
    wrong |= ~keys->present >> key_id & 1;
    if (wrong != 0)
        return RS_NOT_FOUND;
    memcpy(out->raw, raw, RS_HINT_SIZE);
    out->key_id = key_id;
    out->cluster = rs_read_u16be(plain + IDS_AT);
    out->transceiver = rs_read_u16be(plain + IDS_AT + 2);
    memcpy(out->nonce, raw + NONCE_AT, RS_HINT_NONCE_SIZE);
    return RS_OK;
}

enum rs_status rs_hint_open(const struct rs_hint_keys *keys, const uint8_t *text, size_t len, struct rs_hint *out)
{
    uint8_t raw[RS_HINT_SIZE];
    if (len != RS_HINT_TEXT_SIZE || decode(text, raw) != RS_OK)
        return RS_MALFORMED;
    return rs_hint_open_raw(keys, raw, out);
}
