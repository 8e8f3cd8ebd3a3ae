/* Invariant: whatever comes in whatever order, a datagram goes up only to a routed transceiver with its client in
 * front, down only to an admitted client of a listed transceiver, follows a flow only if one was begun, and is counted
 * once.
 *
 * The input is a list of steps: what, who, a pause, a length and so many octets. */
#include "relay_steps.h"
#include "spp.h"

enum { ROUTES = 4, CLIENTS = 8, NOT_ROUTED = 2, DENIED = 6, UNLISTED = ROUTES - 1 };
enum { RAW_UP, REQUEST_UP, PROXIED_DOWN, RAW_DOWN, KINDS };

static const struct rs_address public = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 10}, 3478};
static struct rs_relay relay;
static struct rs_hint_keys keys;
static struct rs_routing *routing;
static void *region;
static bool is_known[CLIENTS];
static const struct rs_relay_settings settings = {.workers = 1, .confirmed_flows = 4, .secret = {1, 2, 3}};

static struct rs_address transceiver(unsigned i)
{
    struct rs_address address = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0}, 5000};
    address.ip[15] = (uint8_t)i;
    return address;
}

/* The last two are no clients: loopback, and a transceiver. */
static struct rs_address client(unsigned i)
{
    struct rs_address address = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 0}, 50000};
    address.ip[15] = (uint8_t)i;
    if (i == DENIED)
        memcpy(address.ip + 12, (uint8_t[]){127, 0, 0, 1}, 4);
    return i == DENIED + 1 ? transceiver(0) : address;
}

static void build_once(void)
{
    struct rs_route routes[ROUTES - 1];
    if (routing != NULL)
        return;
    make_keys(&keys);
    for (unsigned i = 0; i < UNLISTED; i++)
        routes[i] = (struct rs_route){transceiver(i), 1, (uint16_t)i, i != NOT_ROUTED, 0, 0};
    struct rs_routing_parts parts = {&keys, routes, UNLISTED, &public, 1, NULL, 0, NULL, 0};
    routing = new_routing(&parts);
    region = zeroed(64, rs_relay_region_size(&settings));
}

static void check_up(const struct rs_datagram *datagram, const uint8_t *start, unsigned who)
{
    struct rs_address named, proxy, expected = client(who);
    struct rs_address first = transceiver(0), second = transceiver(1);
    HOLDS(rs_address_equal(&datagram->peer, &first) || rs_address_equal(&datagram->peer, &second));
    HOLDS(datagram->data == start - RS_SPP_SIZE);
    HOLDS(rs_spp_parse(datagram->data, datagram->len, &named, &proxy) == RS_DROP_NONE);
    HOLDS(rs_address_equal(&named, &expected) && rs_address_equal(&proxy, &public));
    if (start[0] == 0 && start[1] == 1)
        is_known[who] = true;
    HOLDS(is_known[who]);
}

static void check_down(const struct rs_datagram *datagram, const uint8_t *start, unsigned from)
{
    unsigned who = 0;
    struct rs_address expected = client(who);
    while (!rs_address_equal(&datagram->peer, &expected) && ++who < CLIENTS)
        expected = client(who);
    HOLDS(from != UNLISTED && from != NOT_ROUTED && datagram->data == start + RS_SPP_SIZE);
    HOLDS(rs_routing_admits_client(routing, &datagram->peer) && who != DENIED && who != DENIED + 1);
    HOLDS(rs_address_equal(&datagram->local, &public));
    if (who == CLIENTS)
        return;
    HOLDS(is_known[who] || datagram->data[0] > 3);
    is_known[who] = true;
}

/* One datagram in an allocation of its own, with the headroom in front. */
static void step(const uint8_t *what, const uint8_t *octets, size_t len, uint32_t now_ms)
{
    unsigned kind = what[0] % KINDS, who = what[1] % CLIENTS, from = (what[1] >> 4) % ROUTES;
    struct rs_relay_worker *worker = &relay.worker[0];
    struct rs_address named = client(who);
    uint8_t request[REQUEST];
    if (kind == REQUEST_UP) {
        build_request(&keys, 1, from, request);
        octets = request;
        len = sizeof request;
    }
    size_t header = kind == PROXIED_DOWN ? RS_SPP_SIZE : 0;
    uint8_t *buffer = malloc(RS_UDP_HEADROOM + header + len);
    HOLDS(buffer != NULL);
    uint8_t *start = buffer + RS_UDP_HEADROOM;
    if (len > 0)
        memcpy(start + header, octets, len);
    struct rs_datagram datagram = {.data = start, .len = (uint32_t)(header + len), .local = public};
    if (kind == RAW_UP || kind == REQUEST_UP) {
        datagram.peer = named;
        rs_relay_uplink(worker, routing, &datagram, 1, now_ms);
        if (datagram.drop == RS_DROP_NONE)
            check_up(&datagram, start, who);
    } else {
        if (header > 0)
            rs_spp_build(start, &named, &public);
        datagram.peer = transceiver(from);
        rs_relay_downlink(worker, routing, &datagram, 1, now_ms);
        if (datagram.drop == RS_DROP_NONE)
            check_down(&datagram, start, from);
    }
    rs_relay_settle(&worker->shard->counters[kind >= PROXIED_DOWN], &datagram, 1);
    free(buffer);
    rs_flow_table_sweep(worker->embryonic, now_ms);
    rs_flow_table_sweep(worker->confirmed, now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    build_once();
    memset(is_known, 0, sizeof is_known);
    begin_anew(&relay, &settings, region, &public);
    take_steps(data, size, step);
    check_conservation(&relay);
    return 0;
}
