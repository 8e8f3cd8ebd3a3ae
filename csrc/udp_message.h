/* What sending and receiving batches share. Not for use outside of udp_*.c. */
#ifndef RS_UDP_MESSAGE_H
#define RS_UDP_MESSAGE_H

#include "udp_batch.h"

/* In a message's length: the kernel has not come to it yet. It writes the length last of all, message by message. */
#define RS_UDP_NOT_YET UINT32_MAX

/* Ordered after what was written before, for who finds the batch when we are dead. */
static inline void rs_udp_enter(struct rs_udp_batch *batch, enum rs_udp_phase phase)
{
    atomic_store_explicit(&batch->phase, phase, memory_order_release);
}

/* What the kernel tells beside a message: the local address, and the length of a run's datagrams. What it does not tell
 * stays as it is. */
void rs_udp_read_control(struct msghdr *header, uint8_t local[RS_ADDRESS_IP_SIZE], uint32_t *segment);

/* Makes `control` say from which address a message leaves, where the socket has several, and how long the datagrams of
 * a run are (0: it is none). */
void rs_udp_write_control(const struct rs_udp_socket *socket, struct msghdr *header, const struct rs_address *local,
                          uint16_t segment, void *control);

#endif
