/* Sends datagrams of a file, in turns, from many addresses of 127/8, and counts what comes back:
 *
 *   flood FILE PORT TO_PORT SOURCES RATE COUNT
 *
 * FILE holds datagrams, each behind its length in two octets. PORT is our own, 0 for any; TO_PORT is on 127.0.0.1. RATE
 * is datagrams per second, 0 for as many as possible. Prints JSON: sent, failed, answered, seconds. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, DATAGRAMS_MAX = 1 << 16, FIRST_SOURCE = 0x7f100000 /* 127.16.0.0 */ };

static struct iovec datagrams[DATAGRAMS_MAX];
static unsigned datagram_count;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void read_datagrams(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t head[2];
    if (file == NULL)
        fail(path);
    while (datagram_count < DATAGRAMS_MAX && fread(head, sizeof head, 1, file) == 1) {
        size_t len = (size_t)head[0] << 8 | head[1];
        void *octets = malloc(len + 1);
        if (octets == NULL || fread(octets, 1, len, file) != len)
            fail("datagram");
        datagrams[datagram_count++] = (struct iovec){octets, len};
    }
    fclose(file);
    if (datagram_count == 0)
        fail("no datagrams");
}

static int open_socket(uint16_t port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, octets = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) != 0)
        fail("bind");
    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
    return fd;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    struct timespec at = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Sends numbers `first` to `first + count`; returns how many the kernel took. */
static unsigned send_batch(int fd, struct sockaddr_in *to, uint64_t first, unsigned count, uint32_t sources)
{
    static struct mmsghdr messages[BATCH];
    static uint64_t control[BATCH][8];
    for (unsigned i = 0; i < count; i++) {
        struct cmsghdr *c = (struct cmsghdr *)control[i];
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(FIRST_SOURCE + (uint32_t)((first + i) % sources))};
        *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
        messages[i].msg_hdr = (struct msghdr){.msg_name = to,
                                              .msg_namelen = sizeof *to,
                                              .msg_iov = &datagrams[(first + i) % datagram_count],
                                              .msg_iovlen = 1,
                                              .msg_control = control[i],
                                              .msg_controllen = CMSG_SPACE(sizeof info)};
    }
    int sent = sendmmsg(fd, messages, count, 0);
    return sent < 0 ? 0 : (unsigned)sent;
}

static unsigned count_answers(int fd)
{
    unsigned answers = 0;
    uint8_t octets[2048];
    while (recv(fd, octets, sizeof octets, MSG_DONTWAIT) >= 0)
        answers++;
    return answers;
}

int main(int argc, char **argv)
{
    if (argc != 7)
        fail("flood FILE PORT TO_PORT SOURCES RATE COUNT");
    read_datagrams(argv[1]);
    int fd = open_socket((uint16_t)atoi(argv[2]));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    uint32_t sources = (uint32_t)atol(argv[4]), rate = (uint32_t)atol(argv[5]);
    uint64_t wanted = (uint64_t)atoll(argv[6]), sent = 0, failed = 0, answered = 0, begun = now_ns();
    while (sent + failed < wanted) {
        unsigned count = wanted - sent - failed < BATCH ? (unsigned)(wanted - sent - failed) : BATCH;
        unsigned taken = send_batch(fd, &to, sent + failed, count, sources);
        sent += taken;
        failed += taken < count; /* the one that stopped the batch */
        answered += count_answers(fd);
        if (rate != 0)
            sleep_until(begun + (sent + failed) * 1000000000u / rate);
    }
    double seconds = (double)(now_ns() - begun) / 1e9;
    sleep_until(now_ns() + 100000000u);
    answered += count_answers(fd);
    printf("{\"sent\": %ju, \"failed\": %ju, \"answered\": %ju, \"seconds\": %.3f}\n", (uintmax_t)sent,
           (uintmax_t)failed, (uintmax_t)answered, seconds);
    return 0;
}
