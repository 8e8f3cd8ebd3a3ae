/* Clients to transceivers. A binding request goes where its own hint says, whatever flow its sender has; anything else
 * follows the flow. Requests make and renew embryonic flows, and nothing here touches a confirmed one. */
#include <string.h>

#include "relay_worker.h"
#include "spp.h"
#include "stun.h"

#define LEARNED_PER_BATCH 64 /* flows from the flow cache */

_Static_assert(RS_SPP_SIZE <= RS_UDP_HEADROOM, "the header goes into the headroom");

static void count_event(struct rs_relay_worker *worker, enum rs_flow_event event)
{
    rs_count(&worker->shard->counters[RS_UPLINK].events[event], 1);
}

/* Embryonic flows of this hint, over all workers, up to one more than is allowed. */
static unsigned count_embryonic(const struct rs_relay *relay, const uint8_t *hint, uint32_t now_ms)
{
    struct rs_flow_ref found[RS_RELAY_EMBRYONIC_PER_UFRAG + 1];
    unsigned count = 0;
    for (uint32_t i = 0; i < relay->workers && count <= RS_RELAY_EMBRYONIC_PER_UFRAG; i++)
        count += rs_flow_table_find_hint(relay->worker[i].embryonic, hint, now_ms, found,
                                         RS_RELAY_EMBRYONIC_PER_UFRAG + 1 - count);
    return count;
}

/* Without a flow a request is still routed by its hint, but not without bound: its sender's address may be anybody's,
 * and the transceiver's answers go there. */
static enum rs_drop admit_without_flow(struct rs_relay_worker *worker, uint64_t hash, const struct rs_hint *hint,
                                       uint32_t now_ms)
{
    uint32_t workers = worker->relay->workers;
    uint32_t share = (RS_RELAY_UFRAG_REQUESTS_PER_S + workers - 1) / workers;
    uint64_t ufrag = rs_siphash24(worker->relay->secret, hint->raw, sizeof hint->raw);
    if (!rs_keyed_rates_take(&worker->shard->ufrag_rates, ufrag, share, now_ms))
        return RS_DROP_UFRAG_RATE;
    rs_recent_clients_mark(&worker->shard->recent, hash, now_ms);
    return RS_DROP_NONE;
}

static enum rs_drop add_embryonic(struct rs_relay_worker *worker, uint64_t hash, const struct rs_address *client,
                                  const struct rs_hint *hint, uint32_t via, uint32_t now_ms)
{
    struct rs_flow flow = {
        .client = *client, .cluster = hint->cluster, .transceiver = hint->transceiver, .has_hint = 1, .via = via};
    struct rs_flow_ref added;
    memcpy(flow.hint, hint->raw, sizeof flow.hint);
    if (count_embryonic(worker->relay, hint->raw, now_ms) >= RS_RELAY_EMBRYONIC_PER_UFRAG)
        return admit_without_flow(worker, hash, hint, now_ms);
    enum rs_flow_outcome outcome = rs_flow_table_put(worker->embryonic, hash, &flow, now_ms, true);
    if (outcome == RS_FLOW_REFUSED)
        return admit_without_flow(worker, hash, hint, now_ms);
    if (outcome == RS_FLOW_EVICTED)
        count_event(worker, RS_FLOW_EVENT_EVICTED);
    /* Another worker may have added one since we counted. Whoever counts too many now takes its own back, so that the
     * sum never stays above the limit. */
    atomic_thread_fence(memory_order_seq_cst);
    if (worker->relay->workers > 1 &&
        count_embryonic(worker->relay, hint->raw, now_ms) > RS_RELAY_EMBRYONIC_PER_UFRAG &&
        rs_flow_table_find(worker->embryonic, hash, client, now_ms, &added)) {
        rs_flow_table_end(worker->embryonic, &added);
        return admit_without_flow(worker, hash, hint, now_ms);
    }
    if (outcome != RS_FLOW_REPLACED)
        count_event(worker, RS_FLOW_EVENT_CREATED);
    return RS_DROP_NONE;
}

/* Whether a request with this hint, which leads to `to`, is for the session that the flow is of, as far as we know: of
 * a flow that was recovered only where it leads. */
