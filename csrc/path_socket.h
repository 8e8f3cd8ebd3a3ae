/* The transceiver's UDP socket: datagrams and the paths they belong to.
 *
 * A path is a client and, behind a relay, the relay's address and the proxy address of the Simple Proxy Protocol
 * header. In direct mode datagrams carry no header and there is no relay; on a wildcard address, which may be that of
 * both families, the proxy address is the one of ours that the client sent to, and answers leave from there. Python
 * gets a batch as an array of fixed-size facts and one block of octets, and crosses into C once per batch. */
#ifndef RS_PATH_SOCKET_H
#define RS_PATH_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fact.h"
#include "network.h"
#include "rtp_batch.h"
#include "session_table.h"
#include "srtp.h"
#include "udp_batch.h"

struct rs_path_socket {
    struct rs_udp_socket udp;
    bool is_relayed;                   /* every datagram carries a Simple Proxy Protocol header */
    const struct rs_network *networks; /* relays may be here, and nowhere else; the caller's, not copied */
    size_t network_count;
};

/* Receives without blocking. Returns the number of facts written (at most RS_UDP_BATCH), or -1 as rs_udp_receive.
 * Refused here: RS_DROP_OVERSIZE; relayed: RS_DROP_SOURCE_NOT_LISTED, RS_DROP_SPP_MALFORMED, RS_DROP_SPP_NESTED;
 * direct: RS_DROP_CLIENT_DENIED for link-local clients, which cannot be named without a zone; and what rs_classify
 * refuses. */
int rs_path_socket_receive(const struct rs_path_socket *socket, struct rs_udp_batch *batch,
                           struct rs_fact facts[RS_UDP_BATCH]);

/* What became of a batch. */
struct rs_path_turn {
    uint32_t received; /* datagrams */
    uint32_t kept;     /* facts of them that are left for Python */
    uint32_t returned; /* packets that were sent back */
    uint32_t failed;   /* and those that could not be */
    double now;        /* seconds of CLOCK_MONOTONIC when they were received */
};

/* Receives a batch as rs_path_socket_receive, opens it with `table` as rs_srtp_batch_open, and sends the echoes.
 * -1 as rs_udp_receive, 0 otherwise. */
int rs_path_socket_turn(const struct rs_path_socket *socket, struct rs_session_table *table, struct rs_udp_batch *batch,
                        struct rs_fact facts[RS_UDP_BATCH], struct rs_echoes *echoes, struct rs_path_turn *out);

/* Sends `count` (at most RS_UDP_BATCH) datagrams that lie one behind the other in `octets`, each to its path, with the
 * header if relayed. `srtp[i]`: a plain packet, protected here with these keys; NULL: sent as it is. `drops[i]` gets
 * enum rs_drop: RS_DROP_NONE if the kernel took it. RS_INVALID: more than a batch, or the lengths exceed `octets_len`;
 * nothing was protected or sent. */
enum rs_status rs_path_socket_send(const struct rs_path_socket *socket, struct rs_udp_batch *batch,
                                   const uint8_t *octets, size_t octets_len, const uint32_t *lengths,
                                   struct rs_srtp *const *srtp, const struct rs_path *paths, size_t count,
                                   uint8_t *drops);

#endif
