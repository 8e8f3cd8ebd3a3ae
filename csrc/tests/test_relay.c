/* A worker's two threads over loopback: settings, forwarding both ways, taking a new routing value, stopping. What the
 * directions decide is tested packet by packet in tests/unit/test_relay_uplink.py and test_relay_downlink.py. */
#include <pthread.h>
#include <unistd.h>

#include "relay_parts.h"
#include "relay_worker.h"
#include "spp.h"

static struct rs_relay relay;

/* A worker's socket wakes up often, so that the worker stops soon; whoever waits for a worker is patient. */
enum { WORKERS_MS = 50, PATIENT_MS = 20000 };

static void test_settings_out_of_range_are_refused(void)
{
    const struct rs_relay_settings wrong[] = {
        {0, 1, {0}}, {RS_RELAY_WORKERS_MAX + 1, 1, {0}}, {1, 0, {0}}, {1, RS_FLOW_CAPACITY_MAX + 1, {0}}};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(rs_relay_region_size(&wrong[i]) == 0);
    const struct rs_relay_settings right = {2, 100, {0}};
    size_t size;
    void *region = region_for(&right, &size);
    CHECK(rs_relay_init(&relay, &right, region, size - 1) == RS_INVALID);
    CHECK(rs_relay_init(&relay, &right, (uint8_t *)region + 8, size) == RS_INVALID);
    CHECK(rs_relay_init(&relay, &right, region, size) == RS_OK);
    CHECK(rs_relay_attach(&relay, 2, 0, 0, -1) == RS_INVALID);
    CHECK(rs_relay_attach(&relay, 1, -1, -1, -1) == RS_SYSTEM);
    CHECK(rs_relay_oldest_generation(&relay) == UINT64_MAX);
    free(region);
}

static void *run_uplink(void *unused)
{
    (void)unused;
    CHECK(rs_relay_run(&relay, 0, RS_UPLINK) == RS_OK);
    return NULL;
}

static void *run_downlink(void *unused)
{
    (void)unused;
    CHECK(rs_relay_run(&relay, 0, RS_DOWNLINK) == RS_OK);
    return NULL;
}

static void test_both_directions_forward_until_stopped(void)
{
    const struct rs_relay_settings settings = {1, 100, {9}};
    struct rs_hint_keys keys;
    size_t size;
    void *region = region_for(&settings, &size);
    int public = open_socket(WORKERS_MS), upstream = open_socket(WORKERS_MS);
    int client = open_socket(PATIENT_MS), transceiver = open_socket(PATIENT_MS);
    static struct rs_udp_batch batch;
    struct rs_udp_socket as_client, as_transceiver;
    pthread_t threads[2];
    rs_udp_batch_init(&batch);
    make_keys(&keys);
    CHECK(rs_udp_socket_init(&as_client, client, false) == RS_OK);
    CHECK(rs_udp_socket_init(&as_transceiver, transceiver, false) == RS_OK);
    CHECK(rs_relay_init(&relay, &settings, region, size) == RS_OK);
    CHECK(rs_relay_attach(&relay, 0, public, upstream, 0) == RS_OK);
    struct rs_routing *first = routing_to(as_transceiver.bound, &keys, 1);
    struct rs_routing *second = routing_to(as_transceiver.bound, &keys, 2);
    rs_relay_publish(&relay, first);
    CHECK(pthread_create(&threads[0], NULL, run_uplink, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, run_downlink, NULL) == 0);

    struct rs_datagram *request = rs_udp_slot(&batch, 0);
    build_request(&keys, 1, request->data);
    request->len = PARTS_REQUEST;
    request->peer = relay.worker[0].public.bound;
    rs_udp_send(&as_client, &batch, 1);
    CHECK(request->drop == RS_DROP_NONE && rs_udp_receive(&as_transceiver, &batch, true) == 1);
    CHECK(batch.datagrams[0].len == RS_SPP_SIZE + PARTS_REQUEST);
    CHECK(rs_address_equal(&batch.datagrams[0].peer, &relay.worker[0].upstream.bound));

    struct rs_datagram *answer = &batch.datagrams[0];
    memset(answer->data + RS_SPP_SIZE, 0x16, PARTS_REQUEST); /* DTLS, by its first octet */
    rs_udp_send(&as_transceiver, &batch, 1);
    CHECK(rs_udp_receive(&as_client, &batch, true) == 1 && batch.datagrams[0].len == PARTS_REQUEST);

    CHECK(rs_relay_oldest_generation(&relay) == 1);
    rs_relay_publish(&relay, second);
    while (rs_relay_oldest_generation(&relay) == 1)
        usleep(1000);
    free(first);
    rs_relay_stop(&relay);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(rs_relay_oldest_generation(&relay) == UINT64_MAX);
    uint64_t counts[RS_COUNTERS];
    for (unsigned i = 0; i < RS_DIRECTIONS; i++) {
        rs_counters_read(&relay.worker[0].shard->counters[i], counts);
        CHECK(counts[0] == 1 && counts[2] == 1);
    }
    CHECK(rs_flow_table_count(relay.worker[0].confirmed) == 1);
    free(second);
    free(region);
    close(public);
    close(upstream);
    close(client);
    close(transceiver);
}

