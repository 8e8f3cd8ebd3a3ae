#include "relay_worker.h"

bool rs_relay_find_elsewhere(const struct rs_relay_worker *worker, uint64_t hash, const struct rs_address *client,
                             uint32_t now_ms, struct rs_flow_ref *out, struct rs_relay_worker **owner)
{
    struct rs_relay *relay = worker->relay;
    /* A flow that moves is in its new table before it leaves the old one, so whoever looks at the new table too early
     * and at the old one too late finds it the second time. A stranger's costs little: the lines are in the cache. */
    for (unsigned attempt = 0; attempt < 2 && relay->workers > 1; attempt++) {
        for (uint32_t i = 0; i < relay->workers; i++) {
            struct rs_relay_worker *other = &relay->worker[i];
            if ((other != worker || attempt > 0) && rs_flow_table_find(other->confirmed, hash, client, now_ms, out)) {
                *owner = other;
                return true;
            }
        }
        atomic_thread_fence(memory_order_acquire); /* who saw it gone sees where it went */
    }
    return false;
}

void rs_relay_count_received(struct rs_counters *counters, const struct rs_datagram *datagrams, unsigned count)
{
    uint64_t octets = 0;
    for (unsigned i = 0; i < count; i++)
        octets += datagrams[i].len;
    rs_count(&counters->rx_datagrams, count);
    rs_count(&counters->rx_bytes, octets);
}

enum rs_drop rs_relay_classify(struct rs_counters *counters, const struct rs_datagram *datagram, enum rs_kind *kind)
{
    enum rs_drop drop = rs_classify(datagram->data, datagram->len, kind);
    rs_count(&counters->kinds[drop == RS_DROP_NONE ? (unsigned)*kind : RS_KIND_OTHER], 1);
    return drop;
}

void rs_relay_note_refusals(struct rs_relay_worker *worker, const struct rs_routing *routing)
{
    struct rs_address address;
    /* Taken whoever they are about: what is left in the error queue takes room in the receive buffer. */
    while (rs_udp_take_refusal(&worker->upstream, &address)) {
        const struct rs_route *route = rs_routing_find_source(routing, &address);
        if (route != NULL && route->relay != 0)
            rs_hop_refused(&worker->shard->hops, route);
    }
}
