/* STUN messages as far as routing and ICE-lite need them (RFC 8489): header, bounded attribute walk, and the way from
 * a binding request to the server's ufrag. Integrity and fingerprint values are not computed here.
 *
 * The relay and the transceiver read a message by the same walk, so that no message can mean one thing to the one and
 * another to the other:
 *   - at most RS_STUN_MAX_ATTRIBUTES attributes, each wholly inside the message, padding included;
 *   - attributes after MESSAGE-INTEGRITY are passed over, except MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, and after
 *     MESSAGE-INTEGRITY-SHA256 all but FINGERPRINT (sections 14.5, 14.6): nothing vouches for them;
 *   - MESSAGE-INTEGRITY has 20 octets; FINGERPRINT has 4 and is the last attribute (section 14.7);
 *   - padding octets are not looked at. */
#ifndef RS_STUN_H
#define RS_STUN_H

#include <stddef.h>
#include <stdint.h>

#include "drop.h"
#include "wire.h"

#define RS_STUN_HEADER_SIZE 20
#define RS_STUN_COOKIE 0x2112A442u
#define RS_STUN_TRANSACTION_ID_SIZE 12
#define RS_STUN_BINDING_REQUEST 0x0001

#define RS_STUN_USERNAME 0x0006
#define RS_STUN_MESSAGE_INTEGRITY 0x0008
#define RS_STUN_MESSAGE_INTEGRITY_SHA256 0x001C
#define RS_STUN_FINGERPRINT 0x8028

/* Our choices: more attributes than any real message has, and the server ufrags that we mint. */
#define RS_STUN_MAX_ATTRIBUTES 64
#define RS_STUN_USERNAME_MAX 508 /* what RFC 8489 section 14.3 allows */
#define RS_STUN_UFRAG_SIZE 24

struct rs_stun_attribute {
    uint16_t type;
    uint16_t length; /* of the value, without padding */
    uint32_t offset; /* of the value, from the start of the datagram */
};

struct rs_stun_message {
    uint16_t type;  /* class and method as on the wire (RFC 8489 section 5) */
    uint16_t count; /* of `attributes`, in the order of the message, repeated ones too */
    uint8_t transaction_id[RS_STUN_TRANSACTION_ID_SIZE];
    struct rs_stun_attribute attributes[RS_STUN_MAX_ATTRIBUTES];
};

/* Header only: RS_DROP_NONE, RS_DROP_TOO_SHORT (under 20 octets), or RS_DROP_STUN_MALFORMED: not the two zero bits,
 * not the magic cookie, or a length field that is not datagram length - 20 or no multiple of 4. */
enum rs_drop rs_stun_check_header(const uint8_t *data, size_t len);

/* The whole message. `out` is written only on RS_DROP_NONE and holds offsets into `data`, no pointers.
 * As rs_stun_check_header, and RS_DROP_STUN_MALFORMED: an attribute leaves the message, there are too many, or
 * MESSAGE-INTEGRITY has not 20 octets. RS_DROP_STUN_FINGERPRINT: FINGERPRINT is not last or has not 4 octets. */
enum rs_drop rs_stun_parse(const uint8_t *data, size_t len, struct rs_stun_message *out);

/* The server ufrag of a binding request: the 24 octets before the ':' of its first USERNAME, where 1..483 octets
 * without ':' and NUL follow. Whether those 24 are ice-chars is for rs_hint_open to say. `ufrag` borrows from `data`
 * and is written only on RS_DROP_NONE.
 * As rs_stun_parse, and RS_DROP_STUN_METHOD: not a binding request (the attributes were not walked).
 * RS_DROP_USERNAME_INVALID: no USERNAME, or not of that form. */
enum rs_drop rs_stun_server_ufrag(const uint8_t *data, size_t len, struct rs_span *ufrag);

#endif
