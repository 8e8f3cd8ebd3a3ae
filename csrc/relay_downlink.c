/* Transceivers to clients. What a listed transceiver sends to a client, and is not STUN, makes the confirmed flow: it
 * sends that only to an address that an authenticated request came from, whereas it answers STUN to anybody. */
#include <string.h>

#include "relay_worker.h"
#include "spp.h"
#include "stun.h"

#define BINDING_SUCCESS 0x0101

static void count_event(struct rs_relay_worker *worker, enum rs_flow_event event)
{
    rs_count(&worker->shard->counters[RS_DOWNLINK].events[event], 1);
}

/* Ends the longest unrenewed flow of the hint while it has too many, never the one of `client`. */
static void keep_newest(struct rs_relay_worker *worker, const struct rs_flow *newest, uint32_t now_ms)
{
    struct rs_relay *relay = worker->relay;
    unsigned others = 0;
    struct rs_relay_worker *owner = NULL;
    struct rs_flow_ref oldest = {0};
    for (uint32_t i = 0; i < relay->workers; i++) {
        struct rs_flow_ref found[RS_RELAY_CONFIRMED_PER_UFRAG + 1];
        unsigned count = rs_flow_table_find_hint(relay->worker[i].confirmed, newest->hint, now_ms, found,
                                                 RS_RELAY_CONFIRMED_PER_UFRAG + 1);
        for (unsigned j = 0; j < count; j++) {
            if (rs_address_equal(&found[j].flow.client, &newest->client))
                continue;
            others++;
            if (owner == NULL || rs_age_ms(now_ms, found[j].renewed_ms) > rs_age_ms(now_ms, oldest.renewed_ms)) {
                owner = &relay->worker[i];
                oldest = found[j];
            }
        }
    }
    if (others >= RS_RELAY_CONFIRMED_PER_UFRAG) {
        rs_flow_table_end(owner->confirmed, &oldest);
        count_event(worker, RS_FLOW_EVENT_EVICTED);
    }
}

/* Has the flow mirrored in the flow cache, which stores hints and nothing else. */
static void announce(struct rs_relay_worker *worker, const struct rs_flow *flow)
{
    rs_flow_ring_push(&worker->shard->confirmed, flow);
}

/* A client's state before a datagram that makes or keeps a confirmed flow. */
struct standing {
    bool is_confirmed; /* in `confirmed`, held by `owner` */
    bool is_ours;
    bool is_embryonic; /* in `embryonic`, and of the datagram's transceiver */
    struct rs_flow_ref confirmed;
    struct rs_flow_ref embryonic;
    struct rs_relay_worker *owner;
};

static void find_embryonic(const struct rs_relay_worker *worker, const struct rs_route *from, uint64_t hash,
                           const struct rs_address *client, uint32_t now_ms, struct standing *out)
{
    out->is_embryonic = rs_flow_table_find(worker->embryonic, hash, client, now_ms, &out->embryonic) &&
                        rs_relay_is_from(&out->embryonic.flow, from);
}

/* Puts a confirmed flow where none of this transceiver is in this worker's table. */
static enum rs_drop confirm(struct rs_relay_worker *worker, const struct rs_route *from, uint64_t hash,
                            const struct rs_address *client, uint32_t now_ms, const struct standing *standing,
                            uint32_t *via)
{
    struct rs_flow flow = {.client = *client,
                           .cluster = from->cluster,
                           .transceiver = from->transceiver,
                           .via = from->relay != 0 ? rs_hop_id(from) : 0};
    enum rs_flow_event event = RS_FLOW_EVENT_RECOVERED;
    if (standing->is_embryonic) {
        flow = standing->embryonic.flow;
        event = RS_FLOW_EVENT_CONFIRMED;
    } else if (standing->is_confirmed && rs_relay_is_from(&standing->confirmed.flow, from)) {
        flow = standing->confirmed.flow; /* another worker's: the client's datagrams or the replies moved here */
    } else if (!rs_rate_take(&worker->shard->relearn_rate, RS_RELAY_RELEARNED_PER_S, now_ms)) {
        return RS_DROP_RELEARN_RATE;
    }
    if (rs_flow_table_put(worker->confirmed, hash, &flow, now_ms, false) == RS_FLOW_REFUSED)
        return RS_DROP_FLOW_TABLE_FULL;
    if (standing->is_confirmed && !standing->is_ours) {
        atomic_thread_fence(memory_order_release); /* who sees it gone sees where it went */
        rs_flow_table_end(standing->owner->confirmed, &standing->confirmed);
    }
    *via = flow.via;
    count_event(worker, standing->is_confirmed ? RS_FLOW_EVENT_MOVED : event);
    if (flow.has_hint) {
        keep_newest(worker, &flow, now_ms);
        announce(worker, &flow);
    }
    return RS_DROP_NONE;
}

