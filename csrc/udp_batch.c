#include "udp_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

_Static_assert(RS_UDP_BATCH <= 256, "sent_index holds indices in one octet");
_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) <= RS_UDP_CONTROL, "control has room for a packet info");
_Static_assert(CMSG_SPACE(sizeof(struct in_pktinfo)) <= RS_UDP_CONTROL, "control has room for a packet info");

static bool is_wildcard(const struct rs_address *address)
{
    static const uint8_t zeros[RS_ADDRESS_IP_SIZE];
    const uint8_t *tail = address->ip + 12;
    return memcmp(address->ip, zeros, sizeof zeros) == 0 ||
           (rs_address_is_ipv4(address->ip) && memcmp(tail, zeros, 4) == 0);
}

static enum rs_status ask_for_local(int fd, int family)
{
    int on = 1;
    int failed = family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on)
                                   : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    return failed ? RS_SYSTEM : RS_OK;
}

enum rs_status rs_udp_socket_init(struct rs_udp_socket *out, int fd, bool wants_local)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    struct rs_udp_socket made = {.fd = fd};
    if (getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        return RS_SYSTEM;
    if (rs_address_from_sockaddr(&name, &made.bound) != RS_OK)
        return RS_INVALID;
    made.family = name.ss_family;
    made.has_many_locals = wants_local && is_wildcard(&made.bound);
    if (made.has_many_locals && ask_for_local(fd, made.family) != RS_OK)
        return RS_SYSTEM;
    *out = made;
    return RS_OK;
}

/* In a message's length: the kernel has not come to it yet. It writes the length last of all, message by message. */
#define NOT_YET UINT32_MAX

/* Ordered after what was written before, for who finds the batch when we are dead. */
static void enter(struct rs_udp_batch *batch, enum rs_udp_phase phase)
{
    atomic_store_explicit(&batch->phase, phase, memory_order_release);
}

void rs_udp_batch_init(struct rs_udp_batch *batch)
{
    batch->dirty = RS_UDP_BATCH;
    batch->home = (uintptr_t)batch;
    enter(batch, RS_UDP_IDLE);
}

void rs_udp_finish(struct rs_udp_batch *batch)
{
    enter(batch, RS_UDP_IDLE);
}

struct rs_datagram *rs_udp_slot(struct rs_udp_batch *batch, unsigned index)
{
    struct rs_datagram *datagram = &batch->datagrams[index];
    datagram->data = batch->buffers[index] + RS_UDP_HEADROOM;
    datagram->drop = RS_DROP_NONE;
    return datagram;
}

/* The local address of a received message, from its packet info; false: it has none. */
static bool read_local(struct msghdr *header, uint8_t ip[RS_ADDRESS_IP_SIZE])
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(ip, &info.ipi6_addr, RS_ADDRESS_IP_SIZE);
            return true;
        }
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            struct sockaddr_storage as_name = {.ss_family = AF_INET};
            struct rs_address address;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy((uint8_t *)&as_name + offsetof(struct sockaddr_in, sin_addr), &info.ipi_addr, sizeof info.ipi_addr);
            rs_address_from_sockaddr(&as_name, &address);
            memcpy(ip, address.ip, RS_ADDRESS_IP_SIZE);
            return true;
        }
    }
    return false;
}

static void prepare_to_receive(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    for (unsigned i = 0; i < batch->dirty; i++) {
        batch->vectors[i] = (struct iovec){batch->buffers[i] + RS_UDP_HEADROOM, RS_UDP_PAYLOAD};
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->names[i],
            .msg_namelen = sizeof batch->names[i],
            .msg_iov = &batch->vectors[i],
            .msg_iovlen = 1,
            .msg_control = socket->has_many_locals ? batch->control[i] : NULL,
            .msg_controllen = socket->has_many_locals ? RS_UDP_CONTROL : 0,
        };
        batch->messages[i].msg_len = NOT_YET;
    }
    batch->dirty = 0;
}

