/* Runs and trunks: datagrams that travel together arrive as they would have alone. */
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "trunk.h"
#include "udp_batch.h"

#define ROUNDS 40
#define CLIENTS 5
#define ALL (ROUNDS * RS_UDP_BATCH)
#define SO_MEMINFO_DROPS 8
#define TRUNK 1452      /* of an MTU of 1500, with IPv6 */
#define SHORT_TRUNK 152 /* the longest of four kinds fits in none */

static struct rs_udp_batch batch, other, heirloom;

static struct rs_udp_socket open_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rs_udp_socket made;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    CHECK(rs_udp_socket_init(&made, fd, false) == RS_OK);
    return made;
}

static uint32_t draw(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Datagram `number` of a client: a header, the number, and as many octets as asked for, which follow from the number.
 */
static void put(unsigned slot, unsigned client, uint32_t number, unsigned octets, struct rs_address to)
{
    struct rs_address from = {.ip = {[10] = 0xff, 0xff, 192, 0, 2, (uint8_t)client}, .port = 4000};
    struct rs_datagram *datagram = rs_udp_slot(&batch, slot);
    memset(datagram->data, (int)(number & 0xff), octets);
    if (octets >= sizeof number)
        memcpy(datagram->data, &number, sizeof number);
    datagram->data -= RS_SPP_SIZE;
    datagram->len = RS_SPP_SIZE + octets;
    rs_spp_build(datagram->data, &from, &to);
    datagram->peer = to;
    datagram->may_join_trunk = true;
}

/* What was sent and has not arrived yet, by client in order. */
static struct {
    uint32_t number[ALL];
    unsigned octets[ALL];
    unsigned sent, arrived;
} clients[CLIENTS];

static void send_any(const struct rs_udp_socket *from, const struct rs_udp_socket *to, unsigned kinds)
{
    static uint32_t number;
    unsigned count = 1 + draw() % RS_UDP_BATCH;
    for (unsigned i = 0; i < count; i++) {
        unsigned client = draw() % CLIENTS, octets = 8 + 50 * (draw() % kinds);
        put(i, client, ++number, octets, to->bound);
        if (draw() % 16 == 0) {
            batch.datagrams[i].drop = RS_DROP_NO_FLOW;
            continue;
        }
        clients[client].number[clients[client].sent] = number;
        clients[client].octets[clients[client].sent++] = octets;
    }
    rs_udp_send(from, &batch, count);
    for (unsigned i = 0; i < count; i++)
        CHECK(batch.datagrams[i].drop == RS_DROP_NONE || batch.datagrams[i].drop == RS_DROP_NO_FLOW);
}

static unsigned take_all(const struct rs_udp_socket *from, const struct rs_udp_socket *to)
{
    unsigned sum = 0;
    for (int count; (count = rs_udp_receive(to, &other, false)) > 0; sum += (unsigned)count)
        for (int i = 0; i < count; i++) {
            const struct rs_datagram *datagram = &other.datagrams[i];
            unsigned client = datagram->data[RS_SPP_CLIENT_IP + 15], n = clients[client].arrived++;
            uint32_t number;
            memcpy(&number, datagram->data + RS_SPP_SIZE, sizeof number);
            CHECK(rs_address_equal(&datagram->peer, &from->bound) && rs_address_equal(&datagram->local, &to->bound));
            CHECK(datagram->drop == RS_DROP_NONE && number == clients[client].number[n]);
            CHECK(datagram->len == RS_SPP_SIZE + clients[client].octets[n]);
            for (unsigned at = RS_SPP_SIZE + sizeof number; at < datagram->len; at++)
                CHECK(datagram->data[at] == (number & 0xff));
        }
    return sum;
}

static void test_all_arrive_as_they_were_in_the_order_of_each_client(void)
{
    for (unsigned way = 0; way < 16; way++) {
        if ((way & 8) && !(way & 2))
            continue; /* nobody who reads trunks */
        struct rs_udp_socket a = open_socket(), b = open_socket();
        unsigned sent = 0, arrived = 0;
        a.sends_runs = way & 1;
        a.trunk_payload = way & 8 ? way & 4 ? TRUNK : SHORT_TRUNK : 0;
        if (way & 2)
            rs_udp_receive_runs(&b);
        CHECK(b.receives_runs == ((way & 2) != 0));
        memset(clients, 0, sizeof clients);
        rs_udp_batch_init(&batch);
        rs_udp_batch_init(&other);
        for (unsigned round = 0; round < ROUNDS; round++) {
            send_any(&a, &b, way & 4 ? 1 : 4);
            if (round % 4 == 3) /* so that several runs wait, more than a batch together */
                arrived += take_all(&a, &b);
        }
        for (unsigned i = 0; i < CLIENTS; i++)
            sent += clients[i].sent;
        CHECK(sent > 0 && arrived == sent);
        close(a.fd);
        close(b.fd);
    }
}

static void test_equal_ones_are_one_message(void)
{
    struct rs_udp_socket a = open_socket(), b = open_socket();
    a.sends_runs = true;
    rs_udp_batch_init(&batch);
    for (unsigned i = 0; i < RS_UDP_BATCH; i++)
        put(i, i % CLIENTS, i, 100 + i % 2, b.bound);
    rs_udp_send(&a, &batch, RS_UDP_BATCH);
    /* In turns a client has both lengths, so that a message may not wait for a later one of its length for long. */
    CHECK(batch.queued < RS_UDP_BATCH);
    for (unsigned i = 0; i < RS_UDP_BATCH; i++)
        put(i, i % CLIENTS, i, 100, b.bound);
    rs_udp_send(&a, &batch, RS_UDP_BATCH);
    CHECK(batch.queued == 1);
    close(a.fd);
    close(b.fd);
}

static void test_a_trunk_is_filled_up_to_its_length(void)
{
    struct rs_udp_socket a = open_socket(), b = open_socket();
    unsigned lengths = 0;
    a.sends_runs = true;
    a.trunk_payload = TRUNK;
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    for (unsigned i = 0; i < 10; i++)
        put(i, i, i, 100 + i, b.bound);
    put(10, 10, 10, 1500, b.bound); /* by itself */
    put(11, 11, 11, 40, b.bound);
    rs_udp_send(&a, &batch, 12);
    CHECK(batch.queued == 3);
    rs_udp_batch_init(&batch);
    CHECK(rs_udp_receive(&b, &other, false) == 3);
    CHECK(other.datagrams[0].len <= TRUNK && other.datagrams[1].len == RS_SPP_SIZE + 1500);
    for (unsigned i = 0; i < 3; i++)
        lengths += other.datagrams[i].len;
    CHECK(rs_trunk_check(other.datagrams[0].data, other.datagrams[0].len) == RS_DROP_NONE);
    CHECK(lengths == 12 * RS_SPP_SIZE + 1045 + 1500 + 40 + RS_TRUNK_HEADER + 10 * RS_TRUNK_LENGTH);
    close(a.fd);
    close(b.fd);
}

static void test_a_trunk_that_makes_no_sense_is_one_drop(void)
{
    struct rs_udp_socket a = open_socket(), b = open_socket();
    rs_udp_receive_runs(&b);
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    for (unsigned i = 0; i < 4; i++)
        put(i, i, i, 100, b.bound);
    rs_trunk_begin(batch.datagrams[1].data, 2);
    batch.datagrams[2].len = 2;
    rs_trunk_begin(batch.datagrams[2].data, 1);
    rs_udp_send(&a, &batch, 4);
    CHECK(rs_udp_receive(&b, &other, false) == 4);
    for (unsigned i = 0; i < 4; i++)
        CHECK(other.datagrams[i].drop == (i == 1 || i == 2 ? RS_DROP_TRUNK_MALFORMED : RS_DROP_NONE));
    CHECK(other.datagrams[1].len == RS_SPP_SIZE + 100 && other.datagrams[2].len == 2);
    close(a.fd);
    close(b.fd);
}

static void test_a_trunk_that_the_path_refuses_goes_one_by_one(void)
{
    struct rs_udp_socket a = open_socket(), b = open_socket();
    a.trunk_payload = 200000; /* longer than any datagram */
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    for (unsigned i = 0; i < 40; i++)
        put(i, i, i, 1700, b.bound);
    rs_udp_send(&a, &batch, 40);
    CHECK(batch.queued == 1 && rs_udp_receive(&b, &other, false) == 40);
    for (unsigned i = 0; i < 40; i++)
        CHECK(batch.datagrams[i].drop == RS_DROP_NONE && other.datagrams[i].data[RS_SPP_SIZE] == i);
    close(a.fd);
    close(b.fd);
}

static void test_a_run_that_the_path_refuses_goes_one_by_one(void)
{
    struct rs_udp_socket a = open_socket(), b = open_socket();
    struct rs_address nowhere = b.bound;
    a.sends_runs = true;
    nowhere.port = 0;
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    for (unsigned i = 0; i < 6; i++)
        put(i, i, i, 100, i < 3 ? nowhere : b.bound);
    rs_udp_send(&a, &batch, 6);
    for (unsigned i = 0; i < 6; i++)
        CHECK(batch.datagrams[i].drop == (i < 3 ? RS_DROP_SEND_FAILED : RS_DROP_NONE));
    CHECK(rs_udp_receive(&b, &other, false) == 3);
    close(a.fd);
    close(b.fd);
}

static void inherit(struct rs_udp_batch *from)
{
    memcpy(&heirloom, from, sizeof heirloom);
    memset(from, 0xee, sizeof *from);
}

static void test_what_their_sender_left_is_sent_once(uint32_t trunk_payload)
{
    struct rs_udp_socket a = open_socket(), b = open_socket();
    a.sends_runs = true;
    a.trunk_payload = trunk_payload;
    rs_udp_receive_runs(&b);
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    for (unsigned i = 0; i < 9; i++)
        put(i, i, i, 100 + i / 3, b.bound);
    rs_udp_send(&a, &batch, 9);
    CHECK(batch.queued == 3 && batch.is_trunk[1] == (trunk_payload != 0) && rs_udp_receive(&b, &other, false) == 9);
    batch.phase = RS_UDP_SENDING; /* as it was when the kernel had sent the first of three runs */
    batch.messages[1].msg_len = batch.messages[2].msg_len = UINT32_MAX;
    inherit(&batch);
    rs_udp_resume_send(&a, &heirloom);
    CHECK(rs_udp_phase(&heirloom) == RS_UDP_SENT && rs_udp_receive(&b, &other, false) == 6);
    for (unsigned i = 0; i < 6; i++)
        CHECK(other.datagrams[i].data[RS_SPP_SIZE] == 3 + i);
    rs_udp_batch_init(&batch);
    close(a.fd);
    close(b.fd);
}

static void test_runs_that_their_receiver_left_are_still_held(void)
{
    struct rs_udp_socket a = open_socket(), b = open_socket();
    a.sends_runs = true;
    rs_udp_receive_runs(&b);
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < RS_UDP_BATCH; i++)
            put(i, i % CLIENTS, RS_UDP_BATCH * round + i, 100, b.bound);
        rs_udp_send(&a, &batch, RS_UDP_BATCH - 10);
    }
    CHECK(rs_udp_receive(&b, &other, false) == RS_UDP_BATCH);
    other.phase = RS_UDP_RECEIVING; /* as it was when the kernel returned */
    inherit(&other);
    CHECK(rs_udp_resume_receive(&b, &heirloom) == RS_UDP_BATCH);
    memcpy(&other, &heirloom, sizeof other); /* and its heir died, having held a batch of it */
    memset(&heirloom, 0xee, sizeof heirloom);
    rs_udp_batch_adopt(&other);
    CHECK(rs_udp_receive(&b, &other, false) == RS_UDP_BATCH - 20);
    CHECK(other.datagrams[0].data[RS_SPP_SIZE] == RS_UDP_BATCH + 10);
    CHECK(other.datagrams[0].len == RS_SPP_SIZE + 100);
    CHECK(rs_udp_receive(&b, &other, false) == 0);
    rs_udp_batch_init(&other);
    close(a.fd);
    close(b.fd);
}

