/* The relay: its workers, the memory they share, and what each direction decides.
 *
 * A worker is two threads, one per direction, since a blocking receive wakes faster than anything that waits on two
 * sockets. Each table has one writer:
 *
 *                    written by the uplink            written by the downlink
 *     flows          embryonic (requests make them)   confirmed (the transceiver's own datagrams make them)
 *     others         recent clients, ufrag rates,     re-learning rate
 *                    return paths
 *     counters       its own                          its own
 *
 * and any thread of any worker may read any flow table. No lock is taken.
 *
 * `struct rs_relay` belongs to the process. The region belongs to the relay as such: no pointers are in it, so that it
 * can be shared memory. The control thread makes both, publishes routing values and reads; docs/explanation/relay.md
 * tells the reasons. */
#ifndef RS_RELAY_H
#define RS_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "flow_ring.h"
#include "flow_table.h"
#include "next_hop.h"
#include "rate_limit.h"
#include "recent_clients.h"
#include "return_paths.h"
#include "routing.h"
#include "seats.h"
#include "ssrc_routes.h"
#include "udp_batch.h"

#define RS_RELAY_WORKERS_MAX 256

/* Our choices; docs/explanation/relay.md has the reasons. */
#define RS_RELAY_EMBRYONIC_FLOWS 4096    /* per worker */
#define RS_RELAY_EMBRYONIC_MS 10000      /* since the last request that opened */
#define RS_RELAY_CONFIRMED_MS 60000      /* since the last downlink datagram that is not STUN */
#define RS_RELAY_STICKY_MS 10000         /* a flow heard of this recently keeps its transceiver */
#define RS_RELAY_EMBRYONIC_PER_UFRAG 16  /* over all workers */
#define RS_RELAY_CONFIRMED_PER_UFRAG 2   /* over all workers */
#define RS_RELAY_UFRAG_REQUESTS_PER_S 50 /* beyond its embryonic flows; shared out among the workers */
#define RS_RELAY_RELEARNED_PER_S 1000    /* per worker */
#define RS_RELAY_RESCUED_PER_S 2000      /* per worker */
#define RS_RELAY_RESCUED_PER_SSRC 100    /* a second and worker: a voice, and room for one of twice its rate */

enum rs_direction { RS_UPLINK, RS_DOWNLINK, RS_DIRECTIONS };

/* One worker's part of the region; its tables and batches follow it, each at a multiple of 64. */
struct rs_relay_shard {
    struct rs_counters counters[RS_DIRECTIONS];
    struct rs_recent_clients recent;
    struct rs_return_paths return_paths; /* uplink; only of a worker that serves relays */
    struct rs_hops hops;                 /* see there */
    struct rs_keyed_rates ufrag_rates;   /* uplink only */
    struct rs_rate relearn_rate;         /* downlink only */
    struct rs_ssrc_routes ssrc_routes;   /* uplink; only of a worker that rescues */
    struct rs_keyed_rates ssrc_rates;    /* likewise */
    struct rs_rate rescue_rate;          /* likewise */
    struct rs_flow_ring missed;          /* uplink to control: clients that sent something and have no flow */
    struct rs_flow_ring learned;         /* control to uplink: flows that the flow cache knew */
    struct rs_flow_ring confirmed;       /* downlink to control: flows with a hint that are new as confirmed ones */
};

struct rs_relay;

struct rs_relay_worker {
    struct rs_relay *relay;
    uint32_t index;
    int cpu;                     /* both threads are pinned to it; negative: not pinned */
    bool serves_relays;          /* its clients' datagrams come and go with headers, by way of other relays */
    bool rescues_uplink;         /* RTP of a known source is routed from addresses without a flow too */
    struct rs_udp_socket public; /* the side of clients, or of those relays */
    struct rs_udp_socket upstream;
    struct rs_relay_shard *shard;
    struct rs_flow_table *embryonic;
    struct rs_flow_table *confirmed;
    struct rs_udp_batch *batches[RS_DIRECTIONS];
    uint8_t gap[64];
    struct {
        _Atomic uint64_t generation; /* of the newest routing value that the thread has taken */
        uint32_t cpu_noted_ms;       /* the thread's own, as the next one */
        uint32_t forwarded_ms;       /* when it was through with a batch */
        uint8_t gap[48];
    } seen[RS_DIRECTIONS];
};

struct rs_relay {
    uint32_t workers;
    struct rs_seats *seats; /* NULL: no other process forwards on these sockets, in this region */
    uint8_t secret[RS_SIPHASH_KEY_SIZE];
    _Atomic bool is_stopping;
    bool sends_runs;
    uint32_t internal_mtu; /* of the way to those who read trunks; rs_relay_tune */
    uint32_t coalesce_us;
    const struct rs_routing *_Atomic routing;
    struct rs_relay_worker worker[RS_RELAY_WORKERS_MAX];
};

