/* Clients and transceiver of the relay benchmark in one thread: sends bursts through a relay, answers them from behind
 * it, and takes the answers. The next burst leaves when the last one is back, so nothing piles up and nothing is lost
 * unless the relay loses it. Loopback only.
 *
 * Prints its transceiver's port, then obeys lines of standard input and answers each with one line:
 *   relay PORT               where clients send to
 *   flow HEX                 a new client; HEX is its binding request, and the transceiver confirms its flow
 *   media HEX                what clients send; its last 8 octets are overwritten with the client's number and a count
 *   run BURSTS SIZE TOGETHER sends BURSTS times SIZE datagrams, TOGETHER (a divisor of SIZE) in a row per client, every
 *                            128th the client's binding request, as in a call; says how many datagrams arrived, both
 *                            ways added up, and how many of them at the wrong place */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "spp.h"

enum { CLIENTS = 512, BURST = 64, DATAGRAM = 1500, REQUEST_EVERY = 128, BUFFER_BYTES = 1 << 20, TIMEOUT_MS = 500 };

struct octets {
    uint8_t data[DATAGRAM];
    size_t len;
};

struct client {
    int fd;
    struct octets request;
};

struct batch {
    struct mmsghdr messages[BURST];
    struct iovec vectors[BURST];
    struct sockaddr_in names[BURST];
    uint8_t buffers[BURST][DATAGRAM];
};

struct load {
    int transceiver;
    struct sockaddr_in relay;
    struct octets media;
    struct client clients[CLIENTS];
    unsigned client_count;
    unsigned next_client;
    unsigned sent;
    unsigned arrived;
    unsigned misdirected;
};

static struct load load;
static struct batch at_client, at_transceiver;

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "refused");
    exit(1);
}

static int open_socket(void)
{
    struct timeval timeout = {.tv_usec = TIMEOUT_MS * 1000};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = BUFFER_BYTES;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
}

static unsigned port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        fail("getsockname");
    return ntohs(address.sin_port);
}

static void set_up(struct batch *batch, unsigned i, size_t len, bool is_named)
{
    batch->vectors[i] = (struct iovec){batch->buffers[i], len};
    batch->messages[i].msg_hdr = (struct msghdr){.msg_iov = &batch->vectors[i], .msg_iovlen = 1};
    if (is_named) {
        batch->messages[i].msg_hdr.msg_name = &batch->names[i];
        batch->messages[i].msg_hdr.msg_namelen = sizeof batch->names[i];
    }
}

/* How many came, at most `most`; 0 when the time is over. */
static unsigned receive(int fd, struct batch *batch, unsigned most)
{
    for (unsigned i = 0; i < most; i++)
        set_up(batch, i, DATAGRAM, true);
    int received = recvmmsg(fd, batch->messages, most, MSG_WAITFORONE, NULL);
    if (received < 0 && errno != EAGAIN && errno != EINTR)
        fail("recvmmsg");
    return received < 0 ? 0 : (unsigned)received;
}

static void send_all(int fd, struct batch *batch, unsigned count)
{
    for (unsigned sent = 0; sent < count;) {
        int n = sendmmsg(fd, batch->messages + sent, count - sent, 0);
        if (n <= 0)
            fail("sendmmsg");
        sent += (unsigned)n;
    }
}

static void send_from_client(unsigned index, unsigned together)
{
    const struct client *client = &load.clients[index];
    for (unsigned i = 0; i < together; i++) {
        bool is_request = load.sent++ % REQUEST_EVERY == REQUEST_EVERY - 1;
        const struct octets *what = is_request ? &client->request : &load.media;
        memcpy(at_client.buffers[i], what->data, what->len);
        if (!is_request) {
            memcpy(at_client.buffers[i] + what->len - 8, &index, 4);
            memcpy(at_client.buffers[i] + what->len - 4, &load.sent, 4);
        }
        set_up(&at_client, i, what->len, false);
    }
    send_all(client->fd, &at_client, together);
}

