/* UDP in batches: every system call of the packet path, and the buffers they fill.
 *
 * One recvmmsg fills up to RS_UDP_BATCH datagrams in place. Whoever decides about them edits `struct rs_datagram`:
 * moves `data` back into the headroom to put a header in front, sets `peer` to the destination, or sets `drop`. One
 * sendmmsg then sends what is left, from the same octets. Nothing is copied and nothing is allocated.
 *
 * On the internal side most datagrams go to few addresses and many are of one length. A *run* is such datagrams in one
 * trip through the kernel (UDP_SEGMENT, UDP_GRO): one message that both ends cut at multiples of one length. On the
 * wire, and in everything that is counted, they are datagrams like any other. A *trunk* (trunk.h) has several of any
 * lengths in one datagram of the wire, for who understands it.
 *
 * A batch belongs to one thread at a time. It is big (all its buffers) and holds no secrets worth wiping. */
#ifndef RS_UDP_BATCH_H
#define RS_UDP_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "address.h"
#include "drop.h"
#include "status.h"

#define RS_UDP_BATCH 64
#define RS_UDP_HEADROOM 64  /* at least, before the first octet of a received datagram */
#define RS_UDP_PAYLOAD 2048 /* longer datagrams are RS_DROP_OVERSIZE */
#define RS_UDP_CONTROL 64   /* room for one IP_PKTINFO or IPV6_PKTINFO, and for the length in a run */

/* What receives runs, and how much of them: any IP packet's payload. 64 octets beside a multiple of the page, so that
 * their beginnings do not share one set of the cache. */
#define RS_UDP_WIDE 16
#define RS_UDP_WIDE_SIZE (65536 + 64)

/* One datagram, as received and then as it is to be sent. */
struct rs_datagram {
    uint8_t *data; /* first octet; with RS_UDP_HEADROOM writable octets before it when received */
    uint32_t len;
    uint32_t drop;           /* enum rs_drop: RS_DROP_NONE, or why it is not sent */
    struct rs_address peer;  /* received: where from. To send: where to */
    struct rs_address local; /* received: at which address of ours. To send: from which, where the socket has several */
    bool may_join_trunk;     /* to send: whoever is there reads trunks (trunk.h) */
};

struct rs_udp_socket {
    int fd;
    int family;              /* AF_INET or AF_INET6 */
    struct rs_address bound; /* as getsockname says */
    bool has_many_locals;    /* bound to the wildcard address and asked to tell and choose the local address */
    bool sends_runs;         /* may be set by the caller: the datagrams begin with Simple Proxy Protocol headers */
    bool receives_runs;      /* rs_udp_receive_runs */
    uint32_t trunk_payload;  /* may be set by the caller: octets of the longest trunk; 0: it sends none */
};

/* Where a batch is on its way. Only the batch's thread moves it on; who finds the batch of a dead process reads it. */
enum rs_udp_phase {
    RS_UDP_IDLE,      /* nothing is in it */
    RS_UDP_RECEIVING, /* the kernel may be filling it: rs_udp_resume_receive says how far */
    RS_UDP_HELD,      /* received, being decided about */
    RS_UDP_SENDING,   /* decided; the kernel may be sending it: rs_udp_resume_send goes on */
    RS_UDP_SENT,      /* what became of each is known */
};

/* Datagrams that the kernel delivered in one message. */
struct rs_udp_run {
    uint32_t len;     /* of all together */
    uint32_t segment; /* of each, the last may be shorter */
    struct rs_address peer;
    struct rs_address local;
};

struct rs_udp_batch {
    unsigned dirty;           /* how many messages the next receive has to set up again */
    _Atomic uint32_t phase;   /* enum rs_udp_phase */
    uint32_t count;           /* datagrams held, in the phases from RS_UDP_HELD on */
    uint32_t queued;          /* messages to send, in the phase RS_UDP_SENDING */
    uint32_t was_interrupted; /* the last send met an error: rs_udp_take_refusal may know of whom */
    bool has_no_runs;         /* the kernel cannot send any where these went */
    uintptr_t home;           /* where the batch is in the process that its pointers are of */
    uint32_t run_count;       /* runs received; of these, from run `run`, octet `run_offset` on, none was held yet */
    uint32_t run;
    uint32_t run_offset;
    uint32_t trunk_offset; /* of the next record in the trunk there; 0: not inside one */
    struct rs_udp_run runs[RS_UDP_WIDE];
    struct rs_datagram datagrams[RS_UDP_BATCH];
    struct mmsghdr messages[RS_UDP_BATCH];
    struct iovec vectors[RS_UDP_BATCH];
    struct sockaddr_storage names[RS_UDP_BATCH];
    uint64_t control[RS_UDP_BATCH][RS_UDP_CONTROL / sizeof(uint64_t)]; /* aligned as cmsghdr is */
    bool is_trunk[RS_UDP_BATCH];      /* message to send, of several datagrams: else a run */
    uint8_t sent_index[RS_UDP_BATCH]; /* datagrams in the order of the vectors that send them */
    uint8_t buffers[RS_UDP_BATCH][RS_UDP_HEADROOM + RS_UDP_PAYLOAD];
    uint8_t wide[RS_UDP_WIDE][RS_UDP_WIDE_SIZE]; /* touched only where runs are received */
};

