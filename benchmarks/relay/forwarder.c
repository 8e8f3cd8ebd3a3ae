/* The least that any relay of this shape does: receive in batches, put the header in front or take it away, send in
 * batches. No parsing, no hints, no flows, no checks: everything goes to one transceiver, and answers go wherever
 * their header says. What the relay costs above this is what it does; what this costs is the kernel's.
 *
 * Usage: forwarder TRANSCEIVER_PORT. Prints its port; ends with standard input. Two threads, as a relay's worker. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spp.h"
#include "udp_batch.h"

static struct rs_udp_socket public_side, upstream_side;
static struct rs_address transceiver;
static struct rs_udp_batch batches[2];

static void open_side(struct rs_udp_socket *out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0 || rs_udp_socket_init(out, fd, false) != RS_OK)
        exit(1);
}

static void *forward_up(void *unused)
{
    (void)unused;
    for (;;) {
        int count = rs_udp_receive(&public_side, &batches[0], true);
        if (count < 0)
            exit(1);
        for (int i = 0; i < count; i++) {
            struct rs_datagram *datagram = &batches[0].datagrams[i];
            datagram->data -= RS_SPP_SIZE;
            datagram->len += RS_SPP_SIZE;
            rs_spp_build(datagram->data, &datagram->peer, &public_side.bound);
            datagram->peer = transceiver;
        }
        rs_udp_send(&upstream_side, &batches[0], (unsigned)count);
    }
    return NULL;
}

static void *forward_down(void *unused)
{
    (void)unused;
    for (;;) {
        int count = rs_udp_receive(&upstream_side, &batches[1], true);
        if (count < 0)
            exit(1);
        for (int i = 0; i < count; i++) {
            struct rs_datagram *datagram = &batches[1].datagrams[i];
            struct rs_address proxy;
            datagram->drop = rs_spp_parse(datagram->data, datagram->len, &datagram->peer, &proxy);
            datagram->data += RS_SPP_SIZE;
            datagram->len -= RS_SPP_SIZE;
        }
        rs_udp_send(&public_side, &batches[1], (unsigned)count);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage any;
    pthread_t threads[2];
    if (argc != 2)
        return 2;
    to.sin_port = htons((uint16_t)atoi(argv[1]));
    memset(&any, 0, sizeof any);
    memcpy(&any, &to, sizeof to);
    rs_address_from_sockaddr(&any, &transceiver);
    open_side(&public_side);
    open_side(&upstream_side);
    rs_udp_batch_init(&batches[0]);
    rs_udp_batch_init(&batches[1]);
    if (pthread_create(&threads[0], NULL, forward_up, NULL) != 0 ||
        pthread_create(&threads[1], NULL, forward_down, NULL) != 0)
        return 1;
    printf("%u\n", (unsigned)public_side.bound.port);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
