/* What the targets that drive a relay have in common: its memory, requests, accounts, and the way steps are read. */
#ifndef RS_RELAY_STEPS_H
#define RS_RELAY_STEPS_H

#include <stdlib.h>

#include "fuzz.h"
#include "relay.h"
#include "stun.h"

enum { STEP = 4, STEPS_MAX = 256, REQUEST = 52 };

static inline void *zeroed(size_t alignment, size_t size)
{
    void *memory = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    HOLDS(memory != NULL);
    return memset(memory, 0, size);
}

static inline void make_keys(struct rs_hint_keys *keys)
{
    static const uint8_t key[RS_SIPHASH_KEY_SIZE] = {42};
    rs_hint_keys_init(keys);
    HOLDS(rs_hint_keys_set(keys, 1, key, key) == RS_OK);
}

static inline struct rs_routing *new_routing(const struct rs_routing_parts *parts)
{
    size_t size = rs_routing_size(parts);
    struct rs_routing *made = zeroed(16, size);
    HOLDS(rs_routing_init(made, size, parts, 1) == RS_OK);
    return made;
}

static inline void build_request(const struct rs_hint_keys *keys, uint16_t cluster, unsigned id, uint8_t out[REQUEST])
{
    static const uint8_t head[] = {0, 1, 0, 32, 0x21, 0x12, 0xa4, 0x42};
    static const uint8_t nonce[RS_HINT_NONCE_SIZE] = {9};
    memset(out, 0, REQUEST);
    memcpy(out, head, sizeof head);
    rs_write_u16be(out + 20, RS_STUN_USERNAME);
    rs_write_u16be(out + 22, 26);
    HOLDS(rs_hint_mint(keys, 1, cluster, (uint16_t)id, nonce, (char *)out + 24) == RS_OK);
    memcpy(out + 48, ":x", 2);
}

/* A relay with an empty table, in memory that was used before. */
static inline void begin_anew(struct rs_relay *relay, const struct rs_relay_settings *settings, void *region,
                              const struct rs_address *public)
{
    size_t size = rs_relay_region_size(settings);
    memset(region, 0, size);
    HOLDS(rs_relay_init(relay, settings, region, size) == RS_OK);
    for (unsigned i = 0; i < settings->workers; i++)
        relay->worker[i].public = (struct rs_udp_socket){.family = AF_INET, .bound = *public};
}

/* Takes the input apart: what, who, a pause, a length and so many octets. */
static inline void take_steps(const uint8_t *data, size_t size,
                              void (*step)(const uint8_t *what, const uint8_t *octets, size_t len, uint32_t now_ms))
{
    uint32_t now_ms = UINT32_MAX - 5000; /* so that the clock wraps on the way */
    for (unsigned steps = 0; size >= STEP && steps < STEPS_MAX; steps++) {
        size_t len = data[3] < size - STEP ? data[3] : size - STEP;
        now_ms += 100u * data[2];
        step(data, data + STEP, len, now_ms);
        data += STEP + len;
        size -= STEP + len;
    }
}

static inline void check_conservation(const struct rs_relay *relay)
{
    for (unsigned i = 0; i < relay->workers * RS_DIRECTIONS; i++) {
        const struct rs_counters *counters = &relay->worker[i / RS_DIRECTIONS].shard->counters[i % RS_DIRECTIONS];
        uint64_t accounted = counters->tx_datagrams;
        for (unsigned drop = 0; drop < RS_DROP_COUNT; drop++)
            accounted += counters->drops[drop];
        HOLDS(counters->rx_datagrams == accounted && counters->drops[RS_DROP_NONE] == 0);
    }
}

#endif