/* Sends `count` datagrams back to where they came from, header and all; a request becomes a success response. */
static void answer(struct batch *batch, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t *payload = batch->buffers[i] + RS_SPP_SIZE;
        batch->vectors[i].iov_len = batch->messages[i].msg_len;
        if (batch->messages[i].msg_len > RS_SPP_SIZE && payload[0] == 0)
            payload[0] = payload[1] = 1;
    }
    send_all(load.transceiver, batch, count);
}

static void answer_burst(unsigned size)
{
    for (unsigned n, left = size; left > 0; left -= n) {
        n = receive(load.transceiver, &at_transceiver, left);
        if (n == 0)
            return;
        load.arrived += n;
        answer(&at_transceiver, n);
    }
}

static void take_answers(unsigned index, unsigned together)
{
    for (unsigned n, left = together; left > 0; left -= n) {
        n = receive(load.clients[index].fd, &at_client, left);
        if (n == 0)
            return;
        load.arrived += n;
        for (unsigned i = 0; i < n; i++) {
            const uint8_t *data = at_client.buffers[i];
            size_t len = at_client.messages[i].msg_len;
            if (data[0] >= 128 && (len != load.media.len || memcmp(data + len - 8, &index, 4) != 0))
                load.misdirected++;
        }
    }
}

static void run(unsigned bursts, unsigned size, unsigned together)
{
    if (size == 0 || size > BURST || together == 0 || size % together != 0 || load.client_count < size / together ||
        load.media.len < 8)
        fail("run");
    load.arrived = load.misdirected = 0;
    for (unsigned n = 0; n < bursts; n++) {
        unsigned first = load.next_client, senders = size / together;
        for (unsigned i = 0; i < senders; i++)
            send_from_client((first + i) % load.client_count, together);
        answer_burst(size);
        for (unsigned i = 0; i < senders; i++)
            take_answers((first + i) % load.client_count, together);
        load.next_client = (first + senders) % load.client_count;
    }
    printf("%u %u\n", load.arrived, load.misdirected);
}

/* The first round trip of a call: a request up, its answer and then, as of a handshake, a DTLS record down. */
static void add_flow(const struct octets *request)
{
    unsigned index = load.client_count;
    if (index == CLIENTS)
        fail("flow");
    struct client *client = &load.clients[index];
    client->fd = open_socket();
    client->request = *request;
    load.client_count++;
    if (connect(client->fd, (struct sockaddr *)&load.relay, sizeof load.relay) != 0 ||
        send(client->fd, request->data, request->len, 0) < 0)
        fail("flow");
    if (receive(load.transceiver, &at_transceiver, 1) != 1)
        fail("a request did not come through the relay");
    answer(&at_transceiver, 1);
    at_transceiver.buffers[0][RS_SPP_SIZE] = 22;
    send_all(load.transceiver, &at_transceiver, 1);
    for (unsigned left = 2; left > 0;) {
        unsigned n = receive(client->fd, &at_client, left);
        if (n == 0)
            fail("an answer did not come through the relay");
        left -= n;
    }
    printf("%u\n", index);
}

static struct octets from_hex(const char *text)
{
    struct octets out = {.len = 0};
    unsigned octet;
    for (; out.len < DATAGRAM && sscanf(text, "%2x", &octet) == 1; text += 2)
        out.data[out.len++] = (uint8_t)octet;
    return out;
}

static void obey(const char *line)
{
    unsigned a, b, c;
    if (sscanf(line, "relay %u", &a) == 1) {
        load.relay = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons((uint16_t)a), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        puts("ok");
    } else if (strncmp(line, "flow ", 5) == 0) {
        struct octets request = from_hex(line + 5);
        add_flow(&request);
    } else if (strncmp(line, "media ", 6) == 0) {
        load.media = from_hex(line + 6);
        puts("ok");
    } else if (sscanf(line, "run %u %u %u", &a, &b, &c) == 3) {
        run(a, b, c);
    } else {
        errno = 0;
        fail(line);
    }
    fflush(stdout);
}

int main(void)
{
    static char line[2 * DATAGRAM + 64];
    load.transceiver = open_socket();
    printf("%u\n", port_of(load.transceiver));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL)
        obey(line);
    return 0;
}
