/* What both directions of a worker do alike. Not for use outside the relay's own files. */
#ifndef RS_RELAY_WORKER_H
#define RS_RELAY_WORKER_H

#include "relay.h"

/* The `via` of a flow is the id of a relay in another cluster that it goes to (next_hop.h), or this bit and the return
 * path of one that came through another relay: which worker noted it, and its number. */
#define RS_VIA_RETURN_PATH (1u << 30)

static inline uint32_t rs_relay_via_return_path(const struct rs_relay_worker *worker, uint32_t number)
{
    return RS_VIA_RETURN_PATH | (worker->index * RS_RETURN_PATHS + number);
}

static inline bool rs_relay_same_route(const struct rs_flow *flow, uint16_t cluster, uint16_t transceiver)
{
    return flow->cluster == cluster && flow->transceiver == transceiver;
}

/* Whether the flow is one that `from`, a transceiver or a relay of its cluster, may speak for. */
static inline bool rs_relay_is_from(const struct rs_flow *flow, const struct rs_route *from)
{
    return flow->cluster == from->cluster && (from->relay != 0 || flow->transceiver == from->transceiver);
}

/* Whether the flow's transceiver was heard so recently that the flow stays with it. */
static inline bool rs_relay_is_sticky(const struct rs_flow_ref *ref, uint32_t now_ms)
{
    return rs_age_ms(now_ms, ref->alive_ms) < RS_RELAY_STICKY_MS;
}

/* Whether the key that opened the flow's hint is still there; a flow whose hint is not known stays open. */
static inline bool rs_relay_is_open(const struct rs_routing *routing, const struct rs_flow *flow)
{
    return !flow->has_hint || (rs_routing_keys(routing)->present >> (flow->hint[0] & 15u) & 1u) != 0;
}

/* The client's confirmed flow where it is not in this worker's table: in that of `*owner`; false: none has one. The
 * owner is this worker after all where the flow moved to it meanwhile. */
bool rs_relay_find_elsewhere(const struct rs_relay_worker *worker, uint64_t hash, const struct rs_address *client,
                             uint32_t now_ms, struct rs_flow_ref *out, struct rs_relay_worker **owner);

/* Counts received datagrams and their octets, before anything is changed about them. */
void rs_relay_count_received(struct rs_counters *counters, const struct rs_datagram *datagrams, unsigned count);

/* Has the CPU fetch the flows of a batch that was received, at most RS_UDP_BATCH datagrams. */
void rs_relay_fetch_flows(const struct rs_relay_worker *worker, enum rs_direction direction,
                          const struct rs_datagram *datagrams, unsigned count);

/* rs_classify for a datagram that has not been dropped yet, counted by kind. */
enum rs_drop rs_relay_classify(struct rs_counters *counters, const struct rs_datagram *datagram, enum rs_kind *kind);

/* Asks the kernel at which relays of other clusters nobody receives. */
void rs_relay_note_refusals(struct rs_relay_worker *worker, const struct rs_routing *routing);

/* Remembers where the RTP of a source goes. A flow that its transceiver has not confirmed shows nothing of that. */
void rs_relay_note_source(struct rs_relay_worker *worker, const struct rs_datagram *datagram, const struct rs_route *to,
                          uint32_t now_ms);

/* Where an RTP packet without a flow goes by its source; false: unknown, or too many are rescued already. */
bool rs_relay_rescue(struct rs_relay_worker *worker, const struct rs_routing *routing,
                     const struct rs_datagram *datagram, uint32_t now_ms, const struct rs_route **to);

/* What the last owner of a seat left when it died, brought in order by the new one, before it receives: the table that
 * this direction writes, the batch in flight and its account. `discards`: what waits in the socket goes unread. */
void rs_relay_recover(struct rs_relay_worker *worker, enum rs_direction direction, bool discards);

#endif
