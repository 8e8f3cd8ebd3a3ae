#include "relay.h"

#include <string.h>

#define ALIGNED(octets) (((octets) + 63u) & ~(size_t)63u)

/* The region's first octets: whose it is, and whether this program's idea of it is the one that made it. */
struct region_head {
    uint64_t magic;
    uint32_t version;
    uint32_t workers;
    uint32_t confirmed_flows;
    uint32_t layout;
    uint64_t size;
    uint8_t secret[RS_SIPHASH_KEY_SIZE];
};

#define MAGIC 0x3030796c72637472u /* "rtcrly00" as it lies in memory */
#define VERSION 4                 /* raise it when anything in the region changes its meaning or its place */
#define HEAD ALIGNED(sizeof(struct region_head))

/* What a forgotten VERSION would hide: most changes of the layout change one of these. */
#define LAYOUT                                                                                                         \
    ((uint32_t)(sizeof(struct rs_relay_shard) * 31 + sizeof(struct rs_udp_batch) * 7 + RS_DROP_COUNT * 3 +             \
                RS_FLOW_EVENT_COUNT))

#define CONFIRMED_HINT_WAYS 8
#define EMBRYONIC_HINT_WAYS 32 /* twice what one hint may have, so that strangers in its row do not hide any */

static struct rs_flow_settings embryonic_settings(const struct rs_relay_settings *settings)
{
    struct rs_flow_settings made = {RS_RELAY_EMBRYONIC_FLOWS, RS_RELAY_EMBRYONIC_MS, EMBRYONIC_HINT_WAYS, {0}};
    memcpy(made.secret, settings->secret, sizeof made.secret);
    return made;
}

static struct rs_flow_settings confirmed_settings(const struct rs_relay_settings *settings)
{
    struct rs_flow_settings made = {settings->confirmed_flows, RS_RELAY_CONFIRMED_MS, CONFIRMED_HINT_WAYS, {0}};
    memcpy(made.secret, settings->secret, sizeof made.secret);
    return made;
}

static size_t worker_octets(const struct rs_relay_settings *settings)
{
    struct rs_flow_settings embryonic = embryonic_settings(settings), confirmed = confirmed_settings(settings);
    return ALIGNED(sizeof(struct rs_relay_shard)) + rs_flow_table_size(&embryonic) + rs_flow_table_size(&confirmed) +
           RS_DIRECTIONS * ALIGNED(sizeof(struct rs_udp_batch));
}

size_t rs_relay_region_size(const struct rs_relay_settings *settings)
{
    if (settings->workers < 1 || settings->workers > RS_RELAY_WORKERS_MAX || settings->confirmed_flows < 1 ||
        settings->confirmed_flows > RS_FLOW_CAPACITY_MAX)
        return 0;
    return HEAD + settings->workers * worker_octets(settings);
}

/* Where a worker's parts are in the region. */
static void place_worker(struct rs_relay_worker *worker, const struct rs_relay_settings *settings, uint8_t *memory)
{
    struct rs_flow_settings embryonic = embryonic_settings(settings), confirmed = confirmed_settings(settings);
    worker->shard = (struct rs_relay_shard *)(void *)memory;
    memory += ALIGNED(sizeof *worker->shard);
    worker->embryonic = (struct rs_flow_table *)(void *)memory;
    memory += rs_flow_table_size(&embryonic);
    worker->confirmed = (struct rs_flow_table *)(void *)memory;
    memory += rs_flow_table_size(&confirmed);
    for (unsigned i = 0; i < RS_DIRECTIONS; i++) {
        worker->batches[i] = (struct rs_udp_batch *)(void *)memory;
        memory += ALIGNED(sizeof(struct rs_udp_batch));
        atomic_init(&worker->seen[i].generation, UINT64_MAX);
    }
    worker->cpu = -1;
}

static enum rs_status place(struct rs_relay *relay, const struct rs_relay_settings *settings, void *region, size_t size)
{
    size_t needed = rs_relay_region_size(settings);
    if (needed == 0 || size < needed || (uintptr_t)region % 64 != 0)
        return RS_INVALID;
    memset(relay, 0, sizeof *relay);
    relay->workers = settings->workers;
    memcpy(relay->secret, settings->secret, sizeof relay->secret);
    for (uint32_t i = 0; i < relay->workers; i++) {
        relay->worker[i].relay = relay;
        relay->worker[i].index = i;
        place_worker(&relay->worker[i], settings, (uint8_t *)region + HEAD + i * worker_octets(settings));
    }
    return RS_OK;
}

/* Makes what is in the memory of worker `index`. */
static void init_worker(const struct rs_relay_worker *worker, const struct rs_relay_settings *settings)
{
    struct rs_flow_settings embryonic = embryonic_settings(settings), confirmed = confirmed_settings(settings);
    rs_flow_table_init(worker->embryonic, rs_flow_table_size(&embryonic), &embryonic);
    rs_flow_table_init(worker->confirmed, rs_flow_table_size(&confirmed), &confirmed);
    for (unsigned d = 0; d < RS_DIRECTIONS; d++)
        rs_udp_batch_init(worker->batches[d]);
}

enum rs_status rs_relay_init(struct rs_relay *relay, const struct rs_relay_settings *settings, void *region,
                             size_t size)
{
    struct region_head *head = region;
    enum rs_status status = place(relay, settings, region, size);
    if (status != RS_OK)
        return status;
    for (uint32_t i = 0; i < relay->workers; i++)
        init_worker(&relay->worker[i], settings);
    *head = (struct region_head){MAGIC, VERSION, settings->workers, settings->confirmed_flows, LAYOUT, size, {0}};
    memcpy(head->secret, settings->secret, sizeof head->secret);
    return RS_OK;
}

