/* Invariant: a first relay sends only to the relays of a cluster, and down only what those send to an admitted client;
 * a relay of a cluster takes only what listed relays send, hands it on as it came to a routed transceiver, and answers
 * go back as they came to a relay that named their proxy address. Each datagram is counted once.
 *
 * The input is a list of steps: what, who, a pause, a length and so many octets. */
#include "relay_steps.h"
#include "spp.h"

enum { RELAYS = 4, CLIENTS = 4, PROXIES = 2, FIRST = 0, SERVING = 1 };
enum { CLIENT_UP, CLIENT_REQUEST, CLUSTER_DOWN, RELAY_UP, RELAY_REQUEST, RELAY_RAW, TRANSCEIVER_DOWN, KINDS };

static const struct rs_address public = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 10}, 3478};
static const struct rs_relay_settings settings = {.workers = 2, .confirmed_flows = 4, .secret = {1, 2, 3}};
static struct rs_relay relay;
static struct rs_hint_keys keys;
static struct rs_routing *routing;
static void *region;
static bool has_named[RELAYS][PROXIES];

static struct rs_address host(uint8_t net, unsigned i, uint16_t port)
{
    return (struct rs_address){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, net, 0, (uint8_t)i}, port};
}

/* Cluster 1 has transceivers, cluster 2 relays; the last of the first relays is not listed. */
static struct rs_address transceiver(unsigned i)
{
    return host(1, i, 5000);
}
static struct rs_address cluster_relay(unsigned i)
{
    return host(2, i, 4000);
}
static struct rs_address first_relay(unsigned i)
{
    return host(i == RELAYS - 1 ? 4 : 3, i, 40000);
}
static struct rs_address proxy(unsigned i)
{
    return (struct rs_address){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, (uint8_t)i}, 3478};
}

/* The last one is none: loopback. */
static struct rs_address client(unsigned i)
{
    struct rs_address address = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, (uint8_t)i}, 50000};
    if (i == CLIENTS - 1)
        memcpy(address.ip + 12, (uint8_t[]){127, 0, 0, 1}, 4);
    return address;
}

static void build_once(void)
{
    const struct rs_network relays = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 3, 0, 0}, 112};
    struct rs_route routes[4] = {0};
    if (routing != NULL)
        return;
    make_keys(&keys);
    for (unsigned i = 0; i < 2; i++) {
        routes[i] =
            (struct rs_route){.address = transceiver(i), .cluster = 1, .transceiver = (uint16_t)i, .is_routed = 1};
        routes[2 + i] = (struct rs_route){.address = cluster_relay(i), .cluster = 2, .is_routed = 1, .relay = 1};
    }
    struct rs_routing_parts parts = {.keys = &keys,
                                     .routes = routes,
                                     .route_count = 4,
                                     .own = &public,
                                     .own_count = 1,
                                     .relays = &relays,
                                     .relay_count = 1};
    routing = new_routing(&parts);
    region = zeroed(64, rs_relay_region_size(&settings));
}

/* Which of `count` addresses this is; `count`: none. */
static unsigned which(const struct rs_address *address, struct rs_address (*of)(unsigned), unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct rs_address one = of(i);
        if (rs_address_equal(address, &one))
            return i;
    }
    return count;
}

static void check_first(const struct rs_datagram *datagram, const uint8_t *start, bool is_up, unsigned who)
{
    struct rs_address named, at, expected = client(who);
    if (is_up) {
        /* The transceiver's is the flow that the same client has by way of another relay. */
        HOLDS(which(&datagram->peer, cluster_relay, 2) < 2 || which(&datagram->peer, transceiver, 2) < 2);
        HOLDS(datagram->data == start - RS_SPP_SIZE);
        HOLDS(rs_spp_parse(datagram->data, datagram->len, &named, &at) == RS_DROP_NONE);
        HOLDS(rs_address_equal(&named, &expected) && rs_address_equal(&at, &public));
    } else {
        HOLDS(rs_address_equal(&datagram->peer, &expected) && who != CLIENTS - 1);
        HOLDS(datagram->data == start + RS_SPP_SIZE);
    }
}

static void check_serving(const struct rs_datagram *datagram, const uint8_t *start, const uint8_t *copy, size_t len,
                          bool is_up, unsigned from)
{
    struct rs_address named, at;
    HOLDS(datagram->data == start && datagram->len == len && memcmp(start, copy, len) == 0);
    HOLDS(rs_spp_parse(start, len, &named, &at) == RS_DROP_NONE && rs_routing_admits_client(routing, &named));
    if (is_up) {
        HOLDS(from != RELAYS - 1 && which(&datagram->peer, transceiver, 2) < 2);
        return;
    }
    unsigned to = which(&datagram->peer, first_relay, RELAYS), by = which(&at, proxy, PROXIES);
    HOLDS(to < RELAYS - 1 && (by == PROXIES || has_named[to][by]));
}

/* One datagram in an allocation of its own, with the headroom in front. */
static void step(const uint8_t *what, const uint8_t *octets, size_t len, uint32_t now_ms)
{
    unsigned kind = what[0] % KINDS, who = what[1] % CLIENTS, from = (what[1] >> 2) % RELAYS, by = what[1] >> 4 & 1;
    bool is_first = kind <= CLUSTER_DOWN, is_up = kind != CLUSTER_DOWN && kind != TRANSCEIVER_DOWN;
    struct rs_relay_worker *worker = &relay.worker[is_first ? FIRST : SERVING];
    struct rs_address named = client(who), at = is_first ? public : proxy(by);
    uint8_t request[REQUEST];
    if (kind == CLIENT_REQUEST || kind == RELAY_REQUEST) {
        build_request(&keys, is_first ? 2 : 1, from, request);
        octets = request;
        len = sizeof request;
    }
    size_t header = kind == CLIENT_UP || kind == CLIENT_REQUEST || kind == RELAY_RAW ? 0 : RS_SPP_SIZE;
    uint8_t *buffer = malloc(RS_UDP_HEADROOM + header + len), *copy = malloc(header + len + 1);
    HOLDS(buffer != NULL && copy != NULL);
    uint8_t *start = buffer + RS_UDP_HEADROOM;
    if (len > 0)
        memcpy(start + header, octets, len);
    if (header > 0)
        rs_spp_build(start, &named, &at);
    memcpy(copy, start, header + len);
    struct rs_datagram datagram = {.data = start, .len = (uint32_t)(header + len), .local = public};
    datagram.peer = is_up ? (is_first ? named : first_relay(from)) : is_first ? cluster_relay(from) : transceiver(from);
    if (!is_first && is_up && rs_spp_parse(start, header + len, &named, &at) == RS_DROP_NONE &&
        which(&at, proxy, PROXIES) < PROXIES)
        has_named[from][which(&at, proxy, PROXIES)] = true;
    (is_up ? rs_relay_uplink : rs_relay_downlink)(worker, routing, &datagram, 1, now_ms);
    if (datagram.drop == RS_DROP_NONE && is_first)
        check_first(&datagram, start, is_up, who);
    else if (datagram.drop == RS_DROP_NONE)
        check_serving(&datagram, start, copy, header + len, is_up, from);
    rs_relay_settle(&worker->shard->counters[is_up ? RS_UPLINK : RS_DOWNLINK], &datagram, 1);
    free(buffer);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    build_once();
    memset(has_named, 0, sizeof has_named);
    begin_anew(&relay, &settings, region, &public);
    rs_relay_serve_relays(&relay, SERVING);
    take_steps(data, size, step);
    check_conservation(&relay);
    return 0;
}
