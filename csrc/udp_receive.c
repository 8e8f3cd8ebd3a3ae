#include <errno.h>
#include <string.h>

#include "trunk.h"
#include "udp_message.h"

void rs_udp_batch_adopt(struct rs_udp_batch *batch)
{
    batch->dirty = RS_UDP_BATCH;
    batch->home = (uintptr_t)batch;
    rs_udp_enter(batch, RS_UDP_IDLE);
}

void rs_udp_batch_init(struct rs_udp_batch *batch)
{
    batch->has_no_runs = false;
    batch->run_count = batch->run = batch->run_offset = batch->trunk_offset = 0;
    rs_udp_batch_adopt(batch);
}

void rs_udp_finish(struct rs_udp_batch *batch)
{
    rs_udp_enter(batch, RS_UDP_IDLE);
}

struct rs_datagram *rs_udp_slot(struct rs_udp_batch *batch, unsigned index)
{
    struct rs_datagram *datagram = &batch->datagrams[index];
    datagram->data = batch->buffers[index] + RS_UDP_HEADROOM;
    datagram->drop = RS_DROP_NONE;
    datagram->may_join_trunk = false;
    return datagram;
}

/* How many messages are received into. */
static unsigned capacity(const struct rs_udp_socket *socket)
{
    return socket->receives_runs ? RS_UDP_WIDE : RS_UDP_BATCH;
}

static bool has_control(const struct rs_udp_socket *socket)
{
    return socket->has_many_locals || socket->receives_runs;
}

static void prepare_to_receive(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    unsigned most = capacity(socket), count = batch->dirty < most ? batch->dirty : most;
    for (unsigned i = 0; i < count; i++) {
        batch->vectors[i] = socket->receives_runs ? (struct iovec){batch->wide[i], RS_UDP_WIDE_SIZE}
                                                  : (struct iovec){batch->buffers[i] + RS_UDP_HEADROOM, RS_UDP_PAYLOAD};
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->names[i],
            .msg_namelen = sizeof batch->names[i],
            .msg_iov = &batch->vectors[i],
            .msg_iovlen = 1,
            .msg_control = has_control(socket) ? batch->control[i] : NULL,
            .msg_controllen = has_control(socket) ? RS_UDP_CONTROL : 0,
        };
        batch->messages[i].msg_len = RS_UDP_NOT_YET;
    }
    batch->dirty = 0;
}

static void read_peer(const struct rs_udp_batch *batch, unsigned index, struct rs_address *out)
{
    if (rs_address_from_sockaddr(&batch->names[index], out) != RS_OK)
        memset(out, 0, sizeof *out); /* the kernel gives no other family */
}

static void describe_received(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned index)
{
    struct mmsghdr *message = &batch->messages[index];
    struct rs_datagram *datagram = rs_udp_slot(batch, index);
    uint32_t segment;
    datagram->len = message->msg_len;
    datagram->local = socket->bound;
    if (message->msg_hdr.msg_flags & MSG_TRUNC)
        datagram->drop = RS_DROP_OVERSIZE;
    read_peer(batch, index, &datagram->peer);
    if (socket->has_many_locals)
        rs_udp_read_control(&message->msg_hdr, datagram->local.ip, &segment);
}

static void describe_run(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned index)
{
    struct mmsghdr *message = &batch->messages[index];
    struct rs_udp_run *run = &batch->runs[index];
    run->len = run->segment = message->msg_len;
    run->local = socket->bound;
    read_peer(batch, index, &run->peer);
    rs_udp_read_control(&message->msg_hdr, run->local.ip, &run->segment);
}

static void describe(const struct rs_udp_batch *batch, uint8_t *data, uint32_t len, enum rs_drop drop,
                     struct rs_datagram *out)
{
    const struct rs_udp_run *run = &batch->runs[batch->run];
    bool is_long = len > RS_UDP_PAYLOAD;
    *out = (struct rs_datagram){
        .data = data,
        .len = is_long ? RS_UDP_PAYLOAD : len,
        .drop = drop == RS_DROP_NONE && is_long ? RS_DROP_OVERSIZE : drop,
        .peer = run->peer,
        .local = run->local,
    };
}

