/* Uplink rescue, where it is switched on. A client that got another address from its NAT goes on speaking there, and
 * checks it up to seconds later: its RTP is routed as before, by its source and within budgets. That makes no flow, so
 * that nothing goes back; the transceiver's keys say whether a packet is the client's. */
#include "relay_worker.h"
#include "wire.h"

#define RTP_SSRC 8 /* octets into the header, which classification has seen to be whole */

static uint64_t hash_ssrc(const struct rs_relay_worker *worker, const struct rs_datagram *datagram)
{
    return rs_siphash24(worker->relay->secret, datagram->data + RTP_SSRC, sizeof(uint32_t));
}

void rs_relay_note_source(struct rs_relay_worker *worker, const struct rs_datagram *datagram, const struct rs_route *to,
                          uint32_t now_ms)
{
    rs_ssrc_routes_note(&worker->shard->ssrc_routes, hash_ssrc(worker, datagram),
                        rs_read_u32be(datagram->data + RTP_SSRC), (uint32_t)to->cluster << 16 | to->transceiver,
                        now_ms);
}

bool rs_relay_rescue(struct rs_relay_worker *worker, const struct rs_routing *routing,
                     const struct rs_datagram *datagram, uint32_t now_ms, const struct rs_route **to)
{
    const struct rs_relay *relay = worker->relay;
    uint64_t hash = hash_ssrc(worker, datagram);
    uint32_t ids = 0;
    bool is_known = false;
    for (uint32_t i = 0; i < relay->workers && !is_known; i++)
        is_known = rs_ssrc_routes_find(&relay->worker[i].shard->ssrc_routes, hash,
                                       rs_read_u32be(datagram->data + RTP_SSRC), now_ms, &ids);
    if (!is_known || !rs_keyed_rates_take(&worker->shard->ssrc_rates, hash, RS_RELAY_RESCUED_PER_SSRC, now_ms) ||
        !rs_rate_take(&worker->shard->rescue_rate, RS_RELAY_RESCUED_PER_S, now_ms))
        return false;
    *to = rs_routing_find(routing, (uint16_t)(ids >> 16), (uint16_t)ids);
    if (*to == NULL)
        return false;
    rs_count(&worker->shard->counters[RS_UPLINK].events[RS_FLOW_EVENT_RESCUED], 1);
    return true;
}
