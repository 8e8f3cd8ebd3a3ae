#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "spp.h"

#define REQUEST_EVERY 128       /* datagrams up; a browser's call has a check in 2.5 s */
#define QUIET_NS 200000000u     /* nothing more is on its way */
#define PATIENCE_NS 3000000000u /* then a datagram is lost */
#define POLL_NS 1500u           /* between two looks at the sockets while there is nothing to send */
#define BURST 1024              /* sent at a stretch when as many as possible are, so that the relay never runs dry */
#define GROUP 32                /* flows that are made together */

static struct load_batch to_relay, at_clients;
static struct rs_udp_batch to_upstream, at_transceiver;

/* The state of a run. */
static struct state {
    struct load_result result;
    bool is_timed, is_echo, is_mixed;
    uint32_t flows, next_up, next_down, sequence;
    uint32_t sample_count;
    uint32_t samples[LOAD_SAMPLES_MAX];
} now;

/* With mixed lengths 60 to 100 % of the full one. */
static size_t length_of(const struct load *load, uint32_t sequence)
{
    size_t spread = load->media_len * 2 / 5;
    return now.is_mixed ? load->media_len - (sequence * 2654435761u >> 16) % (spread + 1) : load->media_len;
}

static size_t write_media(const struct load *load, uint8_t *out, uint32_t client, uint64_t sent_ns)
{
    size_t len = length_of(load, now.sequence++);
    struct load_mark mark = {client, (uint32_t)len, sent_ns};
    memcpy(out, load->media, len - sizeof mark);
    memcpy(out + len - sizeof mark, &mark, sizeof mark);
    return len;
}

static void send_up(const struct load *load, unsigned count, uint64_t sent_ns)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t client = now.next_up++ % now.flows;
        bool is_request = now.sequence % REQUEST_EVERY == REQUEST_EVERY - 1;
        size_t len = is_request ? load_write_request(load, to_relay.buffers[i], client)
                                : write_media(load, to_relay.buffers[i], client, sent_ns);
        now.sequence += is_request;
        load_address_up(load, &to_relay, i, client, len);
    }
    now.result.sent += load_send(load->clients, &to_relay, count);
}

static unsigned went(const struct rs_udp_batch *batch, unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += batch->datagrams[i].drop == RS_DROP_NONE;
    return sum;
}

static void send_down(const struct load *load, unsigned count, uint64_t sent_ns)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t client = now.next_down++ % now.flows;
        struct rs_datagram *slot = rs_udp_slot(&to_upstream, i);
        slot->len = (uint32_t)write_media(load, slot->data, client, sent_ns);
        load_address_down(load, slot, client);
    }
    rs_udp_send(&load->transceiver, &to_upstream, count);
    now.result.sent += went(&to_upstream, count);
}

/* Checks a datagram that arrived for `client`, and times it. */
static void note(const uint8_t *data, size_t len, uint32_t client, uint64_t arrived_ns)
{
    struct load_mark mark;
    if (data[0] < 128)
        return; /* a request, or its answer */
    memcpy(&mark, data + len - sizeof mark, sizeof mark);
    if (mark.client != client || len != mark.len)
        now.result.misdirected++;
    else if (now.is_timed && mark.sent_ns > 0 && now.sample_count < LOAD_SAMPLES_MAX)
        now.samples[now.sample_count++] = (uint32_t)(arrived_ns - mark.sent_ns);
}

static uint32_t client_of(const uint8_t *ip)
{
    uint32_t host;
    memcpy(&host, ip + 12, sizeof host);
    return ntohl(host) - 0x7f010000u;
}

static void send_back(struct load *load, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t *payload = at_transceiver.datagrams[i].data + RS_SPP_SIZE;
        if (payload[0] == 0)
            payload[0] = payload[1] = 1; /* a success response, by its look */
    }
    rs_udp_send(&load->transceiver, &at_transceiver, count);
}

static unsigned take_up(struct load *load)
{
    int received = rs_udp_receive(&load->transceiver, &at_transceiver, false);
    unsigned count = received < 0 ? 0 : (unsigned)received;
    uint64_t arrived_ns = now.is_timed && !now.is_echo && count > 0 ? load_clock_ns() : 0;
    if (count > 0)
        load->upstream = at_transceiver.datagrams[0].peer;
    now.result.up += count;
    for (unsigned i = 0; i < count && !now.is_echo; i++) {
        const struct rs_datagram *datagram = &at_transceiver.datagrams[i];
        bool has_header = datagram->data[0] == 0x56;
        const uint8_t *ip = has_header ? datagram->data + RS_SPP_CLIENT_IP : datagram->peer.ip;
        size_t header = has_header ? RS_SPP_SIZE : 0;
        note(datagram->data + header, datagram->len - header, client_of(ip), arrived_ns);
    }
    if (now.is_echo && count > 0)
        send_back(load, count);
    return count;
}

