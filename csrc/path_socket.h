/* The transceiver's UDP socket: datagrams and the paths they belong to.
 *
 * A path is a client and, behind a relay, the relay's address and the proxy address of the Simple Proxy Protocol
 * header; in direct mode the latter two are zero and datagrams carry no header. Python gets a batch as an array of
 * fixed-size facts and one block of octets, and crosses into C once per batch. */
#ifndef RS_PATH_SOCKET_H
#define RS_PATH_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "network.h"
#include "udp_batch.h"

struct rs_path {
    struct rs_address client;
    struct rs_address relay; /* where proxied datagrams come from and go to */
    struct rs_address proxy; /* where the first relay received them */
};

/* One received datagram. Its layout is part of the contract: Python reads arrays of it with struct.unpack. */
struct rs_path_fact {
    struct rs_path path; /* zero where `drop` came before it was known */
    uint8_t kind;        /* enum rs_kind, where nothing was dropped */
    uint8_t drop;        /* enum rs_drop */
    uint32_t offset;     /* of the client's datagram from the start of the batch */
    uint32_t len;
};

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
                           struct rs_path_fact facts[RS_UDP_BATCH]);

/* Sends `count` (at most RS_UDP_BATCH) datagrams that lie one behind the other in `octets`, each to its path, with the
 * header if relayed. `drops[i]` gets enum rs_drop: RS_DROP_NONE if the kernel took it. RS_INVALID: more than a batch,
 * or the lengths exceed `octets_len`; nothing was sent. */
enum rs_status rs_path_socket_send(const struct rs_path_socket *socket, struct rs_udp_batch *batch,
                                   const uint8_t *octets, size_t octets_len, const uint32_t *lengths,
                                   const struct rs_path *paths, size_t count, uint8_t *drops);

#endif
