/* A received batch of a transceiver, opened: SRTP and SRTCP of known clients becomes plain packets in place, and RTP
 * headers become facts, before Python is asked.
 *
 * What is not opened stays as it came, for Python to decide: STUN and DTLS, strangers, and media of sessions that have
 * no keys yet, though the datagram before it in the same batch may complete a handshake. So whether the session still
 * wants a packet that was opened here, and from this path, is Python's to say as well. */
#ifndef RS_SRTP_BATCH_H
#define RS_SRTP_BATCH_H

#include <stddef.h>

#include "fact.h"
#include "rtp_batch.h"
#include "session_table.h"
#include "status.h"
#include "udp_batch.h"

/* Opens what can be opened of the `count` datagrams of `batch` that `facts` describe. A packet that is refused gets its
 * `drop`, as rs_srtp_unprotect says, and has had no effect on anything. RTP that its session can take at `now` is
 * taken, and `echoes` gets the packets that go back. Returns how many facts are left for Python, at the beginning of
 * `facts` and in order. */
size_t rs_srtp_batch_open(struct rs_session_table *table, struct rs_udp_batch *batch, struct rs_fact *facts,
                          size_t count, double now, struct rs_echoes *echoes);

/* Puts `count` (at most RS_UDP_BATCH) datagrams that lie one behind the other in `octets` into the batch's slots.
 * `srtp[i]`: a plain packet of ours, RTP or RTCP by its second octet (RFC 5761 section 4), protected here with these
 * keys; NULL: taken as it is. A slot's drop becomes RS_DROP_OVERSIZE or RS_DROP_SEND_FAILED where it cannot leave.
 * RS_INVALID: more than a batch, or the lengths exceed `octets_len`; nothing was done. */
enum rs_status rs_srtp_batch_load(struct rs_udp_batch *batch, const uint8_t *octets, size_t octets_len,
                                  const uint32_t *lengths, struct rs_srtp *const *srtp, size_t count);

/* Facts of `count` loaded slots, as if they had been received from `paths`: for a loop with sockets of its own. */
void rs_srtp_batch_describe(const struct rs_udp_batch *batch, const struct rs_path *paths, size_t count,
                            struct rs_fact *facts);

#endif
