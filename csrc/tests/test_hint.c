/* Routing hint version 1: the vectors of docs/reference/routing-hint.md, and that nothing else opens (checklist C21).
 */
#include <string.h>

#include "check.h"
#include "hint.h"

static const uint8_t k_tag_1[16] = {0xe4, 0x28, 0x33, 0x69, 0x8d, 0xa4, 0x8f, 0x9e,
                                    0x6e, 0x4c, 0x27, 0x21, 0x3c, 0x73, 0xf7, 0xd9};
static const uint8_t k_mask_1[16] = {0x55, 0x20, 0xe0, 0x91, 0x15, 0xed, 0x96, 0x70,
                                     0xa6, 0x06, 0xb1, 0x8e, 0x18, 0x69, 0x69, 0x20};
static const uint8_t k_tag_2[16] = {0x28, 0x51, 0xe4, 0x63, 0xcb, 0xe0, 0xd7, 0x36,
                                    0xd7, 0xe8, 0xbf, 0xe2, 0xe6, 0xa8, 0xd7, 0xb3};
static const uint8_t k_mask_2[16] = {0xb7, 0xcb, 0xce, 0xe9, 0x05, 0x9e, 0xf6, 0x13,
                                     0xe7, 0x38, 0xf9, 0xed, 0x9d, 0x17, 0x31, 0xcd};

static const struct {
    uint8_t key_id;
    uint16_t cluster, transceiver;
    uint8_t nonce[RS_HINT_NONCE_SIZE];
    const char *ufrag;
} vectors[] = {
    {0, 0, 0, {0, 0, 0, 0, 0}, "EIlD5iIAAAAAAO/Rzi8+w8ug"},
    {1, 1, 2, {1, 2, 3, 4, 5}, "EceMMyQBAgMEBQhiKJ1mhcEw"},
    {1, 1, 2, {1, 2, 3, 4, 6}, "ET+wlrMBAgMEBsBa93Ts5Hbd"},
    {15, 65535, 65535, {0xff, 0xff, 0xff, 0xff, 0xff}, "H43XztP//////6caR2vaLjd8"},
    {10, 258, 772, {0xa0, 0xb1, 0xc2, 0xd3, 0xe4}, "GqbPKtWgscLT5MyAF6PvU1jV"},
};

static struct rs_hint_keys ring(void)
{
    struct rs_hint_keys keys;
    rs_hint_keys_init(&keys);
    CHECK(rs_hint_keys_set(&keys, 0, k_tag_1, k_mask_1) == RS_OK);
    CHECK(rs_hint_keys_set(&keys, 1, k_tag_1, k_mask_1) == RS_OK);
    CHECK(rs_hint_keys_set(&keys, 10, k_tag_2, k_mask_2) == RS_OK);
    CHECK(rs_hint_keys_set(&keys, 15, k_tag_2, k_mask_2) == RS_OK);
    return keys;
}

static void test_vectors_mint_and_open(void)
{
    struct rs_hint_keys keys = ring();

    for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char text[RS_HINT_TEXT_SIZE];
        struct rs_hint hint, again;
        CHECK(rs_hint_mint(&keys, vectors[i].key_id, vectors[i].cluster, vectors[i].transceiver, vectors[i].nonce,
                           text) == RS_OK);
        CHECK(memcmp(text, vectors[i].ufrag, sizeof text) == 0);
        CHECK(rs_hint_open(&keys, (const uint8_t *)text, sizeof text, &hint) == RS_OK);
        CHECK(hint.key_id == vectors[i].key_id && hint.cluster == vectors[i].cluster);
        CHECK(hint.transceiver == vectors[i].transceiver);
        CHECK(memcmp(hint.nonce, vectors[i].nonce, sizeof hint.nonce) == 0);
        CHECK(rs_hint_open_raw(&keys, hint.raw, &again) == RS_OK);
        CHECK(again.cluster == hint.cluster && again.transceiver == hint.transceiver);
    }
}

