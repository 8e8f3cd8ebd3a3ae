#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "udp_message.h"

_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) <= RS_UDP_CONTROL, "room for both");
_Static_assert(CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(int)) <= RS_UDP_CONTROL, "room for both");

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

void rs_udp_receive_runs(struct rs_udp_socket *socket)
{
    int on = 1;
    setsockopt(socket->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on); /* without it there are only shorter runs: of one */
    socket->receives_runs = true;
}

static void read_ipv4(const struct cmsghdr *c, uint8_t local[RS_ADDRESS_IP_SIZE])
{
    struct in_pktinfo info;
    struct sockaddr_storage as_name = {.ss_family = AF_INET};
    struct rs_address address;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    memcpy((uint8_t *)&as_name + offsetof(struct sockaddr_in, sin_addr), &info.ipi_addr, sizeof info.ipi_addr);
    rs_address_from_sockaddr(&as_name, &address);
    memcpy(local, address.ip, RS_ADDRESS_IP_SIZE);
}

void rs_udp_read_control(struct msghdr *header, uint8_t local[RS_ADDRESS_IP_SIZE], uint32_t *segment)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(local, &info.ipi6_addr, RS_ADDRESS_IP_SIZE);
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            read_ipv4(c, local);
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int told;
            memcpy(&told, CMSG_DATA(c), sizeof told);
            if (told > 0)
                *segment = (uint32_t)told;
        }
    }
}

/* Appends one control message; returns the room it took. */
static size_t append(void *control, int level, int type, const void *value, size_t size)
{
    struct cmsghdr *c = control;
    *c = (struct cmsghdr){CMSG_LEN(size), level, type};
    memcpy(CMSG_DATA(c), value, size);
    return CMSG_SPACE(size);
}

void rs_udp_write_control(const struct rs_udp_socket *socket, struct msghdr *header, const struct rs_address *local,
                          uint16_t segment, void *control)
{
    size_t used = 0;
    if (socket->has_many_locals && socket->family == AF_INET6) {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, local->ip, RS_ADDRESS_IP_SIZE);
        used = append(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    } else if (socket->has_many_locals) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->ip + 12, sizeof info.ipi_spec_dst);
        used = append(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (segment != 0)
        used += append((uint8_t *)control + used, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    header->msg_control = used == 0 ? NULL : control;
    header->msg_controllen = used;
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
