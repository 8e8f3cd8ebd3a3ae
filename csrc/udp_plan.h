/* How the datagrams of a batch are put into messages. Not for use outside of udp_*.c. */
#ifndef RS_UDP_PLAN_H
#define RS_UDP_PLAN_H

#include "udp_batch.h"

#define RS_UDP_PLAN_SLOTS 64

struct rs_udp_plan {
    unsigned messages;
    uint8_t message_of[RS_UDP_BATCH];      /* by datagram */
    uint8_t first[RS_UDP_BATCH];           /* by message: the first datagram of it */
    uint8_t count[RS_UDP_BATCH];           /* by message */
    bool is_trunk[RS_UDP_BATCH];           /* by message; else a run */
    uint32_t octets[RS_UDP_BATCH];         /* by message */
    uint8_t open_run[RS_UDP_PLAN_SLOTS];   /* by length and destination: the message to join, plus 1 */
    uint8_t open_trunk[RS_UDP_PLAN_SLOTS]; /* by destination, likewise */
    uint8_t last[RS_UDP_PLAN_SLOTS];       /* by client: the last message that has a datagram of it */
};

/* Decides for those of the batch's datagrams whose `drop` is RS_DROP_NONE. Datagrams of one client stay in order. */
void rs_udp_plan(const struct rs_udp_socket *socket, const struct rs_udp_batch *batch, struct rs_udp_plan *plan);

#endif