static void test_no_changed_character_opens(void)
{
    struct rs_hint_keys keys = ring();

    for (unsigned i = 0; i < RS_HINT_TEXT_SIZE; i++)
        for (unsigned c = 0; c < 256; c++) {
            uint8_t text[RS_HINT_TEXT_SIZE];
            struct rs_hint hint = {.cluster = 77};
            memcpy(text, vectors[4].ufrag, sizeof text);
            if (text[i] == c)
                continue;
            text[i] = (uint8_t)c;
            CHECK(rs_hint_open(&keys, text, sizeof text, &hint) != RS_OK);
            CHECK(hint.cluster == 77);
        }
}

/* A character outside of the alphabet must not pass for one inside, whatever its neighbours are. */
static void test_no_foreign_character_passes_for_a(void)
{
    struct rs_hint_keys keys = ring();
    unsigned tried = 0;

    for (unsigned n = 0; n < 256; n++) {
        const uint8_t nonce[RS_HINT_NONCE_SIZE] = {(uint8_t)n};
        char text[RS_HINT_TEXT_SIZE];
        struct rs_hint hint;
        CHECK(rs_hint_mint(&keys, 1, 1, 2, nonce, text) == RS_OK);
        for (unsigned i = 0; i < RS_HINT_TEXT_SIZE; i++) {
            if (text[i] != 'A')
                continue;
            text[i] = '=';
            CHECK(rs_hint_open(&keys, (const uint8_t *)text, sizeof text, &hint) == RS_MALFORMED);
            text[i] = 'A';
            tried++;
        }
    }
    CHECK(tried > 256);
}

static void test_other_lengths_and_rings_do_not_open(void)
{
    struct rs_hint_keys keys = ring(), empty;
    uint8_t text[32] = "EceMMyQBAgMEBQhiKJ1mhcEwAAAAAAA";
    struct rs_hint hint;

    for (size_t len = 0; len < sizeof text; len++)
        CHECK((rs_hint_open(&keys, text, len, &hint) == RS_OK) == (len == RS_HINT_TEXT_SIZE));
    rs_hint_keys_init(&empty);
    CHECK(rs_hint_open(&empty, text, RS_HINT_TEXT_SIZE, &hint) == RS_NOT_FOUND);
    CHECK(rs_hint_keys_set(&empty, 1, k_tag_2, k_mask_2) == RS_OK);
    CHECK(rs_hint_open(&empty, text, RS_HINT_TEXT_SIZE, &hint) == RS_NOT_FOUND);
}

static void test_an_absent_key_opens_nothing_even_where_it_would_fit(void)
{
    struct rs_hint_keys zero, absent;
    const uint8_t nothing[16] = {0}, nonce[RS_HINT_NONCE_SIZE] = {0};
    char text[RS_HINT_TEXT_SIZE];
    struct rs_hint hint;

    rs_hint_keys_init(&zero);
    rs_hint_keys_init(&absent);
    CHECK(rs_hint_keys_set(&zero, 3, nothing, nothing) == RS_OK);
    CHECK(rs_hint_mint(&zero, 3, 1, 1, nonce, text) == RS_OK);
    CHECK(rs_hint_open(&zero, (const uint8_t *)text, sizeof text, &hint) == RS_OK);
    CHECK(rs_hint_open(&absent, (const uint8_t *)text, sizeof text, &hint) == RS_NOT_FOUND);
    CHECK(rs_hint_mint(&absent, 3, 1, 1, nonce, text) == RS_NOT_FOUND);
    CHECK(rs_hint_mint(&absent, 16, 1, 1, nonce, text) == RS_INVALID);
    CHECK(rs_hint_keys_set(&absent, 16, nothing, nothing) == RS_INVALID);
}

int main(void)
{
    test_vectors_mint_and_open();
    test_no_changed_character_opens();
    test_no_foreign_character_passes_for_a();
    test_other_lengths_and_rings_do_not_open();
    test_an_absent_key_opens_nothing_even_where_it_would_fit();
    return 0;
}