/* A flow that was recovered knows its route only, and one whose key was removed is closed: the client's next request
 * tells the session's hint, and opens it again. */
static void adopt_hint(struct rs_relay_worker *worker, const struct rs_route *from, uint64_t hash,
                       const struct rs_address *client, uint32_t now_ms)
{
    struct standing standing;
    find_embryonic(worker, from, hash, client, now_ms, &standing);
    if (!standing.is_embryonic)
        return;
    rs_flow_table_put(worker->confirmed, hash, &standing.embryonic.flow, now_ms, false);
    keep_newest(worker, &standing.embryonic.flow, now_ms);
    announce(worker, &standing.embryonic.flow);
}

static enum rs_drop learn(struct rs_relay_worker *worker, const struct rs_routing *routing, const struct rs_route *from,
                          const struct rs_address *client, uint32_t now_ms, uint32_t *via)
{
    uint64_t hash = rs_flow_hash(worker->relay->secret, client);
    struct standing standing = {.owner = worker};
    standing.is_ours = rs_flow_table_find(worker->confirmed, hash, client, now_ms, &standing.confirmed);
    standing.is_confirmed =
        standing.is_ours || rs_relay_find_elsewhere(worker, hash, client, now_ms, &standing.confirmed, &standing.owner);
    if (standing.is_confirmed) {
        bool is_same = rs_relay_is_from(&standing.confirmed.flow, from);
        if (!is_same && rs_relay_is_sticky(&standing.confirmed, now_ms))
            return RS_DROP_FLOW_CONFLICT;
        if (is_same && standing.is_ours) {
            *via = standing.confirmed.flow.via;
            rs_flow_table_renew(worker->confirmed, &standing.confirmed, now_ms);
            if (!standing.confirmed.flow.has_hint || !rs_relay_is_open(routing, &standing.confirmed.flow))
                adopt_hint(worker, from, hash, client, now_ms);
            return RS_DROP_NONE;
        }
    }
    find_embryonic(worker, from, hash, client, now_ms, &standing);
    return confirm(worker, from, hash, client, now_ms, &standing, via);
}

/* STUN creates and confirms nothing: it goes to whoever has a flow or asked a moment ago. A success response shows
 * that the flow's transceiver still knows this client. */
static enum rs_drop pass_stun(struct rs_relay_worker *worker, const struct rs_route *from,
                              const struct rs_datagram *datagram, const struct rs_address *client, uint32_t now_ms,
                              uint32_t *via)
{
    uint64_t hash = rs_flow_hash(worker->relay->secret, client);
    struct rs_relay_worker *owner;
    struct rs_flow_ref ref;
    if (rs_flow_table_find(worker->confirmed, hash, client, now_ms, &ref)) {
        if (rs_read_u16be(datagram->data) == BINDING_SUCCESS && rs_relay_is_from(&ref.flow, from))
            rs_flow_table_keep_alive(worker->confirmed, &ref, now_ms);
        *via = ref.flow.via;
        return RS_DROP_NONE;
    }
    if (rs_flow_table_find(worker->embryonic, hash, client, now_ms, &ref) ||
        rs_relay_find_elsewhere(worker, hash, client, now_ms, &ref, &owner)) {
        *via = ref.flow.via;
        return RS_DROP_NONE;
    }
    return rs_recent_clients_has(&worker->shard->recent, hash, now_ms) ? RS_DROP_NONE : RS_DROP_STUN_UNSOLICITED;
}

/* Whether we can send from `proxy`: the address that the public socket is bound to; any with its port if that is the
 * wildcard, where the kernel knows which ones are the host's. */
