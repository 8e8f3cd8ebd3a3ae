#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"
#include "spp.h"

#define FIRST_CLIENT 0x7f010000u /* 127.1.0.0 */
#define BUFFER_BYTES (32 << 20)  /* the load's own, so that it never loses what a relay has delivered */

uint64_t load_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void load_fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "refused");
    exit(1);
}

uint16_t load_port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        load_fail("getsockname");
    return ntohs(address.sin_port);
}

static int open_socket(uint32_t ip)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = BUFFER_BYTES;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        load_fail("socket");
    for (int option = 0; option < 2; option++)
        if (setsockopt(fd, SOL_SOCKET, option ? SO_SNDBUFFORCE : SO_RCVBUFFORCE, &size, sizeof size) != 0)
            setsockopt(fd, SOL_SOCKET, option ? SO_SNDBUF : SO_RCVBUF, &size, sizeof size);
    return fd;
}

void load_open(struct load *load)
{
    int on = 1;
    if (rs_udp_socket_init(&load->transceiver, open_socket(INADDR_LOOPBACK), false) != RS_OK)
        load_fail("transceiver");
    load->clients = open_socket(INADDR_ANY);
    load->client_port = load_port_of(load->clients);
    if (setsockopt(load->clients, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0)
        load_fail("IP_PKTINFO");
    rs_hint_keys_init(&load->keys);
}

void load_receive_init(struct load_batch *batch)
{
    for (unsigned i = 0; i < LOAD_BATCH; i++) {
        batch->vectors[i] = (struct iovec){batch->buffers[i], LOAD_DATAGRAM};
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->names[i],
            .msg_iov = &batch->vectors[i],
            .msg_iovlen = 1,
            .msg_control = batch->control[i],
        };
    }
}

unsigned load_receive(int fd, struct load_batch *batch)
{
    for (unsigned i = 0; i < LOAD_BATCH; i++) {
        batch->messages[i].msg_hdr.msg_namelen = sizeof batch->names[i];
        batch->messages[i].msg_hdr.msg_controllen = sizeof batch->control[i];
    }
    int received = recvmmsg(fd, batch->messages, LOAD_BATCH, MSG_DONTWAIT, NULL);
    if (received < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
        load_fail("recvmmsg");
    return received < 0 ? 0 : (unsigned)received;
}

unsigned load_send(int fd, struct load_batch *batch, unsigned count)
{
    int sent = sendmmsg(fd, batch->messages, count, MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != ECONNREFUSED)
        load_fail("sendmmsg");
    return sent < 0 ? 0 : (unsigned)sent;
}

static void set_up(struct load_batch *batch, unsigned i, const struct sockaddr_in *to, size_t len)
{
    batch->names[i] = *to;
    batch->vectors[i] = (struct iovec){batch->buffers[i], len};
    batch->messages[i].msg_hdr = (struct msghdr){
        .msg_name = &batch->names[i],
        .msg_namelen = sizeof batch->names[i],
        .msg_iov = &batch->vectors[i],
        .msg_iovlen = 1,
    };
}

void load_address_up(const struct load *load, struct load_batch *batch, unsigned i, uint32_t client, size_t len)
{
    struct cmsghdr *c = (struct cmsghdr *)batch->control[i];
    struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(FIRST_CLIENT + client)};
    set_up(batch, i, &load->relay, len);
    *c = (struct cmsghdr){CMSG_LEN(sizeof from), IPPROTO_IP, IP_PKTINFO};
    memcpy(CMSG_DATA(c), &from, sizeof from);
    batch->messages[i].msg_hdr.msg_control = c;
    batch->messages[i].msg_hdr.msg_controllen = CMSG_SPACE(sizeof from);
}

void load_address_down(const struct load *load, struct rs_datagram *datagram, uint32_t client)
{
    struct rs_address from = {.ip = {[10] = 0xff, 0xff}, .port = load->client_port}, proxy = from;
    uint32_t ip = htonl(FIRST_CLIENT + client);
    memcpy(from.ip + 12, &ip, sizeof ip);
    memcpy(proxy.ip + 12, &load->relay.sin_addr, 4);
    proxy.port = ntohs(load->relay.sin_port);
    datagram->data -= RS_SPP_SIZE;
    datagram->len += RS_SPP_SIZE;
    rs_spp_build(datagram->data, &from, &proxy);
    datagram->peer = load->upstream;
}

void load_use_runs(struct load *load)
{
    load->transceiver.sends_runs = true;
    rs_udp_receive_runs(&load->transceiver);
}

void load_use_trunks(struct load *load)
{
    load->transceiver.trunk_payload = rs_udp_payload(&load->transceiver, 1500);
    rs_udp_receive_runs(&load->transceiver);
}

uint32_t load_delivered_to(struct load_batch *batch, unsigned i)
{
    struct in_pktinfo info = {0};
    struct cmsghdr *c = CMSG_FIRSTHDR(&batch->messages[i].msg_hdr);
    if (c != NULL && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
        memcpy(&info, CMSG_DATA(c), sizeof info);
    return ntohl(info.ipi_addr.s_addr) - FIRST_CLIENT;
}

size_t load_write_request(const struct load *load, uint8_t *out, uint32_t client)
{
    uint8_t nonce[RS_HINT_NONCE_SIZE] = {0};
    memcpy(nonce, &client, sizeof client);
    memcpy(out, load->request, load->request_len);
    rs_hint_mint(&load->keys, 1, 1, 2, nonce, (char *)out + load->ufrag_offset);
    return load->request_len;
}
