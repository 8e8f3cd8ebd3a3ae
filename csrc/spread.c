#include "spread.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <sys/socket.h>

/* Offsets into the Simple Proxy Protocol header (spp.h), which is where a datagram begins for the program. */
#define CLIENT_IP_TAIL 14
#define CLIENT_PORT 34

static enum rs_status attach(int fd, struct sock_filter *code, unsigned short count)
{
    const struct sock_fprog program = {count, code};
    int failed = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
    return failed ? RS_SYSTEM : RS_OK;
}

enum rs_status rs_spread_by_client(int fd, unsigned sockets)
{
    /* A datagram that is too short for a load goes to the first socket, and is dropped there as any of its kind. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CLIENT_IP_TAIL), BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, CLIENT_PORT),    BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1u),   BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),       BPF_STMT(BPF_RET | BPF_A, 0),
    };
    return attach(fd, code, sizeof code / sizeof *code);
}

/* Into the network header, whatever is before the datagram. */
#define IPV4_SOURCE (SKF_NET_OFF + 12)
#define IPV4_SOURCE_PORT (SKF_NET_OFF + 20) /* where the header has no options */
#define IPV6_SOURCE_NETWORK (SKF_NET_OFF + 12)
#define IPV6_SOURCE_PORT (SKF_NET_OFF + 40)

enum rs_status rs_spread_by_sender(int fd, unsigned sockets, uint32_t secret)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 4),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, IPV4_SOURCE_PORT),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IPV4_SOURCE),
        BPF_JUMP(BPF_JMP | BPF_JA, 3, 0, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, IPV6_SOURCE_PORT),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IPV6_SOURCE_NETWORK),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, secret | 1),
        BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1u),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    return attach(fd, code, sizeof code / sizeof *code);
}

enum rs_status rs_spread_by_kernel(int fd)
{
    int none = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof none) == 0 || errno == ENOENT)
        return RS_OK;
    return RS_SYSTEM;
}
