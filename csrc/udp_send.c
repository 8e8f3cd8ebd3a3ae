#include <errno.h>
#include <string.h>

#include "trunk.h"
#include "udp_message.h"
#include "udp_plan.h"

/* The vectors of a trunk: each datagram with its length in front, the first one also with the trunk's header, all in
 * the headroom. */
static void fill_trunk(struct rs_udp_batch *batch, unsigned at, unsigned count)
{
    for (unsigned i = at; i < at + count; i++) {
        const struct rs_datagram *datagram = &batch->datagrams[batch->sent_index[i]];
        size_t before = RS_TRUNK_LENGTH + (i == at ? RS_TRUNK_HEADER : 0u);
        rs_write_u16be(datagram->data - RS_TRUNK_LENGTH, (uint16_t)datagram->len);
        if (i == at)
            rs_trunk_begin(datagram->data - before, count);
        batch->vectors[i] = (struct iovec){datagram->data - before, datagram->len + before};
    }
}

/* Sets up a message for `count` datagrams, those of sent_index[at] and after it. */
static void fill_message(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned message, unsigned at,
                         unsigned count, socklen_t name_len)
{
    const struct rs_datagram *first = &batch->datagrams[batch->sent_index[at]];
    struct msghdr *header = &batch->messages[message].msg_hdr;
    bool is_trunk = batch->is_trunk[message] && count > 1, is_run = !is_trunk && count > 1;
    for (unsigned i = at; i < at + count && !is_trunk; i++) {
        const struct rs_datagram *datagram = &batch->datagrams[batch->sent_index[i]];
        batch->vectors[i] = (struct iovec){datagram->data, datagram->len};
    }
    if (is_trunk)
        fill_trunk(batch, at, count);
    *header = (struct msghdr){
        .msg_name = &batch->names[message],
        .msg_namelen = name_len,
        .msg_iov = &batch->vectors[at],
        .msg_iovlen = count,
    };
    if (socket->has_many_locals || is_run)
        rs_udp_write_control(socket, header, &first->local, is_run ? (uint16_t)first->len : 0, batch->control[message]);
    batch->messages[message].msg_len = RS_UDP_NOT_YET;
}

/* Puts datagrams to send into consecutive messages, and these into the order of their first datagrams. */
static void prepare_to_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    struct rs_udp_plan plan;
    uint8_t next[RS_UDP_BATCH];
    unsigned total = 0;
    rs_udp_plan(socket, batch, &plan);
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
        batch->is_trunk[m] = plan.is_trunk[m];
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

/* A run or trunk that the kernel refused as such: it is longer than the path takes, or the path takes none. */
static void send_one_by_one(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned message,
                            unsigned at)
{
    struct msghdr header = batch->messages[message].msg_hdr;
    size_t count = header.msg_iovlen;
    header.msg_iovlen = 1;
    rs_udp_write_control(socket, &header, &batch->datagrams[batch->sent_index[at]].local, 0, batch->control[message]);
    for (unsigned i = at; i < at + count; i++) {
        const struct rs_datagram *datagram = &batch->datagrams[batch->sent_index[i]];
        struct iovec vector = {datagram->data, datagram->len};
        header.msg_iov = &vector;
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
    batch->has_no_runs |= !batch->is_trunk[message] && (error == EIO || error == EOPNOTSUPP);
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