static void test_region_is_opened_only_by_who_would_have_made_it(void)
{
    const struct rs_relay_settings settings = {2, 100, {9}}, more_workers = {3, 100, {9}}, more_flows = {2, 101, {9}};
    const struct rs_relay_settings another_secret = {2, 100, {8}};
    size_t size;
    uint8_t *region = region_for(&settings, &size);
    CHECK(rs_relay_open(&relay, &settings, region, size) == RS_MALFORMED);
    CHECK(rs_relay_init(&relay, &settings, region, size) == RS_OK);
    CHECK(rs_relay_open(&relay, &another_secret, region, size) == RS_OK);
    CHECK(relay.secret[0] == 9); /* the region's */
    CHECK(rs_relay_open(&relay, &more_workers, region, size) == RS_MALFORMED);
    CHECK(rs_relay_open(&relay, &more_flows, region, size) == RS_MALFORMED);
    CHECK(rs_relay_open(&relay, &settings, region, size - 1) == RS_MALFORMED);
    CHECK(rs_relay_open(&relay, &settings, region, 8) == RS_MALFORMED);
    for (unsigned octet = 0; octet < 24; octet++) { /* magic, version, workers, flows, layout */
        region[octet] ^= 1;
        CHECK(rs_relay_open(&relay, &settings, region, size) == RS_MALFORMED);
        region[octet] ^= 1;
    }
    rs_relay_open(&relay, &settings, region, size);
    *(uint8_t *)relay.worker[1].confirmed ^= 1; /* a table's own head */
    CHECK(rs_relay_open(&relay, &settings, region, size) == RS_MALFORMED);
    free(region);
}

static void test_region_grows_with_the_workers(void)
{
    struct rs_relay_settings one = {1, 1024, {1}}, three = {3, 1024, {2}}, fewer = {1, 1024, {1}},
                             flows = {1, 2048, {1}};
    static struct rs_relay relay;
    size_t held = rs_relay_region_size(&one), size;
    uint8_t *region = region_for(&three, &size);
    CHECK(rs_relay_region_held(&one, region, size) == 0);
    CHECK(rs_relay_init(&relay, &one, region, held) == RS_OK);
    CHECK(rs_relay_region_held(&one, region, size) == held && rs_relay_region_held(&one, region, 8) == 0);
    CHECK(rs_relay_region_held(&flows, region, size) == 0);
    rs_count(&relay.worker[0].shard->counters[RS_UPLINK].rx_datagrams, 7);
    CHECK(rs_relay_open(&relay, &three, region, size - 1) == RS_MALFORMED);
    CHECK(rs_relay_region_held(&one, region, size) == held);
    CHECK(rs_relay_open(&relay, &three, region, size) == RS_OK);
    CHECK(relay.workers == 3 && relay.secret[0] == 1);
    CHECK(rs_relay_region_held(&one, region, size) == size);
    CHECK(rs_flow_table_count(relay.worker[2].confirmed) == 0);
    CHECK(atomic_load(&relay.worker[0].shard->counters[RS_UPLINK].rx_datagrams) == 7);
    CHECK(rs_relay_open(&relay, &fewer, region, size) == RS_OK); /* one that knows of fewer workers */
    CHECK(relay.workers == 1 && rs_relay_region_held(&one, region, size) == size);
    free(region);
}