static void pass(struct rs_udp_batch *batch, uint32_t len)
{
    batch->trunk_offset = 0;
    batch->run_offset += len;
    if (batch->run_offset >= batch->runs[batch->run].len) {
        batch->run++;
        batch->run_offset = 0;
    }
}

/* Takes the next datagram of the runs that were received: a record, if it is in a trunk. */
static void take(struct rs_udp_batch *batch, struct rs_datagram *out)
{
    const struct rs_udp_run *run = &batch->runs[batch->run];
    uint8_t *data = batch->wide[batch->run] + batch->run_offset;
    uint32_t left = run->len - batch->run_offset, len = left < run->segment ? left : run->segment;
    if (!rs_trunk_is(data, len)) {
        describe(batch, data, len, RS_DROP_NONE, out);
        pass(batch, len);
        return;
    }
    if (batch->trunk_offset == 0) {
        enum rs_drop drop = rs_trunk_check(data, len);
        if (drop != RS_DROP_NONE) {
            describe(batch, data, len, drop, out);
            pass(batch, len);
            return;
        }
        batch->trunk_offset = RS_TRUNK_HEADER;
    }
    uint32_t record = rs_read_u16be(data + batch->trunk_offset);
    describe(batch, data + batch->trunk_offset + RS_TRUNK_LENGTH, record, RS_DROP_NONE, out);
    batch->trunk_offset += RS_TRUNK_LENGTH + record;
    if (batch->trunk_offset >= len)
        pass(batch, len);
}

/* Holds what comes next of the runs that were received, at most a batch. */
static unsigned hold_from_runs(struct rs_udp_batch *batch)
{
    unsigned count = 0;
    while (count < RS_UDP_BATCH && batch->run < batch->run_count)
        take(batch, &batch->datagrams[count++]);
    batch->count = count;
    rs_udp_enter(batch, RS_UDP_HELD);
    return count;
}

/* Holds what the kernel has put into the first `messages`. */
static unsigned hold(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned messages)
{
    batch->dirty = messages;
    if (socket->receives_runs) {
        for (unsigned i = 0; i < messages; i++)
            describe_run(socket, batch, i);
        batch->run = batch->run_offset = batch->trunk_offset = 0;
        batch->run_count = messages;
        return hold_from_runs(batch);
    }
    batch->count = messages;
    for (unsigned i = 0; i < messages; i++)
        describe_received(socket, batch, i);
    rs_udp_enter(batch, RS_UDP_HELD);
    return messages;
}

static bool is_final(int error)
{
    return error == EBADF || error == ENOTSOCK || error == EINVAL || error == EFAULT;
}

int rs_udp_receive(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, bool waits)
{
    if (batch->run < batch->run_count)
        return (int)hold_from_runs(batch);
    prepare_to_receive(socket, batch);
    rs_udp_enter(batch, RS_UDP_RECEIVING);
    int count = recvmmsg(socket->fd, batch->messages, capacity(socket), waits ? MSG_WAITFORONE : MSG_DONTWAIT, NULL);
    if (count < 0) {
        rs_udp_enter(batch, RS_UDP_IDLE);
        return is_final(errno) ? -1 : 0;
    }
    return (int)hold(socket, batch, (unsigned)count);
}

unsigned rs_udp_resume_receive(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    unsigned messages = 0;
    while (messages < capacity(socket) && batch->messages[messages].msg_len != RS_UDP_NOT_YET) {
        struct msghdr *header = &batch->messages[messages].msg_hdr;
        header->msg_control = has_control(socket) ? batch->control[messages] : NULL;
        if (!has_control(socket) || header->msg_controllen > RS_UDP_CONTROL)
            header->msg_controllen = 0;
        messages++;
    }
    unsigned count = hold(socket, batch, messages);
    batch->dirty = RS_UDP_BATCH; /* the other messages point into the memory of a process that is gone */
    return count;
}
