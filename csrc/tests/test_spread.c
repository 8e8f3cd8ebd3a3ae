/* Datagrams reach the sockets of a port that are chosen from, and a client's always the same. */
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "spp.h"
#include "spread.h"
#include "udp_batch.h"

enum { SOCKETS = 4, CLIENTS = 200 };

static struct rs_udp_batch batch;

static int open_socket(struct rs_udp_socket *out, uint16_t port)
{
    const struct rs_address loopback = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, port};
    struct sockaddr_storage name;
    socklen_t len;
    int on = 1, fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
    CHECK(rs_address_to_sockaddr(&loopback, AF_INET, &name, &len) == RS_OK);
    CHECK(bind(fd, (struct sockaddr *)&name, len) == 0);
    CHECK(rs_udp_socket_init(out, fd, false) == RS_OK);
    return fd;
}

static void send_for(const struct rs_udp_socket *from, const struct rs_address *to, uint16_t client_port)
{
    const struct rs_address client = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7}, client_port};
    struct rs_datagram *datagram = rs_udp_slot(&batch, 0);
    datagram->len = RS_SPP_SIZE;
    datagram->peer = *to;
    rs_spp_build(datagram->data, &client, to);
    rs_udp_send(from, &batch, 1);
    CHECK(datagram->drop == RS_DROP_NONE);
}

/* The one socket that has a datagram. */
static int taken_by(const struct rs_udp_socket *sockets)
{
    int taker = -1;
    for (int i = 0; i < SOCKETS; i++)
        if (rs_udp_receive(&sockets[i], &batch, false) == 1) {
            CHECK(taker < 0);
            taker = i;
        }
    return taker;
}

/* Sends from as many senders; how many sockets had anything, the first ones. */
static unsigned taken_from_many_senders(const struct rs_udp_socket *sockets)
{
    unsigned taken[SOCKETS] = {0}, used = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct rs_udp_socket sender;
        int fd = open_socket(&sender, 0);
        send_for(&sender, &sockets[0].bound, 1024);
        int taker = taken_by(sockets);
        CHECK(taker >= 0);
        taken[taker]++;
        close(fd);
    }
    while (used < SOCKETS && taken[used] > 0)
        used++;
    for (unsigned i = used; i < SOCKETS; i++)
        CHECK(taken[i] == 0);
    return used;
}

static void test_first_sockets_are_chosen_from(const struct rs_udp_socket *sockets)
{
    for (unsigned chosen = 1; chosen <= SOCKETS; chosen++) {
        CHECK(rs_spread_by_sender(sockets[0].fd, chosen, 0x12345678u * chosen) == RS_OK);
        CHECK(taken_from_many_senders(sockets) == chosen);
    }
    for (unsigned again = 0; again < 2; again++) {
        CHECK(rs_spread_by_kernel(sockets[0].fd) == RS_OK);
        CHECK(taken_from_many_senders(sockets) == SOCKETS);
    }
    CHECK(rs_spread_by_sender(-1, SOCKETS, 1) == RS_SYSTEM && rs_spread_by_kernel(-1) == RS_SYSTEM);
}

int main(void)
{
    struct rs_udp_socket sockets[SOCKETS], sender;
    unsigned taken[SOCKETS] = {0};
    rs_udp_batch_init(&batch);
    open_socket(&sockets[0], 0);
    for (unsigned i = 1; i < SOCKETS; i++)
        open_socket(&sockets[i], sockets[0].bound.port);
    open_socket(&sender, 0);
    CHECK(rs_spread_by_client(sockets[0].fd, SOCKETS) == RS_OK);
    CHECK(rs_spread_by_client(-1, SOCKETS) == RS_SYSTEM);
    for (uint16_t port = 1024; port < 1024 + CLIENTS; port++) {
        send_for(&sender, &sockets[0].bound, port);
        int first = taken_by(sockets);
        send_for(&sender, &sockets[0].bound, port);
        CHECK(first >= 0 && taken_by(sockets) == first);
        taken[first]++;
    }
    test_first_sockets_are_chosen_from(sockets);
    for (unsigned i = 0; i < SOCKETS; i++) {
        CHECK(taken[i] > CLIENTS / SOCKETS / 2);
        close(sockets[i].fd);
    }
    close(sender.fd);
    return 0;
}
