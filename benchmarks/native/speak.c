/* The load of many calls from one process: 50 packets a second on each call's own socket, every echo decrypted and
 * checked. Lean, so that the server under test has a core of two for itself.
 *
 * Calls speak at even phases, as far as it wakes in time. A payload carries its number and its time, so an echo is
 * known by its content. Latencies end where the kernel has the echo (SO_TIMESTAMPNS): that the load is busy with others
 * is not the server's delay. What is not RTP is handed to Python, which answers checks between two runs. Built into
 * build/bench/ by `make bench-transceiver`, loaded by benchmarks/transceiver/load.py. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "classify.h"
#include "rtp.h"
#include "wire.h"

#define LOAD_PERIOD 20000000u /* ns between two packets of a call */
#define LOAD_TICK 250000u     /* ns; packets that are due within one leave together */
#define LOAD_PAYLOAD 160
#define LOAD_EXTENSION 12
#define LOAD_STEP 960 /* of the RTP timestamp */
#define LOAD_CONTROL 512
#define LOAD_DATAGRAM 1500
#define LOAD_LATENCIES 4096
#define LOAD_LATENCY_UNIT 50000u /* ns */
#define LOAD_EVENTS 256
#define OPUS_CELT_20_MS 0xf8

typedef int load_cipher(void *context, void *packet, int *len);

struct load_call {
    int fd;
    uint32_t ssrc;
    void *outbound; /* srtp_t */
    void *inbound;
    uint64_t due;
    uint64_t sent;
    uint64_t received;
    uint64_t wrong;   /* did not decrypt, or is no echo of this call */
    uint64_t skipped; /* numbers missing before an echo */
    uint64_t next_number;
    uint16_t sequence_number;
};

struct load_datagram {
    uint32_t call;
    uint32_t len;
    uint8_t octets[LOAD_DATAGRAM];
};

struct load {
    load_cipher *protect, *unprotect;
    struct load_call *calls;
    uint32_t count;
    uint32_t turn; /* whose packet is due next */
    int epoll;
    uint32_t control_count;
    uint32_t has_extensions; /* each packet has the audio level and the transport-wide number that browsers send */
    struct load_datagram control[LOAD_CONTROL];
    uint64_t latencies[LOAD_LATENCIES]; /* echoes by time since they were sent, the last one holds all later ones */
    uint64_t send_failures;
    uint64_t late; /* packets that left more than a period late: the load was too heavy for its core */
};

size_t load_size(void)
{
    return sizeof(struct load);
}

uint64_t load_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void write_u64(uint8_t *out, uint64_t value)
{
    memcpy(out, &value, sizeof value);
}

static uint64_t read_u64(const uint8_t *in)
{
    uint64_t value;
    memcpy(&value, in, sizeof value);
    return value;
}

/* The clock of the kernel's timestamps. */
static uint64_t wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Elements of the offer in tests/data: 1 is the audio level, 3 the transport-wide number. Returns their octets. */
static size_t write_extension(uint8_t *packet, uint64_t number)
{
    const uint8_t extension[LOAD_EXTENSION] = {0xbe,           0xde, 0, 2, 0x10, 0x94, 0x31, (uint8_t)(number >> 8),
                                               (uint8_t)number};
    packet[0] |= 0x10;
    memcpy(packet + RS_RTP_HEADER_SIZE, extension, sizeof extension);
    return sizeof extension;
}

static void speak(struct load *load, struct load_call *call)
{
    uint8_t packet[RS_RTP_HEADER_SIZE + LOAD_EXTENSION + LOAD_PAYLOAD + 32] = {0x80, 111};
    size_t header = RS_RTP_HEADER_SIZE + (load->has_extensions ? write_extension(packet, call->sent) : 0);
    uint8_t *payload = packet + header;
    int len = (int)header + LOAD_PAYLOAD;
    rs_write_u16be(packet + 2, call->sequence_number++);
    rs_write_u32be(packet + 4, (uint32_t)(call->sent * LOAD_STEP));
    rs_write_u32be(packet + 8, call->ssrc);
    payload[0] = OPUS_CELT_20_MS;
    write_u64(payload + 8, call->sent);
    write_u64(payload + 16, wall_clock());
    write_u64(payload + 24, call->ssrc);
    call->sent++;
    if (load->protect(call->outbound, packet, &len) != 0 || send(call->fd, packet, (size_t)len, 0) != len)
        load->send_failures++;
}

static void speak_all_due(struct load *load, uint64_t now)
{
    for (uint32_t i = 0; i < load->count; i++) {
        struct load_call *call = &load->calls[load->turn];
        if (call->due > now)
            return;
        if (now - call->due > LOAD_PERIOD)
            load->late++;
        speak(load, call);
        call->due += LOAD_PERIOD;
        load->turn = (load->turn + 1) % load->count;
    }
}

