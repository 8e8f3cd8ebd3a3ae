/* A flow that moves from worker to worker, as after an upgrade to another number of them, is never missed by a worker
 * that looks for it at the same time. */
#include <pthread.h>
#include <sched.h>

#include "relay_parts.h"
#include "relay_worker.h"
#include "spp.h"

enum { WORKERS = 3, MOVES = 3000, NOW_MS = 1000, PAYLOAD = 40 };

static struct rs_relay relay;
static const struct rs_routing *routing;
static const struct rs_address client = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, 4000};
static const struct rs_address public = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 2}, 5000};
static const struct rs_address transceiver = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 3}, 6000};
static _Atomic unsigned looked;
static _Atomic bool is_over;

/* The client's RTP at this worker goes to its transceiver. */
static void look(struct rs_relay_worker *worker)
{
    static uint8_t memory[RS_SPP_SIZE + PAYLOAD];
    uint8_t *payload = memory + RS_SPP_SIZE;
    struct rs_datagram datagram = {.data = payload, .len = PAYLOAD, .peer = client, .local = public};
    memset(payload, 0, PAYLOAD);
    payload[0] = 0x80;
    rs_relay_uplink(worker, routing, &datagram, 1, NOW_MS);
    CHECK(datagram.drop == RS_DROP_NONE && rs_address_equal(&datagram.peer, &transceiver));
}

/* The transceiver's datagram by way of this worker takes the flow there. */
static void move_to(struct rs_relay_worker *worker)
{
    static uint8_t memory[RS_SPP_SIZE + PAYLOAD];
    struct rs_datagram datagram = {.data = memory, .len = sizeof memory, .peer = transceiver};
    memset(memory, 0x16, sizeof memory); /* DTLS */
    rs_spp_build(memory, &client, &public);
    rs_relay_downlink(worker, routing, &datagram, 1, NOW_MS);
    CHECK(datagram.drop == RS_DROP_NONE);
}

/* So slowly that one look sees one move at most, as it is where a round trip lies between two. */
static void *move(void *unused)
{
    (void)unused;
    for (unsigned i = 1; i <= MOVES; i++) {
        unsigned before = atomic_load(&looked);
        while (atomic_load(&looked) - before < 2)
            sched_yield();
        move_to(&relay.worker[i % WORKERS]);
    }
    atomic_store(&is_over, true);
    return NULL;
}

int main(void)
{
    const struct rs_relay_settings settings = {WORKERS, 64, {9}};
    size_t size;
    struct rs_hint_keys keys;
    void *region = region_for(&settings, &size);
    pthread_t moving;
    make_keys(&keys);
    routing = routing_to(transceiver, &keys, 1);
    CHECK(rs_relay_init(&relay, &settings, region, size) == RS_OK);
    for (unsigned i = 0; i < WORKERS; i++)
        relay.worker[i].public.bound = public;
    move_to(&relay.worker[0]);
    CHECK(pthread_create(&moving, NULL, move, NULL) == 0);
    while (!atomic_load(&is_over)) {
        look(&relay.worker[atomic_load(&looked) % WORKERS]);
        atomic_fetch_add(&looked, 1);
    }
    pthread_join(moving, NULL);
    struct rs_counters *counters = &relay.worker[0].shard->counters[RS_DOWNLINK];
    CHECK(atomic_load(&counters->events[RS_FLOW_EVENT_RECOVERED]) == 1); /* the first one */
    CHECK(atomic_load(&counters->events[RS_FLOW_EVENT_MOVED]) == MOVES / WORKERS);
    free((void *)routing);
    free(region);
    return 0;
}