static bool is_claim_of(const struct rs_flow *flow, const struct rs_routing *routing, const struct rs_hint *hint,
                        const struct rs_route *to)
{
    return flow->has_hint ? rs_relay_same_route(flow, hint->cluster, hint->transceiver)
                          : rs_routing_find(routing, flow->cluster, flow->transceiver) == to;
}

/* What a routed request does to the sender's flow. The first claim to a client address stays while it lives: whoever
 * sends a request in somebody else's name, with a ufrag of their own, gets that request routed and nothing else. */
static enum rs_drop note_request(struct rs_relay_worker *worker, const struct rs_routing *routing,
                                 const struct rs_address *client, const struct rs_hint *hint, const struct rs_route *to,
                                 uint32_t via, uint32_t now_ms)
{
    uint64_t hash = rs_flow_hash(worker->relay->secret, client);
    struct rs_relay_worker *owner;
    struct rs_flow_ref ref;
    if (rs_flow_table_find(worker->confirmed, hash, client, now_ms, &ref) ||
        rs_relay_find_elsewhere(worker, hash, client, now_ms, &ref, &owner)) {
        if (is_claim_of(&ref.flow, routing, hint, to)) {
            /* Under another key, as after an ICE restart: the embryonic flow takes over when the older key goes. */
            if (ref.flow.has_hint && ref.flow.hint[0] == hint->raw[0])
                return RS_DROP_NONE;
        } else if (rs_relay_is_sticky(&ref, now_ms)) {
            count_event(worker, RS_FLOW_EVENT_CONFLICT);
            return RS_DROP_NONE;
        }
    }
    if (rs_flow_table_find(worker->embryonic, hash, client, now_ms, &ref)) {
        if (!rs_relay_same_route(&ref.flow, hint->cluster, hint->transceiver)) {
            count_event(worker, RS_FLOW_EVENT_CONFLICT);
            return RS_DROP_NONE;
        }
        if (memcmp(ref.flow.hint, hint->raw, sizeof hint->raw) == 0) {
            rs_flow_table_renew(worker->embryonic, &ref, now_ms);
            if (via != 0 && ref.flow.via != via)
                rs_flow_table_divert(worker->embryonic, &ref, via);
            return RS_DROP_NONE;
        }
    }
    return add_embryonic(worker, hash, client, hint, via, now_ms);
}

static enum rs_drop route_request(struct rs_relay_worker *worker, const struct rs_routing *routing,
                                  const struct rs_datagram *datagram, uint32_t via, uint32_t now_ms,
                                  const struct rs_route **to)
{
    struct rs_span ufrag;
    struct rs_hint hint;
    enum rs_drop drop = rs_stun_server_ufrag(datagram->data, datagram->len, &ufrag);
    if (drop != RS_DROP_NONE)
        return drop;
    if (rs_hint_open(rs_routing_keys(routing), ufrag.data, ufrag.len, &hint) != RS_OK)
        return RS_DROP_HINT_INVALID;
    *to = rs_routing_find(routing, hint.cluster, hint.transceiver);
    if (*to == NULL)
        return RS_DROP_NO_ROUTE;
    return note_request(worker, routing, &datagram->peer, &hint, *to, via, now_ms);
}

/* The confirmed flow, unless its transceiver fell silent or its key was removed, and a newer, embryonic one is there.
 * `holder` gets the table that it is in. */
static bool find_flow(const struct rs_relay_worker *worker, const struct rs_routing *routing,
                      const struct rs_address *client, uint32_t now_ms, struct rs_flow_ref *out,
                      struct rs_flow_table **holder)
{
    uint64_t hash = rs_flow_hash(worker->relay->secret, client);
    struct rs_relay_worker *owner;
    struct rs_flow_ref embryonic;
    bool is_confirmed = rs_flow_table_find(worker->confirmed, hash, client, now_ms, out);
    *holder = worker->confirmed;
    if (is_confirmed && rs_relay_is_sticky(out, now_ms) && rs_relay_is_open(routing, &out->flow))
        return true;
    /* Before the other workers' tables: these are few, and those are of no use to most strangers' datagrams. */
    bool is_embryonic = rs_flow_table_find(worker->embryonic, hash, client, now_ms, &embryonic);
    if (!is_confirmed && rs_relay_find_elsewhere(worker, hash, client, now_ms, out, &owner)) {
        is_confirmed = true;
        *holder = owner->confirmed;
    }
    if (is_embryonic && !(is_confirmed && rs_relay_is_sticky(out, now_ms) && rs_relay_is_open(routing, &out->flow))) {
        *out = embryonic;
        *holder = worker->embryonic;
        return true;
    }
    return is_confirmed;
}