static bool has_tables(const struct rs_relay *relay, const struct rs_relay_settings *settings, uint32_t workers)
{
    struct rs_flow_settings embryonic = embryonic_settings(settings), confirmed = confirmed_settings(settings);
    for (uint32_t i = 0; i < workers; i++)
        if (rs_flow_table_check(relay->worker[i].embryonic, rs_flow_table_size(&embryonic), &embryonic) != RS_OK ||
            rs_flow_table_check(relay->worker[i].confirmed, rs_flow_table_size(&confirmed), &confirmed) != RS_OK)
            return false;
    return true;
}

/* The settings of the region that begins with `head`; false: it is none of this program's. */
static bool read_head(const struct region_head *head, struct rs_relay_settings *out)
{
    struct rs_relay_settings found = {head->workers, head->confirmed_flows, {0}};
    memcpy(found.secret, head->secret, sizeof found.secret);
    if (head->magic != MAGIC || head->version != VERSION || head->layout != LAYOUT ||
        head->size != rs_relay_region_size(&found) || head->size == 0)
        return false;
    *out = found;
    return true;
}

size_t rs_relay_region_held(const struct rs_relay_settings *settings, const void *region, size_t size)
{
    struct rs_relay_settings found;
    struct region_head head;
    if (size < sizeof head)
        return 0;
    memcpy(&head, region, sizeof head);
    return read_head(&head, &found) && found.confirmed_flows == settings->confirmed_flows ? (size_t)head.size : 0;
}

enum rs_status rs_relay_open(struct rs_relay *relay, const struct rs_relay_settings *settings, void *region,
                             size_t size)
{
    struct region_head *head = region;
    struct rs_relay_settings found;
    if (size < HEAD || !read_head(head, &found) || found.confirmed_flows != settings->confirmed_flows)
        return RS_MALFORMED;
    uint32_t held = found.workers;
    found.workers = settings->workers;
    if (place(relay, &found, region, size) != RS_OK ||
        !has_tables(relay, &found, held < found.workers ? held : found.workers))
        return RS_MALFORMED;
    for (uint32_t i = held; i < found.workers; i++)
        init_worker(&relay->worker[i], &found);
    if (held < found.workers) {
        head->workers = found.workers;
        head->size = rs_relay_region_size(&found);
    }
    return RS_OK;
}

void rs_relay_share(struct rs_relay *relay, struct rs_seats *seats)
{
    relay->seats = seats;
}

void rs_relay_tune(struct rs_relay *relay, bool sends_runs, uint32_t internal_mtu, uint32_t coalesce_us)
{
    relay->sends_runs = sends_runs;
    relay->internal_mtu = internal_mtu;
    relay->coalesce_us = coalesce_us;
}

enum rs_status rs_relay_attach(struct rs_relay *relay, uint32_t index, int public_fd, int upstream_fd, int cpu)
{
    if (index >= relay->workers)
        return RS_INVALID;
    struct rs_relay_worker *worker = &relay->worker[index];
    enum rs_status status = rs_udp_socket_init(&worker->public, public_fd, true);
    if (status == RS_OK)
        status = rs_udp_socket_init(&worker->upstream, upstream_fd, false);
    worker->upstream.sends_runs = relay->sends_runs;
    worker->upstream.trunk_payload = rs_udp_payload(&worker->upstream, relay->internal_mtu);
    worker->cpu = cpu;
    return status;
}

void rs_relay_serve_relays(struct rs_relay *relay, uint32_t index)
{
    if (index < relay->workers) {
        relay->worker[index].serves_relays = true;
        relay->worker[index].public.sends_runs = relay->sends_runs;
    }
}

void rs_relay_rescue_uplink(struct rs_relay *relay, uint32_t index)
{
    if (index < relay->workers)
        relay->worker[index].rescues_uplink = true;
}

void rs_relay_publish(struct rs_relay *relay, const struct rs_routing *routing)
{
    atomic_store_explicit(&relay->routing, routing, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst); /* a thread that begins now is seen to, or takes this one */
}

uint64_t rs_relay_oldest_generation(const struct rs_relay *relay)
{
    uint64_t oldest = UINT64_MAX;
    for (uint32_t i = 0; i < relay->workers; i++)
        for (unsigned d = 0; d < RS_DIRECTIONS; d++) {
            uint64_t seen = atomic_load_explicit(&relay->worker[i].seen[d].generation, memory_order_acquire);
            if (seen < oldest)
                oldest = seen;
        }
    return oldest;
}

void rs_relay_mark_routes(const struct rs_relay *relay, uint32_t now_ms, uint32_t mask, const uint32_t *ids,
                          size_t count, uint8_t *marks)
{
    for (uint32_t i = 0; i < relay->workers; i++)
        rs_flow_table_mark_routes(relay->worker[i].confirmed, now_ms, mask, ids, count, marks);
}

void rs_relay_settle(struct rs_counters *counters, const struct rs_datagram *datagrams, unsigned count)
{
    uint64_t sent = 0, octets = 0;
    for (unsigned i = 0; i < count; i++) {
        if (datagrams[i].drop == RS_DROP_NONE) {
            sent++;
            octets += datagrams[i].len;
        } else {
            rs_count(&counters->drops[datagrams[i].drop], 1);
        }
    }
    rs_count(&counters->tx_datagrams, sent);
    rs_count(&counters->tx_bytes, octets);
}

void rs_relay_stop(struct rs_relay *relay)
{
    atomic_store(&relay->is_stopping, true);
}