static bool is_echo(struct load *load, struct load_call *call, uint8_t *packet, int len, uint64_t came)
{
    struct rs_rtp_header header;
    struct rs_span payload;
    if (load->unprotect(call->inbound, packet, &len) != 0 || rs_rtp_parse(packet, (size_t)len, &header) ||
        rs_rtp_payload(packet, (size_t)len, &header, &payload) || payload.len != LOAD_PAYLOAD)
        return false;
    uint64_t number = read_u64(payload.data + 8);
    if (number < call->next_number || number >= call->sent || read_u64(payload.data + 24) != call->ssrc)
        return false;
    call->skipped += number - call->next_number;
    call->next_number = number + 1;
    uint64_t spoken = read_u64(payload.data + 16);
    uint64_t slot = came > spoken ? (came - spoken) / LOAD_LATENCY_UNIT : 0; /* somebody may set the clock */
    load->latencies[slot < LOAD_LATENCIES ? slot : LOAD_LATENCIES - 1]++;
    return true;
}

static void keep_control(struct load *load, uint32_t index, const uint8_t *packet, size_t len)
{
    if (load->control_count == LOAD_CONTROL)
        return; /* the peer repeats what matters */
    struct load_datagram *kept = &load->control[load->control_count++];
    kept->call = index;
    kept->len = (uint32_t)len;
    memcpy(kept->octets, packet, len);
}

/* As recv, and when the kernel got it. */
static ssize_t receive(int fd, uint8_t *packet, size_t room, uint64_t *came)
{
    union {
        struct cmsghdr header;
        uint8_t octets[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec vector = {packet, room};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    ssize_t len = recvmsg(fd, &message, MSG_DONTWAIT);
    struct timespec stamp;
    if (len > 0 && message.msg_controllen >= sizeof control) {
        memcpy(&stamp, CMSG_DATA(&control.header), sizeof stamp);
        *came = (uint64_t)stamp.tv_sec * 1000000000u + (uint64_t)stamp.tv_nsec;
    } else {
        *came = wall_clock();
    }
    return len;
}

static void hear(struct load *load, uint32_t index)
{
    struct load_call *call = &load->calls[index];
    uint8_t packet[LOAD_DATAGRAM];
    enum rs_kind kind;
    uint64_t came;
    for (ssize_t len; (len = receive(call->fd, packet, sizeof packet, &came)) > 0;) {
        if (rs_classify(packet, (size_t)len, &kind) != RS_DROP_NONE)
            call->wrong++;
        else if (kind != RS_KIND_RTP)
            keep_control(load, index, packet, (size_t)len);
        else if (is_echo(load, call, packet, (int)len, came))
            call->received++;
        else
            call->wrong++;
    }
}

static int hear_all(struct load *load)
{
    struct epoll_event events[LOAD_EVENTS];
    int count = epoll_wait(load->epoll, events, LOAD_EVENTS, 0);
    for (int i = 0; i < count; i++)
        hear(load, events[i].data.u32);
    return count;
}

/* Lets the calls begin to speak, one after the other within one period from now; after a pause they go on. */
void load_resume(struct load *load)
{
    uint64_t now = load_now();
    load->turn = 0;
    for (uint32_t i = 0; i < load->count; i++)
        load->calls[i].due = now + (uint64_t)LOAD_PERIOD * i / load->count;
}

/* Takes over the sockets of `count` calls. */
int load_init(struct load *load, load_cipher *protect, load_cipher *unprotect, struct load_call *calls, uint32_t count)
{
    *load = (struct load){.protect = protect, .unprotect = unprotect, .calls = calls, .count = count};
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (setsockopt(calls[i].fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int)) != 0)
            return -1;
        if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, calls[i].fd, &event) != 0)
            return -1;
    }
    return 0;
}

/* Takes what has come so far. */
void load_listen(struct load *load)
{
    while (hear_all(load) == LOAD_EVENTS)
        continue;
}

/* Speaks and listens until the clock shows `until`. */
void load_run(struct load *load, uint64_t until)
{
    for (uint64_t now = load_now(); now < until; now = load_now()) {
        speak_all_due(load, now);
        load_listen(load);
        uint64_t spent = load_now() - now;
        if (spent < LOAD_TICK)
            nanosleep(&(struct timespec){.tv_nsec = (long)(LOAD_TICK - spent)}, NULL);
    }
}

void load_dispose(struct load *load)
{
    close(load->epoll);
}
