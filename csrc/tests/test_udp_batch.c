/* Batches over loopback sockets, and a socket of the transceiver on top of them. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "classify.h"
#include "path_socket.h"
#include "spp.h"

static struct rs_udp_batch batch, other;

static struct rs_udp_socket open_on(const char *ip16, bool wants_local)
{
    struct rs_address address = {.port = 0};
    struct sockaddr_storage name;
    struct rs_udp_socket made;
    socklen_t len;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memcpy(address.ip, ip16, RS_ADDRESS_IP_SIZE);
    CHECK(fd >= 0 && rs_address_to_sockaddr(&address, AF_INET, &name, &len) == RS_OK);
    CHECK(bind(fd, (struct sockaddr *)&name, len) == 0);
    CHECK(rs_udp_socket_init(&made, fd, wants_local) == RS_OK);
    CHECK(made.bound.port != 0 && made.family == AF_INET);
    return made;
}

#define LOOPBACK "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1"
#define SECOND "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\2"
#define ANY "\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0"

static void put(struct rs_udp_batch *b, unsigned index, const char *text, struct rs_address to)
{
    struct rs_datagram *slot = rs_udp_slot(b, index);
    slot->len = (uint32_t)strlen(text);
    memcpy(slot->data, text, slot->len);
    slot->peer = to;
}

static void test_a_batch_goes_and_comes_in_order(void)
{
    struct rs_udp_socket a = open_on(LOOPBACK, false), b = open_on(LOOPBACK, false);
    char text[] = "datagram A";
    for (unsigned i = 0; i < RS_UDP_BATCH; i++) {
        text[9] = (char)('0' + i);
        put(&batch, i, text, b.bound);
    }
    batch.datagrams[3].drop = RS_DROP_NO_FLOW;
    rs_udp_send(&a, &batch, RS_UDP_BATCH);
    CHECK(batch.datagrams[0].drop == RS_DROP_NONE && batch.datagrams[3].drop == RS_DROP_NO_FLOW);
    CHECK(rs_udp_receive(&b, &other, true) == RS_UDP_BATCH - 1);
    CHECK(other.datagrams[2].data[9] == '2' && other.datagrams[3].data[9] == '4');
    CHECK(other.datagrams[0].len == 10 && rs_address_equal(&other.datagrams[0].peer, &a.bound));
    CHECK(rs_address_equal(&other.datagrams[0].local, &b.bound));
    CHECK(rs_udp_receive(&b, &other, false) == 0);
    close(a.fd);
    CHECK(rs_udp_receive(&a, &other, false) == -1 && errno == EBADF);
    close(b.fd);
}

static void test_the_same_octets_go_back_with_a_header_in_front(void)
{
    struct rs_udp_socket a = open_on(LOOPBACK, false), b = open_on(LOOPBACK, false);
    put(&batch, 0, "ping", b.bound);
    rs_udp_send(&a, &batch, 1);
    CHECK(rs_udp_receive(&b, &other, true) == 1);
    struct rs_datagram *datagram = &other.datagrams[0];
    datagram->data -= RS_SPP_SIZE;
    datagram->len += RS_SPP_SIZE;
    rs_spp_build(datagram->data, &datagram->peer, &datagram->local);
    rs_udp_send(&b, &other, 1);
    CHECK(rs_udp_receive(&a, &batch, true) == 1 && batch.datagrams[0].len == RS_SPP_SIZE + 4);
    CHECK(memcmp(batch.datagrams[0].data + RS_SPP_SIZE, "ping", 4) == 0);
    close(a.fd);
    close(b.fd);
}

static void test_what_cannot_be_sent_does_not_stop_the_rest(void)
{
    struct rs_udp_socket a = open_on(LOOPBACK, false), b = open_on(LOOPBACK, false);
    static uint8_t huge[70000];
    struct rs_address v6 = {{0x20, 0x01, 0x0d, 0xb8}, 9}, nowhere = b.bound;
    nowhere.port = 0;
    put(&batch, 0, "first", b.bound);
    put(&batch, 1, "port 0", nowhere);
    put(&batch, 2, "other family", v6);
    put(&batch, 3, "too long", b.bound);
    batch.datagrams[3].data = huge;
    batch.datagrams[3].len = sizeof huge;
    put(&batch, 4, "last", b.bound);
    rs_udp_send(&a, &batch, 5);
    CHECK(batch.datagrams[0].drop == RS_DROP_NONE && batch.datagrams[4].drop == RS_DROP_NONE);
    CHECK(batch.datagrams[1].drop == RS_DROP_SEND_FAILED && batch.datagrams[2].drop == RS_DROP_SEND_FAILED);
    CHECK(batch.datagrams[3].drop == RS_DROP_OVERSIZE);
    CHECK(rs_udp_receive(&b, &other, true) == 2 && other.datagrams[1].len == 4);
    close(a.fd);
    close(b.fd);
}

static void test_longer_than_the_buffer_is_oversize(void)
{
    struct rs_udp_socket a = open_on(LOOPBACK, false), b = open_on(LOOPBACK, false);
    static uint8_t octets[RS_UDP_PAYLOAD + 1];
    for (unsigned i = 0; i < 2; i++) {
        put(&batch, i, "", b.bound);
        batch.datagrams[i].data = octets;
        batch.datagrams[i].len = RS_UDP_PAYLOAD + i;
    }
    rs_udp_send(&a, &batch, 2);
    CHECK(rs_udp_receive(&b, &other, true) == 2);
    CHECK(other.datagrams[0].drop == RS_DROP_NONE && other.datagrams[0].len == RS_UDP_PAYLOAD);
    CHECK(other.datagrams[1].drop == RS_DROP_OVERSIZE && other.datagrams[1].len == RS_UDP_PAYLOAD);
    close(a.fd);
    close(b.fd);
}

static void test_a_wildcard_socket_knows_and_chooses_its_local_address(void)
{
    struct rs_udp_socket wild = open_on(ANY, true), client = open_on(LOOPBACK, false);
    struct rs_address second = {.port = wild.bound.port};
    memcpy(second.ip, SECOND, RS_ADDRESS_IP_SIZE);
    CHECK(wild.has_many_locals && !client.has_many_locals);
    put(&batch, 0, "to 127.0.0.2", second);
    rs_udp_send(&client, &batch, 1);
    CHECK(rs_udp_receive(&wild, &other, true) == 1);
    CHECK(rs_address_equal(&other.datagrams[0].local, &second));
    rs_udp_send(&wild, &other, 1);
    CHECK(rs_udp_receive(&client, &batch, true) == 1);
    CHECK(rs_address_equal(&batch.datagrams[0].peer, &second));
    close(wild.fd);
    close(client.fd);
}

static void test_a_relayed_socket_reads_headers_from_listed_networks_only(void)
{
    const struct rs_network loopback = {LOOPBACK, 128};
    struct rs_path_socket us = {.is_relayed = true, .networks = &loopback, .network_count = 1};
    struct rs_udp_socket relay = open_on(LOOPBACK, false), stranger = open_on(SECOND, false);
    struct rs_fact facts[RS_UDP_BATCH];
    struct rs_srtp *const plain[1] = {NULL};
    const struct rs_address client = {LOOPBACK, 50000}, proxy = {SECOND, 3478};
    us.udp = open_on(LOOPBACK, false);
    for (unsigned i = 0; i < 2; i++) {
        put(&batch, i, "\x80 an RTP packet, by its looks", us.udp.bound);
        batch.datagrams[i].data -= RS_SPP_SIZE * i;
        batch.datagrams[i].len += RS_SPP_SIZE * i;
    }
    rs_spp_build(batch.datagrams[1].data, &client, &proxy);
    rs_udp_send(&relay, &batch, 2);
    rs_udp_send(&stranger, &batch, 2);
    CHECK(rs_path_socket_receive(&us, &other, facts) == 4);
    CHECK(facts[0].drop == RS_DROP_SPP_MALFORMED && facts[2].drop == RS_DROP_SOURCE_NOT_LISTED);
    CHECK(facts[1].drop == RS_DROP_NONE && facts[3].drop == RS_DROP_SOURCE_NOT_LISTED);
    CHECK(facts[1].kind == RS_KIND_RTP && rs_address_equal(&facts[1].path.client, &client));
    CHECK(rs_address_equal(&facts[1].path.relay, &relay.bound) && rs_address_equal(&facts[1].path.proxy, &proxy));
    CHECK(memcmp((uint8_t *)&other + facts[1].offset, "\x80 an RTP", 8) == 0);

    uint8_t drops[1];
    uint32_t len = 3;
    CHECK(rs_path_socket_send(&us, &other, (const uint8_t *)"out", 3, &len, plain, &facts[1].path, 1, drops) == RS_OK);
    CHECK(drops[0] == RS_DROP_NONE && rs_udp_receive(&relay, &batch, true) == 1);
    CHECK(batch.datagrams[0].len == RS_SPP_SIZE + 3 && memcmp(batch.datagrams[0].data + RS_SPP_SIZE, "out", 3) == 0);
    CHECK(rs_path_socket_send(&us, &other, (const uint8_t *)"out", 2, &len, plain, &facts[1].path, 1, drops) ==
          RS_INVALID);
    close(us.udp.fd);
    close(relay.fd);
    close(stranger.fd);
}

/* What a process leaves in shared memory when it dies, and another one finds at another address. */
static struct rs_udp_batch heirloom;

