/* RTP header extensions in the one-byte and the two-byte form (RFC 8285 section 4). */
#ifndef RS_RTP_EXTENSION_H
#define RS_RTP_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define RS_RTP_ONE_BYTE_PROFILE 0xbede

/* Whether a profile is that of the two-byte form: 0x100 and 4 bits for the application. */
static inline bool rs_rtp_is_two_byte(uint16_t profile)
{
    return profile >> 4 == 0x100;
}

/* The first element of an id in the data of an extension. In the one-byte form id 0 is padding; id 15 and an id 0 that
 * has a length end the reading (section 4.2). In the two-byte form id 0 is padding, and a length may be 0 (section
 * 4.3). An element that would leave the extension ends the reading. Another profile has no elements. `out` borrows
 * from `data`, and is written only where there is one. */
bool rs_rtp_extension_find(uint16_t profile, const uint8_t *data, size_t len, uint8_t id, struct rs_span *out);

#endif
