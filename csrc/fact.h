/* What Python learns of a received datagram: an array of these per batch, read in one sweep with struct.unpack, so the
 * layout is part of the contract. The socket writes the first part, srtp_batch the second. */
#ifndef RS_FACT_H
#define RS_FACT_H

#include <stdint.h>

#include "address.h"

struct rs_path {
    struct rs_address client;
    struct rs_address relay; /* where proxied datagrams come from and go to */
    struct rs_address proxy; /* where the first relay received them; without a relay, where we did if we have several */
};

#define RS_NO_AUDIO_LEVEL 0x100 /* no octet */

enum rs_form {
    RS_FORM_RECEIVED, /* as it came */
    RS_FORM_PLAIN,    /* was SRTP or SRTCP of `session`, and authentic: now the plain packet */
    RS_FORM_RTP,      /* as RS_FORM_PLAIN, an RTP packet without fault, whose header is below */
    RS_FORM_TAKEN,    /* as RS_FORM_RTP, and its session has counted it; where `path` is, nobody needs to ask */
    RS_FORM_NEWS,     /* its session has taken it, and Python wants no more of it than to look at the call */
};

struct rs_fact {
    struct rs_path path; /* zero where `drop` came before it was known */
    uint8_t kind;        /* enum rs_kind, where nothing was dropped */
    uint8_t drop;        /* enum rs_drop; other than RS_DROP_NONE, only `session` means anything below */
    uint32_t offset;     /* of the client's datagram, or its plain packet, from the start of the batch */
    uint32_t len;
    uint64_t session; /* whose keys it was opened or refused with, 0 for RS_FORM_RECEIVED */
    uint32_t timestamp;
    uint32_t ssrc;
    uint16_t sequence_number;
    uint16_t extension_profile;
    uint16_t header_length;
    uint16_t extension_length; /* ends the header */
    uint16_t payload_length;
    uint8_t payload_type;
    uint8_t csrc_count; /* from octet 12 */
    uint8_t has_marker;
    uint8_t has_extension;
    uint8_t form;         /* enum rs_form */
    uint8_t has_news;     /* of RS_FORM_TAKEN: Python wants to look at the call as well */
    uint16_t audio_level; /* the octet of RFC 6464 section 3, or RS_NO_AUDIO_LEVEL */
};

#endif
