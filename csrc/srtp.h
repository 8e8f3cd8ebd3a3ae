/* SRTP and SRTCP of one session (RFC 3711, RFC 7714), in front of libsrtp: what is checked before the library sees a
 * packet, so that Python's packets and those of a batch go through the same eye of the needle.
 *
 * The library is not linked. Its four functions and a session's two contexts are pointers that the caller takes from
 * the libsrtp that pylibsrtp carries, so that a process has one libsrtp, and keys are made in one place. */
#ifndef RS_SRTP_H
#define RS_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drop.h"

#define RS_SRTP_MAX_SOURCES 64    /* SSRCs of the peer: libsrtp keeps a stream for each for ever */
#define RS_SRTP_MAX_RECEIVED 1500 /* octets of a protected packet */
#define RS_SRTP_MAX_TRAILER 20    /* the longest tag, and the index of SRTCP */

/* RFC 3711 section 9.2: packets under one master key */
#define RS_SRTP_MAX_RTP_PACKETS (UINT64_C(1) << 48)
#define RS_SRTP_MAX_RTCP_PACKETS (UINT64_C(1) << 31)

/* srtp_protect and its like: srtp_t, the packet, its length in octets; returns srtp_err_status_t, 0 for success. Given
 * as addresses, because a pointer to a function cannot be had from another extension otherwise. */
struct rs_srtp_library {
    uintptr_t protect;
    uintptr_t protect_rtcp;
    uintptr_t unprotect;
    uintptr_t unprotect_rtcp;
};

/* One session's keys in both directions. All pointers are the caller's, and outlive it. One thread at a time. */
struct rs_srtp {
    const struct rs_srtp_library *library;
    void *outbound; /* srtp_t */
    void *inbound;
    uint64_t rtp_count;  /* packets of ours that were protected, or admitted to be; whoever sends them counts */
    uint64_t rtcp_count; /* likewise */
    uint32_t tag_length;
    uint32_t source_count;
    bool is_index_last; /* of SRTCP: behind the tag (RFC 7714 section 9.2), else before it (RFC 3711 section 3.4) */
    uint32_t sources[RS_SRTP_MAX_SOURCES]; /* SSRCs of packets that were authentic, of RTP and RTCP together */
};

/* Replaces a protected packet of the peer by the plain one, which is shorter. A refused one has had no effect on
 * anything, and its octets are unspecified. `packet` may have any alignment.
 * RS_DROP_SRTP_MALFORMED: not version 2, or header, CSRCs, extension and tag (RTCP: header, index and tag) do not fit
 * in it. RS_DROP_OVERSIZE: longer than RS_SRTP_MAX_RECEIVED. RS_DROP_SRTCP_UNENCRYPTED: E flag clear.
 * RS_DROP_RTP_SOURCE_LIMIT: one SSRC too many. RS_DROP_SRTP_AUTH_FAILED, RS_DROP_SRTP_REPLAYED: as libsrtp says. */
enum rs_drop rs_srtp_unprotect(struct rs_srtp *srtp, bool is_rtcp, uint8_t *packet, size_t *len);

/* Replaces a plain packet of ours by the protected one; `room` octets at `packet` are writable.
 * RS_DROP_SRTP_MALFORMED: no RTP or RTCP packet. RS_DROP_OVERSIZE: no room for the trailer. RS_DROP_SEND_FAILED:
 * libsrtp refused it: a sequence number of this SSRC that was used already (RFC 7714 section 8.1). */
enum rs_drop rs_srtp_protect(struct rs_srtp *srtp, bool is_rtcp, uint8_t *packet, size_t *len, size_t room);

#endif