static void inherit(struct rs_udp_batch *from)
{
    memcpy(&heirloom, from, sizeof heirloom);
    memset(from, 0xee, sizeof *from);
}

static void test_a_batch_is_resumed_where_its_receiver_died(void)
{
    struct rs_udp_socket a = open_on(LOOPBACK, false), b = open_on(ANY, true);
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    struct rs_address to = b.bound;
    memcpy(to.ip, LOOPBACK, sizeof to.ip);
    put(&batch, 0, "first", to);
    put(&batch, 1, "second", to);
    rs_udp_send(&a, &batch, 2);
    CHECK(rs_udp_receive(&b, &other, true) == 2 && rs_udp_phase(&other) == RS_UDP_HELD);
    other.phase = RS_UDP_RECEIVING; /* as it was when the kernel returned */
    inherit(&other);
    CHECK(rs_udp_resume_receive(&b, &heirloom) == 2 && rs_udp_phase(&heirloom) == RS_UDP_HELD);
    CHECK(heirloom.datagrams[1].len == 6 && memcmp(heirloom.datagrams[1].data, "second", 6) == 0);
    CHECK(rs_address_equal(&heirloom.datagrams[0].peer, &a.bound));
    CHECK(rs_address_equal(&heirloom.datagrams[0].local, &to));
    rs_udp_finish(&heirloom);
    rs_udp_batch_init(&batch);
    put(&batch, 0, "third", to);
    rs_udp_send(&a, &batch, 1);
    CHECK(rs_udp_receive(&b, &heirloom, true) == 1 && heirloom.datagrams[0].len == 5);
    close(a.fd);
    close(b.fd);
}

