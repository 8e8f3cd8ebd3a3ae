#include "spread.h"

#include <linux/filter.h>
#include <sys/socket.h>

/* Offsets into the Simple Proxy Protocol header (spp.h), which is where a datagram begins for the program. */
#define CLIENT_IP_TAIL 14
#define CLIENT_PORT 34

enum rs_status rs_spread_by_client(int fd, unsigned sockets)
{
    /* A datagram that is too short for a load goes to the first socket, and is dropped there as any of its kind. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CLIENT_IP_TAIL), BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, CLIENT_PORT),    BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1u),   BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),       BPF_STMT(BPF_RET | BPF_A, 0),
    };
    const struct sock_fprog program = {sizeof code / sizeof *code, code};
    int failed = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
    return failed ? RS_SYSTEM : RS_OK;
}