static uint32_t kernel_drops(const struct rs_udp_socket *socket)
{
    uint32_t values[9] = {0};
    socklen_t len = sizeof values;
    CHECK(getsockopt(socket->fd, SOL_SOCKET, 55 /* SO_MEMINFO */, values, &len) == 0);
    return values[SO_MEMINFO_DROPS];
}

/* The kernel's own count of what it could not queue is of messages: where runs are received, one for a whole run. */
static void test_what_the_kernel_drops_of_runs(void)
{
    struct rs_udp_socket a = open_socket(), b = open_socket();
    int size = 16384;
    unsigned sent = 0, arrived = 0;
    a.sends_runs = true;
    setsockopt(b.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    rs_udp_receive_runs(&b);
    rs_udp_batch_init(&batch);
    rs_udp_batch_init(&other);
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 8; i++)
            put(i, i, i, 200, b.bound);
        rs_udp_send(&a, &batch, 8);
        sent += 8;
    }
    for (int count; (count = rs_udp_receive(&b, &other, false)) > 0;)
        arrived += (unsigned)count;
    CHECK(arrived < sent && sent - arrived == 8 * kernel_drops(&b));
    close(a.fd);
    close(b.fd);
}

int main(void)
{
    test_all_arrive_as_they_were_in_the_order_of_each_client();
    test_equal_ones_are_one_message();
    test_a_run_that_the_path_refuses_goes_one_by_one();
    test_a_trunk_is_filled_up_to_its_length();
    test_a_trunk_that_makes_no_sense_is_one_drop();
    test_a_trunk_that_the_path_refuses_goes_one_by_one();
    test_what_their_sender_left_is_sent_once(0);
    test_what_their_sender_left_is_sent_once(430); /* three of them each */
    test_runs_that_their_receiver_left_are_still_held();
    test_what_the_kernel_drops_of_runs();
    return 0;
}