static enum rs_drop route_by_flow(struct rs_relay_worker *worker, const struct rs_routing *routing,
                                  const struct rs_datagram *datagram, enum rs_kind kind, uint32_t via, uint32_t now_ms,
                                  const struct rs_route **to)
{
    struct rs_flow_table *holder;
    struct rs_flow_ref ref;
    if (!find_flow(worker, routing, &datagram->peer, now_ms, &ref, &holder))
        return RS_DROP_NO_FLOW;
    if (!rs_relay_is_open(routing, &ref.flow))
        return RS_DROP_HINT_INVALID; /* its key was removed: what the hint opened is closed */
    if (via != 0 && ref.flow.via != via)
        rs_flow_table_divert(holder, &ref, via);
    *to = rs_routing_find(routing, ref.flow.cluster, ref.flow.transceiver);
    if (*to == NULL)
        return RS_DROP_NO_ROUTE;
    if (worker->rescues_uplink && kind == RS_KIND_RTP && holder != worker->embryonic)
        rs_relay_note_source(worker, datagram, *to, now_ms);
    return RS_DROP_NONE;
}

/* Asks the control thread about a client without a flow. STUN is left out: a client that only sends STUN has no call
 * that could be interrupted. */
static void note_missed(struct rs_relay_worker *worker, const struct rs_address *client, enum rs_kind kind)
{
    if (kind != RS_KIND_STUN) {
        const struct rs_flow missed = {.client = *client};
        rs_flow_ring_push(&worker->shard->missed, &missed);
    }
}

static enum rs_drop route(struct rs_relay_worker *worker, const struct rs_routing *routing,
                          const struct rs_datagram *datagram, uint32_t via, uint32_t now_ms, const struct rs_route **to)
{
    enum rs_kind kind;
    enum rs_drop drop = rs_relay_classify(&worker->shard->counters[RS_UPLINK], datagram, &kind);
    if (drop != RS_DROP_NONE)
        return drop;
    if (kind == RS_KIND_STUN && rs_read_u16be(datagram->data) == RS_STUN_BINDING_REQUEST)
        return route_request(worker, routing, datagram, via, now_ms, to);
    drop = route_by_flow(worker, routing, datagram, kind, via, now_ms, to);
    if (drop != RS_DROP_NO_FLOW)
        return drop;
    note_missed(worker, &datagram->peer, kind);
    bool is_rescued =
        worker->rescues_uplink && kind == RS_KIND_RTP && rs_relay_rescue(worker, routing, datagram, now_ms, to);
    return is_rescued ? RS_DROP_NONE : RS_DROP_NO_FLOW;
}

/* A flow from the flow cache becomes an embryonic one, as if its client had just sent a request: the transceiver's next
 * datagram confirms it. What this relay knows by itself stays as it is. */
static void learn(struct rs_relay_worker *worker, const struct rs_flow *flow, uint32_t now_ms)
{
    uint64_t hash = rs_flow_hash(worker->relay->secret, &flow->client);
    struct rs_relay_worker *owner;
    struct rs_flow_ref ref;
    if (rs_flow_table_find(worker->confirmed, hash, &flow->client, now_ms, &ref) ||
        rs_flow_table_find(worker->embryonic, hash, &flow->client, now_ms, &ref) ||
        rs_relay_find_elsewhere(worker, hash, &flow->client, now_ms, &ref, &owner) ||
        count_embryonic(worker->relay, flow->hint, now_ms) >= RS_RELAY_EMBRYONIC_PER_UFRAG)
        return;
    if (rs_flow_table_put(worker->embryonic, hash, flow, now_ms, true) == RS_FLOW_EVICTED)
        count_event(worker, RS_FLOW_EVENT_EVICTED);
    count_event(worker, RS_FLOW_EVENT_RECOVERED);
}

