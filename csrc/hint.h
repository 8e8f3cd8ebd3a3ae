/* The routing hint, version 1: 18 octets that are a server ufrag of exactly 24 ice-chars and name a transceiver to
 * whoever holds the key. Layout, derivation of keys and vectors: docs/reference/routing-hint.md.
 *
 * A hint that opens was minted by a holder of the secret: it authenticates the route, not the peer. */
#ifndef RS_HINT_H
#define RS_HINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "siphash.h"
#include "status.h"

#define RS_HINT_SIZE 18
#define RS_HINT_TEXT_SIZE 24
#define RS_HINT_NONCE_SIZE 5
#define RS_HINT_VERSION 1
#define RS_HINT_MAX_KEYS 16

struct rs_hint_key {
    uint8_t tag[RS_SIPHASH_KEY_SIZE];
    uint8_t mask[RS_SIPHASH_KEY_SIZE];
};

/* A key ring, a plain value: copied by assignment, read by any number of threads while nobody writes. An absent key is
 * all zero, and its `present` bit is clear. */
struct rs_hint_keys {
    uint32_t present; /* bit n: key id n is set */
    struct rs_hint_key keys[RS_HINT_MAX_KEYS];
};

/* What a hint says, and the hint itself. */
struct rs_hint {
    uint8_t raw[RS_HINT_SIZE];
    uint8_t key_id;
    uint8_t nonce[RS_HINT_NONCE_SIZE];
    uint16_t cluster;
    uint16_t transceiver;
};

/* An empty ring: nothing opens with it. */
void rs_hint_keys_init(struct rs_hint_keys *keys);

/* Sets or replaces key `id`. RS_INVALID: id above 15; nothing was changed. */
enum rs_status rs_hint_keys_set(struct rs_hint_keys *keys, unsigned id, const uint8_t tag[RS_SIPHASH_KEY_SIZE],
                                const uint8_t mask[RS_SIPHASH_KEY_SIZE]);

/* Writes 24 ice-chars, not terminated. RS_INVALID: key id above 15; RS_NOT_FOUND: no such key; nothing was written. */
enum rs_status rs_hint_mint(const struct rs_hint_keys *keys, unsigned key_id, uint16_t cluster, uint16_t transceiver,
                            const uint8_t nonce[RS_HINT_NONCE_SIZE], char out[RS_HINT_TEXT_SIZE]);

/* Opens a ufrag. The work done for 24 ice-chars is the same whether the version, the key or the tag is wrong.
 * RS_MALFORMED: not 24 characters of the base64 alphabet. RS_NOT_FOUND: wrong version, key or tag. `out` is written
 * only on RS_OK. */
enum rs_status rs_hint_open(const struct rs_hint_keys *keys, const uint8_t *text, size_t len, struct rs_hint *out);

/* Opens the 18 octets themselves. RS_NOT_FOUND as above. */
enum rs_status rs_hint_open_raw(const struct rs_hint_keys *keys, const uint8_t raw[RS_HINT_SIZE], struct rs_hint *out);

#endif
