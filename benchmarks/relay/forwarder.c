/* The kernel limit: the least that a relay of this shape can do on sockets. Receives in batches, puts 38 octets in
 * front or takes them away, sends in batches. It parses nothing, looks nothing up, checks nothing and counts nothing;
 * every header is the same but for the client's address and port, which it copies. All messages are set up once. What a
 * relay costs above this is what it does; what this costs is the kernel's.
 *
 * Usage: forwarder TRANSCEIVER_PORT. Prints its port; ends with standard input. Two threads, as a relay's worker. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, HEADER = 38, CLIENT_IP = 14, CLIENT_PORT = 34, ROOM = 2048, BUFFER_BYTES = 4 << 20 };

/* One set of buffers, seen by recvmmsg and by sendmmsg. */
struct lane {
    struct mmsghdr in[BATCH], out[BATCH];
    struct iovec in_vectors[BATCH], out_vectors[BATCH];
    struct sockaddr_in from[BATCH], to[BATCH];
    unsigned char octets[BATCH][HEADER + ROOM];
};

static int public_fd, upstream_fd;
static struct lane up, down;

static int open_side(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = BUFFER_BYTES;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) != 0)
        exit(1);
    return fd;
}

static void set_up(struct lane *lane, size_t headroom)
{
    for (unsigned i = 0; i < BATCH; i++) {
        lane->in_vectors[i] = (struct iovec){lane->octets[i] + headroom, ROOM};
        lane->in[i].msg_hdr =
            (struct msghdr){&lane->from[i], sizeof lane->from[i], &lane->in_vectors[i], 1, NULL, 0, 0};
        lane->out[i].msg_hdr = (struct msghdr){&lane->to[i], sizeof lane->to[i], &lane->out_vectors[i], 1, NULL, 0, 0};
        lane->to[i].sin_family = AF_INET;
    }
}

static void send_all(int fd, struct lane *lane, int count)
{
    for (int sent = 0; sent < count;) {
        int n = sendmmsg(fd, lane->out + sent, (unsigned)(count - sent), MSG_DONTWAIT);
        sent += n > 0 ? n : 1;
    }
}

static void *forward_up(void *unused)
{
    (void)unused;
    for (;;) {
        int count = recvmmsg(public_fd, up.in, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) {
            up.in[i].msg_hdr.msg_namelen = sizeof up.from[i];
            memcpy(up.octets[i] + CLIENT_IP, &up.from[i].sin_addr, 4);
            memcpy(up.octets[i] + CLIENT_PORT, &up.from[i].sin_port, 2);
            up.out_vectors[i] = (struct iovec){up.octets[i], HEADER + up.in[i].msg_len};
        }
        send_all(upstream_fd, &up, count);
    }
    return NULL;
}

static void *forward_down(void *unused)
{
    (void)unused;
    for (;;) {
        int count = recvmmsg(upstream_fd, down.in, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) {
            down.in[i].msg_hdr.msg_namelen = sizeof down.from[i];
            memcpy(&down.to[i].sin_addr, down.octets[i] + CLIENT_IP, 4);
            memcpy(&down.to[i].sin_port, down.octets[i] + CLIENT_PORT, 2);
            down.out_vectors[i] = (struct iovec){down.octets[i] + HEADER, down.in[i].msg_len - HEADER};
        }
        send_all(public_fd, &down, count);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    pthread_t threads[2];
    if (argc != 2)
        return 2;
    public_fd = open_side();
    upstream_fd = open_side();
    getsockname(public_fd, (struct sockaddr *)&own, &len);
    set_up(&up, HEADER);
    set_up(&down, 0);
    for (unsigned i = 0; i < BATCH; i++) {
        unsigned char *header = up.octets[i];
        header[0] = 0x56;
        header[1] = 0xec;
        header[12] = header[13] = header[28] = header[29] = 0xff; /* IPv4-mapped */
        memcpy(header + 30, &own.sin_addr, 4);
        memcpy(header + 36, &own.sin_port, 2);
        up.to[i].sin_port = htons((uint16_t)atoi(argv[1]));
        up.to[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    if (pthread_create(&threads[0], NULL, forward_up, NULL) != 0 ||
        pthread_create(&threads[1], NULL, forward_down, NULL) != 0)
        return 1;
    printf("%u\n", (unsigned)ntohs(own.sin_port));
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
