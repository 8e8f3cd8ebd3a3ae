/* Flows: which transceiver a client address belongs to. One writer, any number of readers, no lock.
 *
 * The table is one block of memory without pointers, so it can be mapped into several processes and outlive them. It
 * never grows: buckets of eight slots, two candidate buckets per client by a keyed hash (SipHash with the relay's
 * secret, so that nobody outside can choose colliding clients), and a full pair of buckets is a counted outcome. A
 * bucket is 32 octets of tags; a slot is one cache line. Lookup touches two tag lines and, nearly always, one slot.
 *
 * A slot is guarded by its sequence counter (odd while it is written), its times and its way are atomics of their own
 * so that renewing or diverting a flow disturbs no reader. A flow not renewed for the table's lifetime is absent to
 * every verb at once; the sweep only returns its slot. Times are milliseconds of any steady clock, modulo 2^32.
 *
 * A second, lossy index leads from a routing hint to the flows that carry it. */
#ifndef RS_FLOW_TABLE_H
#define RS_FLOW_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "hint.h"
#include "siphash.h"
#include "status.h"

#define RS_FLOW_BUCKET 8
#define RS_FLOW_CAPACITY_MAX (1u << 24)

/* What a flow says: a plain value. */
struct rs_flow {
    struct rs_address client;
    uint8_t hint[RS_HINT_SIZE]; /* the session's, zero if not known */
    uint16_t cluster;
    uint16_t transceiver;
    uint16_t has_hint; /* 0 or 1 */
    uint16_t reserved;
    uint32_t via; /* the relay beside this one that its datagrams take, below 2^31; 0 if none: relay_worker.h */
};

/* A flow as it was found. `slot` with `seq` names this very flow, never a later one in the same slot. */
struct rs_flow_ref {
    struct rs_flow flow;
    uint32_t slot;
    uint32_t seq;
    uint32_t renewed_ms; /* the lifetime counts from here */
    uint32_t alive_ms;   /* the transceiver was last heard for this flow */
};

struct rs_flow_settings {
    uint32_t capacity;    /* most flows at a time, 1..RS_FLOW_CAPACITY_MAX */
    uint32_t lifetime_ms; /* since the last renewal */
    uint32_t hint_ways;   /* flows of one hint that the index surely finds while fewer share its row, 1..64 */
    uint8_t secret[RS_SIPHASH_KEY_SIZE];
};

struct rs_flow_table;

enum rs_flow_outcome {
    RS_FLOW_CREATED,
    RS_FLOW_REPLACED, /* the client had a flow, live until now */
    RS_FLOW_EVICTED, /* created in the place of the longest unrenewed flow of its buckets; of any, if these are empty */
    RS_FLOW_REFUSED  /* no room; nothing was changed */
};

/* Octets that a table of these settings takes, a multiple of 64; 0 if a setting is out of range. */
size_t rs_flow_table_size(const struct rs_flow_settings *settings);

/* Makes an empty table in `size` octets of zeroed memory, aligned to 64. RS_INVALID: bad setting, size or alignment. */
enum rs_status rs_flow_table_init(struct rs_flow_table *table, size_t size, const struct rs_flow_settings *settings);

/* Whether memory that somebody else made is a table of these settings, by its head alone. RS_MALFORMED: it is none. */
enum rs_status rs_flow_table_check(const struct rs_flow_table *table, size_t size,
                                   const struct rs_flow_settings *settings);

/* Writer, the new one, before anything else: brings in order what the last one left when it died at any place. The flow
 * that it was writing may be lost; readers have missed it since. Returns how many were. */
unsigned rs_flow_table_recover(struct rs_flow_table *table);

/* The hash that every verb takes: the same for all tables with the same secret. */
static inline uint64_t rs_flow_hash(const uint8_t secret[RS_SIPHASH_KEY_SIZE], const struct rs_address *client)
{
    _Static_assert(sizeof *client == RS_ADDRESS_IP_SIZE + 2, "the hash covers address and port and no padding");
    return rs_siphash24(secret, (const uint8_t *)client, sizeof *client);
}

/* Milliseconds since `then`, 0 if that is yet to come by the clock of another thread. */
static inline uint32_t rs_age_ms(uint32_t now_ms, uint32_t then_ms)
{
    int32_t age = (int32_t)(now_ms - then_ms);
    return age > 0 ? (uint32_t)age : 0;
}

/* Any thread. The live flow of `client`; false: none, `out` is unspecified. */
bool rs_flow_table_find(const struct rs_flow_table *table, uint64_t hash, const struct rs_address *client,
                        uint32_t now_ms, struct rs_flow_ref *out);

/* Any thread. Has the CPU fetch what rs_flow_table_find will look at, first the tags of all clients of a batch, then
 * their slots: so that their cache misses are waited for together, not one after the other. */
void rs_flow_table_fetch_tags(const struct rs_flow_table *table, uint64_t hash);
void rs_flow_table_fetch_slot(const struct rs_flow_table *table, uint64_t hash);

/* Any thread. Live flows that carry `hint`, at most `max`; returns how many. */
unsigned rs_flow_table_find_hint(const struct rs_flow_table *table, const uint8_t hint[RS_HINT_SIZE], uint32_t now_ms,
                                 struct rs_flow_ref *out, unsigned max);

/* Any thread; looks at every slot. Sets `marks[i]` to 1 where a live flow leads to the transceiver `ids[i]`, which is
 * cluster << 16 | transceiver; `ids` ascend. Only the bits in `mask` are compared: 0xffff0000 asks for clusters. */
void rs_flow_table_mark_routes(const struct rs_flow_table *table, uint32_t now_ms, uint32_t mask, const uint32_t *ids,
                               size_t count, uint8_t *marks);

/* Any thread. Ends that very flow: readers miss it from now on, the writer's sweep returns the slot. */
void rs_flow_table_end(struct rs_flow_table *table, const struct rs_flow_ref *ref);

/* Any thread. Lets that very flow take another relay; nothing happens if somebody else has changed it meanwhile. */
void rs_flow_table_divert(struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t via);

/* Any thread. Flows held, those not swept yet included. */
uint32_t rs_flow_table_count(const struct rs_flow_table *table);

/* Writer. Puts a flow in, renewed and alive at `now_ms`, in the place of what the client had. `may_evict`: a live flow
 * may lose its slot to it, so that it is never refused. */
enum rs_flow_outcome rs_flow_table_put(struct rs_flow_table *table, uint64_t hash, const struct rs_flow *flow,
                                       uint32_t now_ms, bool may_evict);

/* Writer. `ref` is of this table and its flow still there. */
void rs_flow_table_renew(struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t now_ms);
void rs_flow_table_keep_alive(struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t now_ms);

/* Writer. Returns the slots of dead flows, as many as are due since the last call so that a round takes an eighth of
 * the lifetime; returns how many had expired (ended ones not counted). */
unsigned rs_flow_table_sweep(struct rs_flow_table *table, uint32_t now_ms);

#endif
