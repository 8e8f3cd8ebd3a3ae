#include <errno.h>
#include <string.h>

#include "spp.h"
#include "udp_message.h"

#define RUN_DATAGRAMS 64 /* what every kernel that has UDP_SEGMENT takes */
#define RUN_OCTETS 61440 /* an IP packet has room for them and for its headers */
#define SLOTS 64

_Static_assert(RS_UDP_BATCH <= UINT8_MAX, "indices and counts of a batch fit in one octet");

/* How the datagrams of a batch are put into messages. */
struct plan {
    unsigned messages;
    uint8_t message_of[RS_UDP_BATCH]; /* by datagram */
    uint8_t first[RS_UDP_BATCH];      /* by message: any datagram of it, all are alike */
    uint8_t count[RS_UDP_BATCH];      /* by message */
    uint8_t open[SLOTS];              /* by length and destination: the message to join, plus 1 */
    uint8_t last[SLOTS];              /* by client: the last message that has a datagram of it */
};

static unsigned slot_of_client(const struct rs_datagram *datagram)
{
    uint64_t ip, port = 0;
    if (datagram->len < RS_SPP_SIZE)
        return 0;
    memcpy(&ip, datagram->data + RS_SPP_CLIENT_IP + 8, sizeof ip);
    memcpy(&port, datagram->data + RS_SPP_CLIENT_PORT, sizeof(uint16_t));
    return (unsigned)((ip ^ port << 17) * 0x9e3779b97f4a7c15u >> 58);
}

static unsigned slot_of_run(const struct rs_datagram *datagram)
{
    uint64_t ip;
    memcpy(&ip, datagram->peer.ip + 8, sizeof ip);
    return (unsigned)((ip ^ (uint64_t)datagram->peer.port << 16 ^ datagram->len) * 0x9e3779b97f4a7c15u >> 58);
}

static bool fits(const struct rs_udp_socket *socket, const struct rs_udp_batch *batch, const struct plan *plan,
                 unsigned message, const struct rs_datagram *datagram)
{
    const struct rs_datagram *first = &batch->datagrams[plan->first[message]];
    return first->len == datagram->len && plan->count[message] < RUN_DATAGRAMS &&
           (plan->count[message] + 1u) * datagram->len <= RUN_OCTETS &&
           rs_address_equal(&first->peer, &datagram->peer) &&
           (!socket->has_many_locals || rs_address_equal(&first->local, &datagram->local));
}

/* Chooses the message for a datagram. It may join one that was begun before others, as long as none of those has a
 * datagram of the same client; slots that several clients share only make it stricter. */
static void place(const struct rs_udp_socket *socket, const struct rs_udp_batch *batch, struct plan *plan,
                  unsigned index)
{
    const struct rs_datagram *datagram = &batch->datagrams[index];
    unsigned message = plan->messages;
    if (socket->sends_runs && !batch->has_no_runs && datagram->len > 0) {
        unsigned run = slot_of_run(datagram), client = slot_of_client(datagram), candidate = plan->open[run];
        if (candidate > plan->last[client] && fits(socket, batch, plan, candidate - 1, datagram))
            message = candidate - 1;
        plan->open[run] = (uint8_t)(message + 1);
        plan->last[client] = (uint8_t)message;
    }
    if (message == plan->messages) {
        plan->first[message] = (uint8_t)index;
        plan->count[message] = 0;
        plan->messages++;
    }
    plan->message_of[index] = (uint8_t)message;
    plan->count[message]++;
}