static void describe_received(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned index)
{
    struct mmsghdr *message = &batch->messages[index];
    struct rs_datagram *datagram = rs_udp_slot(batch, index);
    datagram->len = message->msg_len;
    datagram->local = socket->bound;
    if (message->msg_hdr.msg_flags & MSG_TRUNC)
        datagram->drop = RS_DROP_OVERSIZE;
    if (rs_address_from_sockaddr(&batch->names[index], &datagram->peer) != RS_OK)
        memset(&datagram->peer, 0, sizeof datagram->peer); /* the kernel gives no other family */
    if (socket->has_many_locals)
        read_local(&message->msg_hdr, datagram->local.ip);
}

static void hold(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned count)
{
    batch->dirty = count;
    batch->count = count;
    for (unsigned i = 0; i < count; i++)
        describe_received(socket, batch, i);
    enter(batch, RS_UDP_HELD);
}

static bool is_final(int error)
{
    return error == EBADF || error == ENOTSOCK || error == EINVAL || error == EFAULT;
}

int rs_udp_receive(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, bool waits)
{
    prepare_to_receive(socket, batch);
    enter(batch, RS_UDP_RECEIVING);
    int count = recvmmsg(socket->fd, batch->messages, RS_UDP_BATCH, waits ? MSG_WAITFORONE : MSG_DONTWAIT, NULL);
    if (count < 0) {
        enter(batch, RS_UDP_IDLE);
        return is_final(errno) ? -1 : 0;
    }
    hold(socket, batch, (unsigned)count);
    return count;
}

unsigned rs_udp_resume_receive(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    unsigned count = 0;
    while (count < RS_UDP_BATCH && batch->messages[count].msg_len != NOT_YET) {
        struct msghdr *header = &batch->messages[count].msg_hdr;
        header->msg_control = socket->has_many_locals ? batch->control[count] : NULL;
        if (!socket->has_many_locals || header->msg_controllen > RS_UDP_CONTROL)
            header->msg_controllen = 0;
        count++;
    }
    hold(socket, batch, count);
    batch->dirty = RS_UDP_BATCH; /* the other messages point into the memory of a process that is gone */
    return count;
}

static size_t write_local(const struct rs_udp_socket *socket, const struct rs_address *local, void *control)
{
    struct cmsghdr *c = control;
    if (socket->family == AF_INET6) {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, local->ip, RS_ADDRESS_IP_SIZE);
        *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IPV6, IPV6_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }
    struct in_pktinfo info = {0};
    memcpy(&info.ipi_spec_dst, local->ip + 12, sizeof info.ipi_spec_dst);
    *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
    memcpy(CMSG_DATA(c), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
}

/* Message `number` carries datagram `index`. */
static void fill_message(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned number,
                         unsigned index, socklen_t name_len)
{
    const struct rs_datagram *datagram = &batch->datagrams[index];
    struct msghdr *header = &batch->messages[number].msg_hdr;
    batch->vectors[number] = (struct iovec){datagram->data, datagram->len};
    *header = (struct msghdr){
        .msg_name = &batch->names[number],
        .msg_namelen = name_len,
        .msg_iov = &batch->vectors[number],
        .msg_iovlen = 1,
    };
    if (socket->has_many_locals) {
        header->msg_control = batch->control[number];
        header->msg_controllen = write_local(socket, &datagram->local, batch->control[number]);
    }
    batch->messages[number].msg_len = NOT_YET;
    batch->sent_index[number] = (uint8_t)index;
}