static unsigned take_down(struct load *load)
{
    unsigned count = load_receive(load->clients, &at_clients);
    uint64_t arrived_ns = now.is_timed && count > 0 ? load_clock_ns() : 0;
    now.result.down += count;
    for (unsigned i = 0; i < count; i++)
        note(at_clients.buffers[i], at_clients.messages[i].msg_len, load_delivered_to(&at_clients, i), arrived_ns);
    return count;
}

static void begin(const struct load_run *run)
{
    uint32_t sequence = now.sequence, up = now.next_up, down = now.next_down;
    rs_udp_batch_adopt(&at_transceiver);
    load_receive_init(&at_clients);
    memset(&now, 0, offsetof(struct state, samples));
    now.sequence = sequence;
    now.next_up = up;
    now.next_down = down;
    now.flows = run->flows;
    now.is_timed = run->rate > 0;
    now.is_echo = run->is_echo;
    now.is_mixed = run->is_mixed;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void finish(struct load_result *out)
{
    uint32_t count = now.sample_count;
    *out = now.result;
    if (count == 0)
        return;
    qsort(now.samples, count, sizeof now.samples[0], by_size);
    out->p50 = now.samples[count / 2];
    out->p99 = now.samples[count * 99ull / 100];
    out->p999 = now.samples[count * 999ull / 1000];
}

/* How many are to be sent by now, at most a batch. */
static unsigned due(const struct load_run *run, uint64_t elapsed_ns, uint64_t sent)
{
    if (run->rate == 0)
        return LOAD_BATCH;
    uint64_t owed = elapsed_ns * run->rate / 1000000000u;
    return owed <= sent ? 0 : owed - sent < LOAD_BATCH ? (unsigned)(owed - sent) : LOAD_BATCH;
}

void load_run(struct load *load, const struct load_run *run, struct load_result *out)
{
    begin(run);
    uint64_t start = load_clock_ns(), end = start + run->millis * 1000000ull, last = start, polled = 0, offered = 0;
    for (uint64_t t = start; t < end || t - last < QUIET_NS; t = load_clock_ns()) {
        unsigned count = t < end ? due(run, t - start, offered) : 0;
        offered += count;
        if (count > 0 && run->is_up)
            send_up(load, count, t);
        if (count > 0 && run->is_down)
            send_down(load, count, t);
        if (count > 0)
            now.result.send_ns = t - start;
        if (count > 0 && run->rate == 0 && offered % BURST != 0)
            continue;
        if (run->rate > 0 && t - polled < POLL_NS)
            continue;
        polled = t;
        for (unsigned taken = 0, n = 1; n > 0 && taken <= BURST; taken += n) {
            n = take_up(load) + take_down(load);
            if (n > 0)
                last = t;
        }
    }
    finish(out);
}

static void await_arrivals(struct load *load, uint64_t up, uint64_t down)
{
    uint64_t start = load_clock_ns();
    while ((now.result.up < up || now.result.down < down) && load_clock_ns() - start < PATIENCE_NS)
        if (take_up(load) + take_down(load) > 0)
            start = load_clock_ns();
    if (now.result.up < up || now.result.down < down) {
        errno = 0;
        load_fail("a relay that lost what makes its flows");
    }
}

static void send_requests(const struct load *load, uint32_t first, uint32_t count)
{
    for (uint32_t batch, done = 0; done < count; done += batch) {
        batch = count - done < LOAD_BATCH ? count - done : LOAD_BATCH;
        for (uint32_t i = 0; i < batch; i++) {
            size_t len = load_write_request(load, to_relay.buffers[i], first + done + i);
            load_address_up(load, &to_relay, i, first + done + i, len);
        }
        if (load_send(load->clients, &to_relay, batch) != batch)
            load_fail("requests");
    }
}

static void send_down_to(const struct load *load, uint32_t first, uint32_t count)
{
    now.next_down = first;
    for (uint32_t batch, done = 0; done < count; done += batch) {
        batch = count - done < LOAD_BATCH ? count - done : LOAD_BATCH;
        send_down(load, batch, 0);
    }
}

void load_make_flows(struct load *load, uint32_t first, uint32_t count)
{
    struct load_run run = {.flows = first + count};
    begin(&run);
    for (uint32_t group, done = 0; done < count; done += group) {
        group = count - done < GROUP ? count - done : GROUP;
        send_requests(load, first + done, group);
        await_arrivals(load, done + group, done);
        send_down_to(load, first + done, group);
        await_arrivals(load, done + group, done + group);
    }
}

void load_renew_flows(struct load *load, uint32_t count)
{
    struct load_run run = {.flows = count};
    begin(&run);
    for (uint32_t group, done = 0; done < count; done += group) {
        group = count - done < GROUP ? count - done : GROUP;
        send_down_to(load, done, group);
        await_arrivals(load, 0, done + group);
    }
}