/* What a predecessor left at its death in one phase or another, and what its account says after it was recovered. */
static void test_account_is_closed_wherever_the_predecessor_died(void)
{
    const struct rs_relay_settings settings = {1, 100, {9}};
    const struct {
        enum rs_udp_phase phase;
        unsigned received, sent, in_flight, received_after;
    } deaths[] = {
        {RS_UDP_IDLE, 5, 5, 0, 5}, {RS_UDP_HELD, 5, 5, 3, 8}, /* before the batch of 3 was counted */
        {RS_UDP_HELD, 8, 5, 3, 8},                            /* after that */
        {RS_UDP_SENT, 8, 5, 3, 8},                            /* before what became of it was counted */
        {RS_UDP_SENT, 8, 8, 0, 8},                            /* after that */
    };
    for (unsigned i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        size_t size;
        void *region = region_for(&settings, &size);
        CHECK(rs_relay_init(&relay, &settings, region, size) == RS_OK);
        struct rs_counters *counters = &relay.worker[0].shard->counters[RS_UPLINK];
        struct rs_udp_batch *batch = relay.worker[0].batches[RS_UPLINK];
        rs_count(&counters->rx_datagrams, deaths[i].received);
        rs_count(&counters->tx_datagrams, deaths[i].sent);
        batch->count = 3;
        batch->phase = deaths[i].phase;
        rs_relay_recover(&relay.worker[0], RS_UPLINK, false);
        CHECK(counters->drops[RS_DROP_CRASH_IN_FLIGHT] == deaths[i].in_flight);
        CHECK(counters->rx_datagrams == deaths[i].received_after);
        CHECK(rs_udp_phase(batch) == RS_UDP_IDLE);
        free(region);
    }
}

static void test_what_waits_is_discarded_unread_and_counted(void)
{
    const struct rs_relay_settings settings = {1, 100, {9}};
    size_t size;
    void *region = region_for(&settings, &size);
    int public = open_socket(PATIENT_MS), upstream = open_socket(WORKERS_MS), client = open_socket(WORKERS_MS);
    static struct rs_udp_batch batch;
    struct rs_udp_socket as_client;
    rs_udp_batch_init(&batch);
    CHECK(rs_relay_init(&relay, &settings, region, size) == RS_OK);
    CHECK(rs_relay_attach(&relay, 0, public, upstream, -1) == RS_OK);
    CHECK(rs_udp_socket_init(&as_client, client, false) == RS_OK);
    for (unsigned i = 0; i < 10; i++) {
        rs_udp_slot(&batch, i)->len = 5;
        batch.datagrams[i].peer = relay.worker[0].public.bound;
    }
    rs_udp_send(&as_client, &batch, 10);
    struct rs_udp_batch *received = relay.worker[0].batches[RS_UPLINK];
    CHECK(rs_udp_receive(&relay.worker[0].public, received, true) == 10);
    received->phase = RS_UDP_RECEIVING; /* as it was when the kernel returned; the next ones are in the socket */
    rs_udp_send(&as_client, &batch, 10);
    rs_relay_recover(&relay.worker[0], RS_UPLINK, true);
    struct rs_counters *counters = &relay.worker[0].shard->counters[RS_UPLINK];
    CHECK(counters->rx_datagrams == 20 && counters->drops[RS_DROP_CRASH_DISCARDED] == 20);
    CHECK(counters->kinds[RS_KIND_OTHER] == 0);
    free(region);
    close(public);
    close(upstream);
    close(client);
}

int main(void)
{
    test_region_is_opened_only_by_who_would_have_made_it();
    test_region_grows_with_the_workers();
    test_account_is_closed_wherever_the_predecessor_died();
    test_what_waits_is_discarded_unread_and_counted();
    test_settings_out_of_range_are_refused();
    test_both_directions_forward_until_stopped();
    return 0;
}