static void take_learned(struct rs_relay_worker *worker, uint32_t now_ms)
{
    struct rs_flow learned[LEARNED_PER_BATCH];
    if (rs_flow_ring_is_empty(&worker->shard->learned))
        return;
    unsigned count = rs_flow_ring_pop(&worker->shard->learned, learned, LEARNED_PER_BATCH);
    for (unsigned i = 0; i < count; i++)
        learn(worker, &learned[i], now_ms);
}

/* The relay of another cluster that the client's datagrams go to: the one that its flow has, as long as that answers.
 */
static const struct rs_route *take_hop(struct rs_relay_worker *worker, const struct rs_routing *routing,
                                       const struct rs_route *first, const struct rs_address *client, uint32_t now_ms)
{
    struct rs_flow_table *holder;
    struct rs_flow_ref ref;
    bool has_flow = find_flow(worker, routing, client, now_ms, &ref, &holder) && ref.flow.cluster == first->cluster;
    const struct rs_route *hop = rs_next_hop(&worker->shard->hops, first, client, has_flow ? ref.flow.via : 0, now_ms);
    uint32_t id = rs_hop_id(hop);
    if (has_flow && ref.flow.via != id)
        rs_flow_table_divert(holder, &ref, id);
    return hop;
}

/* Looks behind another relay's header: from here on the datagram is its client's, and the header stays in front as it
 * is. `via` gets the way back. */
static enum rs_drop unwrap(struct rs_relay_worker *worker, const struct rs_routing *routing,
                           struct rs_datagram *datagram, uint32_t now_ms, uint32_t *via)
{
    struct rs_return_path path = {.relay = datagram->peer, .local = datagram->local};
    struct rs_address client;
    if (!rs_routing_trusts_relay(routing, &datagram->peer))
        return RS_DROP_SOURCE_NOT_LISTED;
    enum rs_drop drop = rs_spp_parse(datagram->data, datagram->len, &client, &path.proxy);
    if (drop != RS_DROP_NONE)
        return drop;
    if (!rs_routing_admits_client(routing, &client) || rs_address_equal(&client, &path.proxy))
        return RS_DROP_CLIENT_DENIED;
    *via = rs_relay_via_return_path(worker, rs_return_paths_note(&worker->shard->return_paths, &path, now_ms));
    datagram->data += RS_SPP_SIZE;
    datagram->len -= RS_SPP_SIZE;
    datagram->peer = client;
    datagram->local = path.proxy;
    return RS_DROP_NONE;
}

static enum rs_drop decide(struct rs_relay_worker *worker, const struct rs_routing *routing,
                           struct rs_datagram *datagram, uint32_t now_ms)
{
    const struct rs_route *to;
    uint32_t via = 0;
    enum rs_drop drop =
        worker->serves_relays ? unwrap(worker, routing, datagram, now_ms, &via) : (enum rs_drop)RS_DROP_NONE;
    if (drop == RS_DROP_NONE)
        drop = route(worker, routing, datagram, via, now_ms, &to);
    if (drop != RS_DROP_NONE)
        return drop;
    if (to->relay != 0 && worker->serves_relays)
        return RS_DROP_NO_ROUTE; /* two tiers, not three: nothing goes round between clusters */
    if (to->relay != 0)
        to = take_hop(worker, routing, to, &datagram->peer, now_ms);
    datagram->data -= RS_SPP_SIZE;
    datagram->len += RS_SPP_SIZE;
    if (!worker->serves_relays)
        rs_spp_build(datagram->data, &datagram->peer, &datagram->local);
    datagram->peer = to->address;
    datagram->may_join_trunk = to->reads_trunks != 0;
    return RS_DROP_NONE;
}

void rs_relay_uplink(struct rs_relay_worker *worker, const struct rs_routing *routing, struct rs_datagram *datagrams,
                     unsigned count, uint32_t now_ms)
{
    rs_relay_count_received(&worker->shard->counters[RS_UPLINK], datagrams, count);
    rs_relay_fetch_flows(worker, RS_UPLINK, datagrams, count);
    take_learned(worker, now_ms);
    for (unsigned i = 0; i < count; i++)
        if (datagrams[i].drop == RS_DROP_NONE)
            datagrams[i].drop = decide(worker, routing, &datagrams[i], now_ms);
}