/* Sets up a message for `count` datagrams, those of sent_index[at] and after it. */
static void fill_message(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned message, unsigned at,
                         unsigned count, socklen_t name_len)
{
    const struct rs_datagram *first = &batch->datagrams[batch->sent_index[at]];
    struct msghdr *header = &batch->messages[message].msg_hdr;
    for (unsigned i = at; i < at + count; i++) {
        const struct rs_datagram *datagram = &batch->datagrams[batch->sent_index[i]];
        batch->vectors[i] = (struct iovec){datagram->data, datagram->len};
    }
    *header = (struct msghdr){
        .msg_name = &batch->names[message],
        .msg_namelen = name_len,
        .msg_iov = &batch->vectors[at],
        .msg_iovlen = count,
    };
    if (socket->has_many_locals || count > 1)
        rs_udp_write_control(socket, header, &first->local, count > 1 ? (uint16_t)first->len : 0,
                             batch->control[message]);
    batch->messages[message].msg_len = RS_UDP_NOT_YET;
}

/* Puts datagrams to send into consecutive messages, and these into the order of their first datagrams. */
static void prepare_to_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    struct plan plan;
    uint8_t next[RS_UDP_BATCH];
    unsigned total = 0;
    plan.messages = 0;
    memset(plan.open, 0, sizeof plan.open);
    memset(plan.last, 0, sizeof plan.last);
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->datagrams[i].drop == RS_DROP_NONE)
            place(socket, batch, &plan, i);
    for (unsigned m = 0; m < plan.messages; m++) {
        next[m] = (uint8_t)total;
        total += plan.count[m];
    }
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->datagrams[i].drop == RS_DROP_NONE)
            batch->sent_index[next[plan.message_of[i]]++] = (uint8_t)i;
    batch->queued = 0;
    for (unsigned m = 0, at = 0; m < plan.messages; at += plan.count[m++]) {
        socklen_t len = 0;
        rs_address_to_sockaddr(&batch->datagrams[plan.first[m]].peer, socket->family, &batch->names[m], &len);
        fill_message(socket, batch, m, at, plan.count[m], len);
    }
    batch->queued = plan.messages;
    if (batch->dirty < total)
        batch->dirty = total;
}

/* Marks those of sent_index[at] and after it. */
static void fail(struct rs_udp_batch *batch, unsigned at, size_t count, enum rs_drop drop)
{
    for (unsigned i = at; i < at + count; i++)
        batch->datagrams[batch->sent_index[i]].drop = drop;
}

static enum rs_drop reason(int error)
{
    return error == EMSGSIZE ? RS_DROP_OVERSIZE : RS_DROP_SEND_FAILED;
}

/* A run that the kernel refused as such: a path without it, or datagrams that are longer than the path takes. */
static void send_one_by_one(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned message,
                            unsigned at)
{
    struct msghdr header = batch->messages[message].msg_hdr;
    size_t count = header.msg_iovlen;
    header.msg_iovlen = 1;
    rs_udp_write_control(socket, &header, &batch->datagrams[batch->sent_index[at]].local, 0, batch->control[message]);
    for (unsigned i = at; i < at + count; i++) {
        header.msg_iov = &batch->vectors[i];
        if (sendmsg(socket->fd, &header, MSG_DONTWAIT) < 0 && sendmsg(socket->fd, &header, MSG_DONTWAIT) < 0)
            fail(batch, i, 1, reason(errno));
    }
}

/* What the kernel refused twice. */
static void give_up_message(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned message,
                            unsigned at, int error)
{
    if (batch->messages[message].msg_hdr.msg_iovlen == 1) {
        fail(batch, at, 1, reason(error));
        return;
    }
    batch->has_no_runs = error == EIO || error == EOPNOTSUPP;
    send_one_by_one(socket, batch, message, at);
}

