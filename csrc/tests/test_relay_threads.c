/* Two workers' four threads at work while another thread does all that a control thread may: publishes routing values
 * and frees old ones, reads counters, scans tables, pops and pushes flows. For ThreadSanitizer (`make csrc-race-test`);
 * without it the accounts still have to close. */
#include <pthread.h>
#include <unistd.h>

#include "flow_scan.h"
#include "relay_parts.h"
#include "relay_worker.h"
#include "spp.h"

enum { WORKERS = 2, THREADS = WORKERS * RS_DIRECTIONS, ROUNDS = 300, CLIENTS = 24, WAIT_MS = 20 };

static struct rs_relay relay;
static struct rs_hint_keys keys;
static struct rs_udp_socket clients[CLIENTS], transceiver;
static _Atomic bool is_over;

static void open_peer(struct rs_udp_socket *out)
{
    CHECK(rs_udp_socket_init(out, open_socket(WAIT_MS), false) == RS_OK);
}

static void *forward(void *number)
{
    uintptr_t thread = (uintptr_t)number;
    CHECK(rs_relay_run(&relay, (uint32_t)(thread / RS_DIRECTIONS), (enum rs_direction)(thread % RS_DIRECTIONS)) ==
          RS_OK);
    return NULL;
}

/* Each client asks and then speaks; what no flow was begun for is dropped, which is a client's way to be missed. */
static void *talk(void *unused)
{
    static struct rs_udp_batch batch;
    rs_udp_batch_init(&batch);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < CLIENTS; i++) {
            for (unsigned slot = 0; slot < 2; slot++) {
                struct rs_datagram *datagram = rs_udp_slot(&batch, slot);
                build_request(&keys, (uint8_t)i, datagram->data);
                if (slot == 1)
                    datagram->data[0] = 0x80;
                datagram->len = PARTS_REQUEST;
                datagram->peer = relay.worker[i % WORKERS].public.bound;
            }
            rs_udp_send(&clients[i], &batch, 2);
            rs_udp_finish(&batch);
            rs_udp_batch_init(&batch);
            rs_udp_receive(&clients[i], &batch, false);
            rs_udp_batch_init(&batch);
        }
    (void)unused;
    return NULL;
}

/* The transceiver sends all back, as DTLS by its first octet, which confirms. */
static void *echo(void *unused)
{
    static struct rs_udp_batch batch;
    rs_udp_batch_init(&batch);
    while (!atomic_load(&is_over)) {
        int received = rs_udp_receive(&transceiver, &batch, true);
        CHECK(received >= 0);
        for (int i = 0; i < received; i++)
            batch.datagrams[i].data[RS_SPP_SIZE] = 0x16;
        rs_udp_send(&transceiver, &batch, (unsigned)received);
        rs_udp_finish(&batch);
    }
    (void)unused;
    return NULL;
}

static void *control(void *unused)
{
    struct rs_routing *in_force = routing_to(transceiver.bound, &keys, 1);
    const uint32_t ids[] = {1u << 16 | 2};
    rs_relay_publish(&relay, in_force);
    for (uint64_t generation = 2; !atomic_load(&is_over); generation++) {
        struct rs_routing *next = routing_to(transceiver.bound, &keys, generation);
        struct rs_flow flows[16];
        struct rs_flow_ref refs[16];
        uint64_t counts[RS_COUNTERS];
        uint32_t place = 0;
        uint8_t mark = 0;
        rs_relay_publish(&relay, next);
        for (unsigned i = 0; i < WORKERS; i++) {
            struct rs_relay_worker *worker = &relay.worker[i];
            unsigned missed = rs_flow_ring_pop(&worker->shard->missed, flows, 16);
            for (unsigned j = 0; j < missed; j++)
                rs_flow_ring_push(&worker->shard->learned, &flows[j]);
            rs_flow_ring_pop(&worker->shard->confirmed, flows, 16);
            rs_flow_table_scan(worker->confirmed, 0, &place, 64, refs, 16);
            for (unsigned d = 0; d < RS_DIRECTIONS; d++)
                rs_counters_read(&worker->shard->counters[d], counts);
        }
        rs_relay_mark_routes(&relay, 0, UINT32_MAX, ids, 1, &mark);
        while (rs_relay_oldest_generation(&relay) < generation)
            usleep(1000);
        free(in_force);
        in_force = next;
    }
    (void)unused;
    return in_force;
}

static void check_accounts(void)
{
    for (unsigned i = 0; i < THREADS; i++) {
        struct rs_counters *counters = &relay.worker[i / RS_DIRECTIONS].shard->counters[i % RS_DIRECTIONS];
        uint64_t accounted = atomic_load(&counters->tx_datagrams);
        for (unsigned drop = 0; drop < RS_DROP_COUNT; drop++)
            accounted += atomic_load(&counters->drops[drop]);
        CHECK(atomic_load(&counters->rx_datagrams) == accounted && accounted > 0);
    }
}

int main(void)
{
    const struct rs_relay_settings settings = {WORKERS, 64, {9}};
    size_t size;
    void *region = region_for(&settings, &size), *last_routing;
    pthread_t forwarding[THREADS], talking, echoing, controlling;
    make_keys(&keys);
    open_peer(&transceiver);
    for (unsigned i = 0; i < CLIENTS; i++)
        open_peer(&clients[i]);
    CHECK(rs_relay_init(&relay, &settings, region, size) == RS_OK);
    for (uint32_t i = 0; i < WORKERS; i++)
        CHECK(rs_relay_attach(&relay, i, open_socket(WAIT_MS), open_socket(WAIT_MS), -1) == RS_OK);
    CHECK(pthread_create(&controlling, NULL, control, NULL) == 0);
    while (atomic_load(&relay.routing) == NULL)
        usleep(1000);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&forwarding[i], NULL, forward, (void *)i) == 0);
    CHECK(pthread_create(&echoing, NULL, echo, NULL) == 0);
    CHECK(pthread_create(&talking, NULL, talk, NULL) == 0);
    pthread_join(talking, NULL);
    atomic_store(&is_over, true);
    pthread_join(echoing, NULL);
    pthread_join(controlling, &last_routing);
    rs_relay_stop(&relay);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(forwarding[i], NULL);
    check_accounts();
    free(last_routing);
    free(region);
    return 0;
}