static void test_what_its_sender_left_is_sent_once(void)
{
    struct rs_udp_socket a = open_on(LOOPBACK, false), b = open_on(LOOPBACK, false);
    const char *texts[] = {"zero", "one", "two", "three", "four"};
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    for (unsigned i = 0; i < 5; i++)
        put(&batch, i, texts[i], b.bound);
    batch.datagrams[1].drop = RS_DROP_NO_FLOW;
    rs_udp_send(&a, &batch, 5);
    CHECK(rs_udp_phase(&batch) == RS_UDP_SENT && rs_udp_receive(&b, &other, true) == 4);
    batch.phase = RS_UDP_SENDING; /* as it was when the kernel had sent two of four */
    batch.messages[2].msg_len = batch.messages[3].msg_len = UINT32_MAX;
    inherit(&batch);
    rs_udp_resume_send(&a, &heirloom);
    CHECK(rs_udp_phase(&heirloom) == RS_UDP_SENT && heirloom.datagrams[4].drop == RS_DROP_NONE);
    CHECK(rs_udp_receive(&b, &other, true) == 2);
    CHECK(memcmp(other.datagrams[0].data, "three", 5) == 0 && memcmp(other.datagrams[1].data, "four", 4) == 0);
    rs_udp_batch_init(&batch);
    close(a.fd);
    close(b.fd);
}

int main(void)
{
    test_a_batch_is_resumed_where_its_receiver_died();
    test_what_its_sender_left_is_sent_once();
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    test_a_batch_goes_and_comes_in_order();
    rs_udp_batch_init(&other);
    test_the_same_octets_go_back_with_a_header_in_front();
    test_what_cannot_be_sent_does_not_stop_the_rest();
    test_longer_than_the_buffer_is_oversize();
    rs_udp_batch_init(&other);
    test_a_wildcard_socket_knows_and_chooses_its_local_address();
    rs_udp_batch_init(&other);
    test_a_relayed_socket_reads_headers_from_listed_networks_only();
    return 0;
}