/* Describes a bound UDP socket, which stays the caller's. With `wants_local`, a socket bound to the wildcard address
 * is told to report each datagram's local address (IP_PKTINFO, IPV6_PKTINFO), which is then also where answers leave
 * from. RS_SYSTEM: errno; RS_INVALID: not IPv4 or IPv6. `out` is written only on RS_OK. */
enum rs_status rs_udp_socket_init(struct rs_udp_socket *out, int fd, bool wants_local);

/* How many octets of a datagram fit into one IP packet of `mtu` octets on this socket's network; 0: none. */
static inline uint32_t rs_udp_payload(const struct rs_udp_socket *socket, uint32_t mtu)
{
    uint32_t headers = socket->family == AF_INET ? 20 + 8 : 40 + 8;
    return mtu <= headers ? 0 : mtu - headers;
}

/* Takes trunks apart that arrive here, and has the kernel deliver runs in one piece, if it can. Whoever receives from
 * this socket from now on, in any process, has to ask for the same: others would get their beginnings only. */
void rs_udp_receive_runs(struct rs_udp_socket *socket);

/* Makes zeroed or used memory a batch. It then receives from one socket, and sends to any. */
void rs_udp_batch_init(struct rs_udp_batch *batch);

/* Likewise with a batch that another process received with: what it had not held yet is still to come. */
void rs_udp_batch_adopt(struct rs_udp_batch *batch);

/* Receives up to RS_UDP_BATCH datagrams into batch->datagrams and says how many. `waits`: blocks for the first as long
 * as the socket's SO_RCVTIMEO; otherwise never blocks. A datagram longer than the buffer has `drop` RS_DROP_OVERSIZE
 * and its beginning, a trunk that makes no sense RS_DROP_TRUNK_MALFORMED; all others RS_DROP_NONE. Where runs are
 * received, datagrams have no headroom. If runs brought more than a batch,
 * the next calls return the others and ask the kernel for nothing: so fewer than RS_UDP_BATCH are the last ones.
 * Returns 0 if there was nothing, or the kernel had a passing trouble; -1 if this socket will never receive (errno). */
int rs_udp_receive(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, bool waits);

/* Sends those of the first `count` datagrams whose `drop` is RS_DROP_NONE, in order, never blocking. One that the
 * kernel refuses gets RS_DROP_OVERSIZE (EMSGSIZE) or RS_DROP_SEND_FAILED, and the others still go. In runs, datagrams
 * of different clients may overtake each other, those of one client do not. When the socket's buffer is full, the rest
 * of the batch is RS_DROP_SEND_FAILED: old audio is worth nothing, so nothing waits. */
void rs_udp_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned count);

/* One destination from which word came that nobody receives there, where the socket has IP_RECVERR or IPV6_RECVERR;
 * never blocks. False: no more of them. */
bool rs_udp_take_refusal(const struct rs_udp_socket *socket, struct rs_address *destination);

/* The batch is done with: what it held was counted. */
void rs_udp_finish(struct rs_udp_batch *batch);

static inline enum rs_udp_phase rs_udp_phase(const struct rs_udp_batch *batch)
{
    return (enum rs_udp_phase)atomic_load_explicit(&batch->phase, memory_order_acquire);
}

/* For a batch in shared memory whose thread died in another process, in the phase RS_UDP_RECEIVING: takes what the
 * kernel had put into it, which is then held as if it had just been received; says how many. */
unsigned rs_udp_resume_receive(const struct rs_udp_socket *socket, struct rs_udp_batch *batch);

/* Likewise in the phase RS_UDP_SENDING: sends what has not been sent. The batch's content is trusted, as our own. */
void rs_udp_resume_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch);

/* A datagram slot to fill by hand: index below RS_UDP_BATCH; its data has RS_UDP_PAYLOAD octets of room. */
struct rs_datagram *rs_udp_slot(struct rs_udp_batch *batch, unsigned index);

#endif
