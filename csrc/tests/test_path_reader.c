/* The wait for datagrams: echoes leave without an end of the wait, and what has to be told ends it. */
#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "path_reader.h"

#define SECOND 1.0
#define LONG 30.0 /* a wait that something else is to end */

static struct rs_udp_batch in, out;
static struct rs_fact facts[RS_UDP_BATCH];
static struct rs_echoes echoes = {.batch = &out};
static struct rs_session_entry entries[8];
static struct rs_session_table table;
static struct rs_rtp_source source;
static struct rs_rtp_session rtp;
static struct rs_srtp srtp;
static struct rs_path_socket ours;
static struct rs_path_reader reader;
static struct rs_path_turn turn;
static int client, others;

static int open_nothing(void *context, void *packet, int *len)
{
    (void)context;
    (void)packet;
    *len -= 16;
    return 0;
}

static int seal_nothing(void *context, void *packet, int *len)
{
    (void)context;
    (void)packet;
    *len += 16;
    return 0;
}

static const struct rs_srtp_library library = {
    .protect = (uintptr_t)seal_nothing,
    .unprotect = (uintptr_t)open_nothing,
};

static int bound(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)address, sizeof *address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)address, &len) == 0);
    return fd;
}

/* A session that echoes, whose client has a socket. */
static void start(double gather)
{
    struct sockaddr_in server, peer;
    struct rs_address from;
    int fd = bound(&server);
    client = bound(&peer);
    CHECK(connect(client, (struct sockaddr *)&server, sizeof server) == 0);
    CHECK(rs_address_from_sockaddr((struct sockaddr_storage *)&peer, &from) == RS_OK);
    ours = (struct rs_path_socket){0};
    CHECK(rs_udp_socket_init(&ours.udp, fd, true) == RS_OK);
    rs_udp_batch_init(&in);
    rs_udp_batch_init(&out);
    rtp = (struct rs_rtp_session){.is_open = true, .echoes = true, .codec_count = 1, .source_count = 1};
    rtp.path.client = from;
    rtp.codecs[0] = (struct rs_rtp_codec){111, RS_PAYLOAD_OPUS, 2, true, 48000};
    rtp.sources[0] = &source;
    rtp.send_until = INFINITY;
    rs_rtp_source_init(&source, 9, 1, 48000, 1, 0.0);
    srtp = (struct rs_srtp){.library = &library, .tag_length = 16};
    memset(entries, 0, sizeof entries);
    table = (struct rs_session_table){.entries = entries, .capacity = 8};
    CHECK(rs_session_table_put(&table, &from, 1, &srtp, &rtp) == RS_OK);
    others = eventfd(0, EFD_NONBLOCK);
    reader = (struct rs_path_reader){.socket = &ours,
                                     .table = &table,
                                     .batch = &in,
                                     .facts = facts,
                                     .echoes = &echoes,
                                     .gathering = {.longest = gather}};
}

static void end(void)
{
    close(ours.udp.fd);
    close(client);
    close(others);
}

static void speak(uint16_t number)
{
    uint8_t packet[12 + 80 + 16] = {0x80, 111, (uint8_t)(number >> 8), (uint8_t)number, [11] = 9, [12] = 0xf8};
    CHECK(send(client, packet, sizeof packet, 0) == sizeof packet);
}

static void ask(void)
{
    uint8_t dtls[40] = {22};
    CHECK(send(client, dtls, sizeof dtls, 0) == sizeof dtls);
}

static int heard(void)
{
    uint8_t packet[2000];
    int count = 0;
    while (recv(client, packet, sizeof packet, MSG_DONTWAIT) > 0)
        count++;
    return count;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void echoes_do_not_end_the_wait(void)
{
    start(0.0);
    for (uint16_t n = 1; n <= 200; n++)
        speak(n);
    ask();
    CHECK(rs_path_reader_wait(&reader, others, LONG, &turn) == RS_READER_FACTS);
    CHECK(turn.received == 201 && turn.returned == 200 && turn.kept == 1 && heard() == 200);
    CHECK(facts[0].form == RS_FORM_RECEIVED && facts[0].len == 40);
    end();
}

static void others_end_it_beside_datagrams(void)
{
    start(0.0);
    CHECK(eventfd_write(others, 1) == 0);
    CHECK(rs_path_reader_wait(&reader, others, LONG, &turn) == RS_READER_OTHERS && turn.received == 0);
    ask();
    CHECK(rs_path_reader_wait(&reader, others, LONG, &turn) == (RS_READER_OTHERS | RS_READER_FACTS));
    end();
}

static void time_ends_it(void)
{
    start(0.0);
    double began = seconds();
    CHECK(rs_path_reader_wait(&reader, others, 0.01, &turn) == 0 && turn.received == 0);
    CHECK(seconds() - began >= 0.01);
    speak(1);
    CHECK(rs_path_reader_wait(&reader, others, 0.0, &turn) == 0 && turn.returned == 1 && heard() == 1);
    end();
}

/* The kernel does not say that more waits where a batch was full. */
static void full_batches_are_followed_by_the_next(void)
{
    start(SECOND);
    for (unsigned n = 0; n < RS_UDP_BATCH + 1; n++)
        ask();
    reader.gathering.busy = 1.0;
    reader.gathering.started = seconds();
    CHECK(rs_path_reader_take(&reader, &turn) == 0 && turn.kept == RS_UDP_BATCH && reader.is_full);
    CHECK(rs_path_reader_rest(&reader) == 0.0);
    CHECK(rs_path_reader_wait(&reader, others, LONG, &turn) == RS_READER_FACTS && turn.kept == 1);
    end();
}

static void while_it_gathers_the_socket_is_left_alone(void)
{
    start(0.02);
    double began = seconds();
    reader.gathering.busy = 1.0;
    reader.gathering.started = began;
    ask();
    CHECK(rs_path_reader_wait(&reader, others, LONG, &turn) == RS_READER_FACTS);
    ask();
    CHECK(rs_path_reader_wait(&reader, others, 0.0, &turn) == 0 && turn.received == 0);
    CHECK(rs_path_reader_rest(&reader) > 0.0);
    CHECK(rs_path_reader_wait(&reader, others, LONG, &turn) == RS_READER_FACTS && turn.kept == 1);
    CHECK(seconds() - began >= 0.01);
    end();
}

static void *disturb(void *thread)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    return NULL;
}

static void nothing(int number)
{
    (void)number;
}

static void a_signal_ends_it(void)
{
    pthread_t self = pthread_self(), other;
    struct sigaction action = {.sa_handler = nothing};
    start(0.0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(pthread_create(&other, NULL, disturb, &self) == 0);
    CHECK(rs_path_reader_wait(&reader, others, -1.0, &turn) == 0);
    pthread_join(other, NULL);
    end();
}

static void a_closed_socket_is_an_error(void)
{
    start(0.0);
    end();
    CHECK(rs_path_reader_wait(&reader, others, 0.0, &turn) == -1);
}

int main(void)
{
    echoes_do_not_end_the_wait();
    others_end_it_beside_datagrams();
    time_ends_it();
    full_batches_are_followed_by_the_next();
    while_it_gathers_the_socket_is_left_alone();
    a_signal_ends_it();
    a_closed_socket_is_an_error();
    return 0;
}