struct rs_relay_settings {
    uint32_t workers;                    /* 1..RS_RELAY_WORKERS_MAX */
    uint32_t confirmed_flows;            /* per worker, 1..RS_FLOW_CAPACITY_MAX */
    uint8_t secret[RS_SIPHASH_KEY_SIZE]; /* of the flow tables; random, and the relay's alone */
};

/* Octets of the region; 0 if a setting is out of range. */
size_t rs_relay_region_size(const struct rs_relay_settings *settings);

/* Makes a relay without sockets and without routing in `size` octets of zeroed memory aligned to 64. Both have to
 * outlive its threads. RS_INVALID: bad setting, size or alignment. */
enum rs_status rs_relay_init(struct rs_relay *relay, const struct rs_relay_settings *settings, void *region,
                             size_t size);

/* Likewise in a region that another process has made, with its secret, whatever `settings` say of that. Changes nothing
 * in it, unless `settings` have more workers than it was made for: `size` has room for them, zeroed, and from now on it
 * is theirs too. The workers that it has and `settings` have not are left alone. RS_MALFORMED: the region is of another
 * version, or of other settings. */
enum rs_status rs_relay_open(struct rs_relay *relay, const struct rs_relay_settings *settings, void *region,
                             size_t size);

/* How many of the `size` octets are in use, if they are a region that rs_relay_open takes but for the number of
 * workers; otherwise 0. */
size_t rs_relay_region_held(const struct rs_relay_settings *settings, const void *region, size_t size);

/* Lets each thread wait for its seat before it forwards. `seats` has to outlive the threads. */
void rs_relay_share(struct rs_relay *relay, struct rs_seats *seats);

/* Before rs_relay_attach: `sends_runs` says whether runs are sent; `internal_mtu` bounds the trunks that are sent;
 * `coalesce_us` lets datagrams gather for so long where batches follow each other closely, 0: not. */
void rs_relay_tune(struct rs_relay *relay, bool sends_runs, uint32_t internal_mtu, uint32_t coalesce_us);

/* Gives worker `index` its bound sockets, which stay the caller's. Status as rs_udp_socket_init; RS_INVALID also for
 * an index out of range. */
enum rs_status rs_relay_attach(struct rs_relay *relay, uint32_t index, int public_fd, int upstream_fd, int cpu);

/* Lets worker `index` take datagrams of other relays, with headers, at what is else its public socket. Before it runs.
 */
void rs_relay_serve_relays(struct rs_relay *relay, uint32_t index);

/* Lets worker `index` route the RTP of known sources from addresses without a flow. Before it runs. */
void rs_relay_rescue_uplink(struct rs_relay *relay, uint32_t index);

/* Makes `routing` the value in force from each thread's next batch on. Its generation is higher than the last one's,
 * and it has to stay until rs_relay_oldest_generation is higher than its own. */
void rs_relay_publish(struct rs_relay *relay, const struct rs_routing *routing);

/* The oldest generation that a running thread may still be using; UINT64_MAX: no thread runs. */
uint64_t rs_relay_oldest_generation(const struct rs_relay *relay);

/* Sets `marks[i]` to 1 where a live confirmed flow leads to `ids[i]`; see rs_flow_table_mark_routes. */
void rs_relay_mark_routes(const struct rs_relay *relay, uint32_t now_ms, uint32_t mask, const uint32_t *ids,
                          size_t count, uint8_t *marks);

/* Decide about `count` received datagrams. Those to be forwarded have their destination in `peer`, and for the uplink
 * the header in front, in the headroom; the others have their `drop`. No system calls, no clock: the routing value and
 * the time are the caller's. Only the thread of this worker and direction may call. */
void rs_relay_uplink(struct rs_relay_worker *worker, const struct rs_routing *routing, struct rs_datagram *datagrams,
                     unsigned count, uint32_t now_ms);
void rs_relay_downlink(struct rs_relay_worker *worker, const struct rs_routing *routing, struct rs_datagram *datagrams,
                       unsigned count, uint32_t now_ms);

/* Counts what became of datagrams that were decided about and, where that is so, sent. */
void rs_relay_settle(struct rs_counters *counters, const struct rs_datagram *datagrams, unsigned count);

/* A direction's thread: pins and names itself, blocks its signals, waits for its seat if there are seats, forwards
 * until rs_relay_stop. If its predecessor at the seat died, it first brings in order what that one left; if three did
 * within ten seconds, it also discards what waits in its socket. RS_OK: stopped; RS_SYSTEM: its socket will never
 * receive again (errno). */
enum rs_status rs_relay_run(struct rs_relay *relay, uint32_t index, enum rs_direction direction);

/* Asks all threads to return, which takes them as long as their sockets' SO_RCVTIMEO at most. */
void rs_relay_stop(struct rs_relay *relay);

#endif