/* Puts datagrams to send into consecutive messages; returns how many. */
static unsigned prepare_to_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned count)
{
    unsigned queued = 0;
    for (unsigned i = 0; i < count; i++) {
        struct rs_datagram *datagram = &batch->datagrams[i];
        socklen_t name_len;
        if (datagram->drop != RS_DROP_NONE)
            continue;
        if (rs_address_to_sockaddr(&datagram->peer, socket->family, &batch->names[queued], &name_len) != RS_OK) {
            datagram->drop = RS_DROP_SEND_FAILED;
            continue;
        }
        fill_message(socket, batch, queued++, i, name_len);
    }
    return queued;
}

static void fail(struct rs_udp_batch *batch, unsigned from, unsigned to, enum rs_drop drop)
{
    for (unsigned i = from; i < to; i++)
        batch->datagrams[batch->sent_index[i]].drop = drop;
}

static void send_from(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned done)
{
    unsigned queued = batch->queued, again = queued; /* the message that is tried a second time */
    batch->was_interrupted = false;
    /* Of two rounds one sends or gives up at least one, so there are at most twice `queued` of them. */
    while (done < queued) {
        int sent = sendmmsg(socket->fd, batch->messages + done, queued - done, MSG_DONTWAIT);
        if (sent > 0) {
            batch->was_interrupted |= (unsigned)sent < queued - done;
            done += (unsigned)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            fail(batch, done, queued, RS_DROP_SEND_FAILED);
            done = queued;
        } else if (again != done) {
            /* With IP_RECVERR it may be news of an earlier one, told once in the place of a send. */
            batch->was_interrupted = true;
            again = done;
        } else {
            fail(batch, done, done + 1, errno == EMSGSIZE ? RS_DROP_OVERSIZE : RS_DROP_SEND_FAILED);
            done++;
        }
    }
    enter(batch, RS_UDP_SENT);
}

void rs_udp_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch, unsigned count)
{
    batch->count = count < RS_UDP_BATCH ? count : RS_UDP_BATCH;
    batch->queued = prepare_to_send(socket, batch, batch->count);
    if (batch->dirty < batch->queued)
        batch->dirty = batch->queued;
    enter(batch, RS_UDP_SENDING);
    send_from(socket, batch, 0);
}

bool rs_udp_take_refusal(const struct rs_udp_socket *socket, struct rs_address *destination)
{
    struct sockaddr_storage name;
    uint64_t control[32];
    struct msghdr header = {
        .msg_name = &name, .msg_namelen = sizeof name, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(socket->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return false;
    if (rs_address_from_sockaddr(&name, destination) != RS_OK)
        memset(destination, 0, sizeof *destination);
    return true;
}

/* Points a datagram at its data in this process: as far into the batch as they were in the one that is gone. */
static bool find_data(struct rs_udp_batch *batch, unsigned index)
{
    struct rs_datagram *datagram = &batch->datagrams[index];
    const uint8_t *buffer = batch->buffers[index];
    uintptr_t offset = (uintptr_t)datagram->data - batch->home - (uintptr_t)(buffer - (const uint8_t *)batch);
    datagram->data = batch->buffers[index] + offset;
    return offset <= sizeof batch->buffers[0] && datagram->len <= sizeof batch->buffers[0] - offset;
}

void rs_udp_resume_send(const struct rs_udp_socket *socket, struct rs_udp_batch *batch)
{
    unsigned done = 0;
    while (done < batch->queued &&
           (batch->messages[done].msg_len != NOT_YET || batch->datagrams[batch->sent_index[done]].drop != RS_DROP_NONE))
        done++;
    for (unsigned i = done; i < batch->queued; i++) {
        unsigned index = batch->sent_index[i];
        socklen_t name_len;
        if (!find_data(batch, index) || rs_address_to_sockaddr(&batch->datagrams[index].peer, socket->family,
                                                               &batch->names[i], &name_len) != RS_OK) {
            fail(batch, i, batch->queued, RS_DROP_SEND_FAILED);
            batch->queued = i;
        } else {
            fill_message(socket, batch, i, index, name_len);
        }
    }
    batch->dirty = RS_UDP_BATCH;
    send_from(socket, batch, done);
}
