/* What a new owner of a seat finds after its predecessor died, wherever that one was. A thread dies between two of its
 * own instructions or in the kernel, which finishes the datagram it is at; so all that was written before is there. */
#include "relay_worker.h"

#define DISCARDED_MAX (1u << 20) /* more than any receive buffer holds */

static uint64_t unaccounted(const struct rs_counters *counters)
{
    uint64_t accounted = atomic_load_explicit(&counters->tx_datagrams, memory_order_relaxed);
    for (unsigned i = 0; i < RS_DROP_COUNT; i++)
        accounted += atomic_load_explicit(&counters->drops[i], memory_order_relaxed);
    return atomic_load_explicit(&counters->rx_datagrams, memory_order_relaxed) - accounted;
}

/* A batch that was being decided about is not looked at again: it may be what killed the one who did. */
static void close_account(struct rs_counters *counters, const struct rs_udp_batch *batch)
{
    if (rs_udp_phase(batch) == RS_UDP_HELD && unaccounted(counters) == 0)
        rs_count(&counters->rx_datagrams, batch->count); /* it died before it had counted them */
    rs_count(&counters->drops[RS_DROP_CRASH_IN_FLIGHT], unaccounted(counters));
}

static void count_discarded(struct rs_counters *counters, const struct rs_udp_batch *batch, unsigned count)
{
    rs_relay_count_received(counters, batch->datagrams, count);
    rs_count(&counters->drops[RS_DROP_CRASH_DISCARDED], count);
}

static void discard(const struct rs_udp_socket *source, struct rs_udp_batch *batch, struct rs_counters *counters)
{
    int received = 1;
    if (rs_udp_phase(batch) == RS_UDP_RECEIVING) /* what the kernel had put into it was in front of the dead one */
        count_discarded(counters, batch, rs_udp_resume_receive(source, batch));
    rs_udp_batch_adopt(batch);
    for (unsigned sum = 0; received > 0 && sum < DISCARDED_MAX; sum += (unsigned)received) {
        received = rs_udp_receive(source, batch, false);
        if (received > 0)
            count_discarded(counters, batch, (unsigned)received);
    }
    rs_udp_finish(batch);
}

void rs_relay_recover(struct rs_relay_worker *worker, enum rs_direction direction, bool discards)
{
    bool is_up = direction == RS_UPLINK;
    struct rs_udp_batch *batch = worker->batches[direction];
    struct rs_counters *counters = &worker->shard->counters[direction];
    rs_flow_table_recover(is_up ? worker->embryonic : worker->confirmed);
    switch (rs_udp_phase(batch)) {
    case RS_UDP_SENDING:
        rs_udp_resume_send(is_up ? &worker->upstream : &worker->public, batch);
        rs_relay_settle(counters, batch->datagrams, batch->count);
        rs_udp_finish(batch);
        break;
    case RS_UDP_RECEIVING: /* the thread goes on with it, or it is discarded too */
        break;
    default:
        close_account(counters, batch);
        rs_udp_finish(batch);
    }
    if (discards)
        discard(is_up ? &worker->public : &worker->upstream, batch, counters);
}
