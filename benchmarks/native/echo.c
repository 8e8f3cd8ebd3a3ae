/* The least that an echo of SRTP can cost: one loop that receives a batch, finds each packet's session by its address,
 * decrypts, renumbers, encrypts and sends the batch, with the library, the contexts, the batch size and the gathering
 * of the transceiver under test. No statistics, no reports, no checks, no timers, no path but the one.
 * Built into build/bench/ by `make bench-transceiver`, run by benchmarks/transceiver/c_echo.py. */
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "address.h"
#include "gathering.h"
#include "rtp.h"
#include "session_table.h"
#include "wire.h"

#define ECHO_BATCH 64
#define ECHO_BATCHES 8 /* in one turn */
#define ECHO_DATAGRAM 2048

typedef int echo_cipher(void *context, void *packet, int *len);

struct echo_session {
    void *outbound; /* srtp_t */
    void *inbound;
    uint32_t ssrc;
    uint16_t sequence_number;
};

struct echo {
    echo_cipher *protect, *unprotect;
    int fd;
    _Atomic int is_stopped;
    struct echo_session *sessions;
    struct rs_session_table table; /* session number: index of `sessions`, from 1 on */
    struct rs_gathering gathering;
    struct mmsghdr received[ECHO_BATCH], sent[ECHO_BATCH];
    struct iovec vectors[ECHO_BATCH];
    struct sockaddr_storage names[ECHO_BATCH];
    uint8_t octets[ECHO_BATCH][ECHO_DATAGRAM];
};

size_t echo_size(void)
{
    return sizeof(struct echo);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Address `i` is `ips + 16 * i` and `ports[i]`; its session `sessions[i]`. */
int echo_init(struct echo *echo, echo_cipher *protect, echo_cipher *unprotect, int fd, double longest_pause,
              struct echo_session *sessions, const uint8_t *ips, const uint16_t *ports, uint32_t count,
              struct rs_session_entry *entries, uint32_t capacity)
{
    *echo = (struct echo){
        .protect = protect,
        .unprotect = unprotect,
        .fd = fd,
        .gathering = {.longest = longest_pause},
        .sessions = sessions,
        .table = {.entries = entries, .capacity = capacity},
    };
    for (uint32_t i = 0; i < count; i++) {
        struct rs_address client = {.port = ports[i]};
        memcpy(client.ip, ips + 16 * i, sizeof client.ip);
        if (rs_session_table_put(&echo->table, &client, i + 1, NULL, NULL) != RS_OK)
            return -1;
    }
    return 0;
}

/* The octets to send back in the place of what came; 0: nothing. */
static int answer(struct echo *echo, unsigned place)
{
    uint8_t *packet = echo->octets[place];
    int len = (int)echo->received[place].msg_len;
    struct rs_address client;
    struct rs_rtp_header header;
    if (len < RS_RTP_HEADER_SIZE || packet[0] >> 6 != 2 || (packet[1] >= 192 && packet[1] <= 223) ||
        rs_address_from_sockaddr(&echo->names[place], &client) != RS_OK)
        return 0;
    const struct rs_session_entry *entry = rs_session_table_find(&echo->table, &client);
    if (entry == NULL)
        return 0;
    struct echo_session *session = &echo->sessions[entry->session - 1];
    if (echo->unprotect(session->inbound, packet, &len) != 0 || rs_rtp_parse(packet, (size_t)len, &header) != 0)
        return 0;
    rs_write_u16be(packet + 2, session->sequence_number++);
    rs_write_u32be(packet + 8, session->ssrc);
    return echo->protect(session->outbound, packet, &len) == 0 ? len : 0;
}

static int turn(struct echo *echo)
{
    for (unsigned i = 0; i < ECHO_BATCH; i++) {
        echo->vectors[i] = (struct iovec){echo->octets[i], ECHO_DATAGRAM};
        echo->received[i].msg_hdr = (struct msghdr){
            .msg_name = &echo->names[i],
            .msg_namelen = sizeof echo->names[i],
            .msg_iov = &echo->vectors[i],
            .msg_iovlen = 1,
        };
    }
    int count = recvmmsg(echo->fd, echo->received, ECHO_BATCH, MSG_DONTWAIT, NULL);
    unsigned queued = 0;
    for (int i = 0; i < count; i++) {
        int len = answer(echo, (unsigned)i);
        if (len == 0)
            continue;
        echo->vectors[i].iov_len = (size_t)len;
        echo->sent[queued++].msg_hdr = echo->received[i].msg_hdr;
    }
    for (unsigned done = 0; done < queued;) {
        int sent = sendmmsg(echo->fd, echo->sent + done, queued - done, MSG_DONTWAIT);
        done += sent > 0 ? (unsigned)sent : 1;
    }
    return count;
}

/* Returns once echo_stop was called by another thread. */
void echo_run(struct echo *echo)
{
    while (!atomic_load(&echo->is_stopped)) {
        struct pollfd waiting = {.fd = echo->fd, .events = POLLIN};
        if (poll(&waiting, 1, 50) <= 0)
            continue;
        double started = seconds();
        for (unsigned n = 0; n < ECHO_BATCHES && turn(echo) == ECHO_BATCH; n++)
            continue;
        rs_gathering_note(&echo->gathering, started, seconds());
        double pause = rs_gathering_pause(&echo->gathering);
        if (pause > 0.0)
            nanosleep(&(struct timespec){.tv_nsec = (long)(pause * 1e9)}, NULL);
    }
}

void echo_stop(struct echo *echo)
{
    atomic_store(&echo->is_stopped, 1);
}