/* Sends the messages from `done` on, the first of which begins with sent_index[at]. */
static void send_from(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned done, unsigned at)
{
    unsigned queued = batch->queued, again = queued; /* the message that is tried a second time */
    batch->was_interrupted = false;
    /* Of two rounds one sends or gives up at least one, so there are at most twice `queued` of them. */
    while (done < queued) {
        int sent = sendmmsg(socket->fd, batch->messages + done, queued - done, MSG_DONTWAIT);
        if (sent > 0) {
            batch->was_interrupted |= (unsigned)sent < queued - done;
            for (unsigned end = done + (unsigned)sent; done < end; done++)
                at += (unsigned)batch->messages[done].msg_hdr.msg_iovlen;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            for (; done < queued; at += (unsigned)batch->messages[done++].msg_hdr.msg_iovlen)
                fail(batch, at, batch->messages[done].msg_hdr.msg_iovlen, RS_DROP_SEND_FAILED);
        } else if (again != done) {
            /* With IP_RECVERR it may be news of an earlier one, told once in the place of a send. */
            batch->was_interrupted = true;
            again = done;
        } else {
            give_up_message(socket, batch, done, at, errno);
            at += (unsigned)batch->messages[done++].msg_hdr.msg_iovlen;
        }
    }
    rs_udp_enter(batch, RS_UDP_SENT);
}

/* Marks what cannot be addressed from this socket. */
static void refuse_foreign(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    if (socket->family == AF_INET6)
        return;
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->datagrams[i].drop == RS_DROP_NONE && !rs_address_is_ipv4(batch->datagrams[i].peer.ip))
            batch->datagrams[i].drop = RS_DROP_SEND_FAILED;
}

void rs_udp_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned count)
{
    batch->count = count < RS_UDP_BATCH ? count : RS_UDP_BATCH;
    refuse_foreign(socket, batch);
    prepare_to_send(socket, batch);
    rs_udp_enter(batch, RS_UDP_SENDING);
    send_from(socket, batch, 0, 0);
}

/* Points a datagram at its data in this process: as far into the batch as they were in the one that is gone. */
static bool find_data(struct rs_udp_batch *batch, unsigned index)
{
    struct rs_datagram *datagram = &batch->datagrams[index];
    uintptr_t offset = (uintptr_t)datagram->data - batch->home, begin = offsetof(struct rs_udp_batch, buffers);
    datagram->data = (uint8_t *)batch + offset;
    return offset >= begin && offset <= sizeof *batch && datagram->len <= sizeof *batch - offset;
}

/* Sets up again a message that was not sent; false: the batch makes no sense. */
static bool refill_message(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned message,
                           unsigned at)
{
    size_t count = batch->messages[message].msg_hdr.msg_iovlen;
    socklen_t len;
    if (count > RS_UDP_BATCH - at)
        return false;
    for (unsigned i = at; i < at + count; i++)
        if (!find_data(batch, batch->sent_index[i]))
            return false;
    if (rs_address_to_sockaddr(&batch->datagrams[batch->sent_index[at]].peer, socket->family, &batch->names[message],
                               &len) != RS_OK)
        return false;
    fill_message(socket, batch, message, at, (unsigned)count, len);
    return true;
}

/* What begins with this message and its sent_index[at] will not be sent. */
static void give_up(struct rs_udp_batch *batch, unsigned message, unsigned at)
{
    for (unsigned m = message; m < batch->queued; m++) {
        size_t count = batch->messages[m].msg_hdr.msg_iovlen, room = RS_UDP_BATCH - at;
        count = count < room ? count : room;
        fail(batch, at, count, RS_DROP_SEND_FAILED);
        at += (unsigned)count;
    }
    batch->queued = message;
}

void rs_udp_resume_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    unsigned done = 0, at = 0;
    while (done < batch->queued && (batch->messages[done].msg_len != RS_UDP_NOT_YET ||
                                    batch->datagrams[batch->sent_index[at]].drop != RS_DROP_NONE))
        at += (unsigned)batch->messages[done++].msg_hdr.msg_iovlen;
    for (unsigned message = done, i = at; message < batch->queued; message++) {
        if (!refill_message(socket, batch, message, i))
            give_up(batch, message, i);
        i += (unsigned)batch->messages[message].msg_hdr.msg_iovlen;
    }
    batch->dirty = RS_UDP_BATCH;
    send_from(socket, batch, done, at);
}
