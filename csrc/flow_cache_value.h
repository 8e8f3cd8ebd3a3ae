/* What the flow cache stores under a client's address: the session's hint, and proof that a relay wrote it for this
 * client. No address is in it: whoever can write to the cache can delete or replay entries, and make none.
 *
 *   octet 0    1 .. 18       19 .. 22                       23 .. 30
 *   version 1  hint (18)     expiry, seconds since 1970     MAC
 *
 * MAC = SipHash-2-4(K_cache of the hint's key id, client address (16) | port (2) | octets 0 .. 22), all integers big
 * endian. Keys and format for readers: docs/reference/flow-cache.md. */
#ifndef RS_FLOW_CACHE_VALUE_H
#define RS_FLOW_CACHE_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "hint.h"
#include "status.h"

#define RS_FLOW_CACHE_VALUE_SIZE 31
#define RS_FLOW_CACHE_VERSION 1

/* K_cache by key id; which ids there are is what the hint keys of the same ring say. */
struct rs_flow_cache_keys {
    uint8_t mac[RS_HINT_MAX_KEYS][RS_SIPHASH_KEY_SIZE];
};

/* Builds the value of a client. `hint` is one that opened. */
void rs_flow_cache_value_build(const struct rs_flow_cache_keys *keys, const struct rs_address *client,
                               const uint8_t hint[RS_HINT_SIZE], uint32_t expiry,
                               uint8_t out[RS_FLOW_CACHE_VALUE_SIZE]);

/* Opens what was stored under a client's address. The hint is opened as if it had come in a request.
 * RS_MALFORMED: another length or version. RS_NOT_FOUND: its key is not in `hints`, the MAC is wrong, the hint does
 * not open, or it has expired at `now`. `out` is written only on RS_OK. */
enum rs_status rs_flow_cache_value_open(const struct rs_flow_cache_keys *keys, const struct rs_hint_keys *hints,
                                        const struct rs_address *client, const uint8_t *value, size_t len, uint32_t now,
                                        struct rs_hint *out);

#endif