static bool owns(const struct rs_udp_socket *public, const struct rs_address *proxy)
{
    if (!public->has_many_locals)
        return rs_address_equal(&public->bound, proxy);
    return proxy->port == public->bound.port && (public->family == AF_INET6 || rs_address_is_ipv4(proxy->ip));
}

/* The way back to the relay that owns `proxy`: the flow's, or else that of whoever named this proxy address last. The
 * transceiver repeats the header of a datagram that was authentic, so nobody else's datagrams lead a flow astray. */
static bool find_return_path(const struct rs_relay_worker *worker, const struct rs_routing *routing,
                             const struct rs_address *proxy, uint32_t via, uint32_t now_ms, struct rs_return_path *out)
{
    const struct rs_relay *relay = worker->relay;
    uint32_t number = via & ~RS_VIA_RETURN_PATH, noted_by = number / RS_RETURN_PATHS;
    bool is_found = (via & RS_VIA_RETURN_PATH) != 0 && noted_by < relay->workers &&
                    rs_return_paths_get(&relay->worker[noted_by].shard->return_paths, number % RS_RETURN_PATHS, out) &&
                    rs_address_equal(&out->proxy, proxy);
    if (!is_found)
        is_found = rs_return_paths_find(&worker->shard->return_paths, proxy, now_ms, out);
    return is_found && rs_routing_trusts_relay(routing, &out->relay);
}

/* Back to the relay that it came through, header and all. */
static enum rs_drop return_to_relay(const struct rs_relay_worker *worker, const struct rs_routing *routing,
                                    struct rs_datagram *datagram, const struct rs_address *proxy, uint32_t via,
                                    uint32_t now_ms)
{
    struct rs_return_path path;
    if (!find_return_path(worker, routing, proxy, via, now_ms, &path))
        return RS_DROP_PROXY_FOREIGN;
    datagram->data -= RS_SPP_SIZE;
    datagram->len += RS_SPP_SIZE;
    datagram->peer = path.relay;
    datagram->local = path.local;
    return RS_DROP_NONE;
}

static enum rs_drop route(struct rs_relay_worker *worker, const struct rs_routing *routing,
                          struct rs_datagram *datagram, uint32_t now_ms)
{
    const struct rs_route *from = rs_routing_find_source(routing, &datagram->peer);
    struct rs_address client, proxy;
    enum rs_kind kind;
    uint32_t via = 0;
    if (from == NULL)
        return RS_DROP_SOURCE_NOT_LISTED;
    if (from->relay != 0)
        rs_hop_heard(&worker->shard->hops, from, now_ms);
    enum rs_drop drop = rs_spp_parse(datagram->data, datagram->len, &client, &proxy);
    if (drop != RS_DROP_NONE)
        return drop;
    if (!rs_routing_admits_client(routing, &client) || rs_address_equal(&client, &proxy))
        return RS_DROP_CLIENT_DENIED;
    if (!worker->serves_relays && !owns(&worker->public, &proxy))
        return RS_DROP_PROXY_FOREIGN;
    datagram->data += RS_SPP_SIZE;
    datagram->len -= RS_SPP_SIZE;
    drop = rs_relay_classify(&worker->shard->counters[RS_DOWNLINK], datagram, &kind);
    if (drop == RS_DROP_NONE)
        drop = kind == RS_KIND_STUN ? pass_stun(worker, from, datagram, &client, now_ms, &via)
                                    : learn(worker, routing, from, &client, now_ms, &via);
    if (drop != RS_DROP_NONE)
        return drop;
    if (worker->serves_relays)
        return return_to_relay(worker, routing, datagram, &proxy, via, now_ms);
    datagram->peer = client;
    datagram->local = proxy;
    return RS_DROP_NONE;
}

void rs_relay_downlink(struct rs_relay_worker *worker, const struct rs_routing *routing, struct rs_datagram *datagrams,
                       unsigned count, uint32_t now_ms)
{
    rs_relay_count_received(&worker->shard->counters[RS_DOWNLINK], datagrams, count);
    rs_relay_fetch_flows(worker, RS_DOWNLINK, datagrams, count);
    for (unsigned i = 0; i < count; i++)
        if (datagrams[i].drop == RS_DROP_NONE)
            datagrams[i].drop = route(worker, routing, &datagrams[i], now_ms);
}
