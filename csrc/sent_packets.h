/* What left in batches of a stream whose peer may ask for packets again (RFC 4585 section 6.2.1), protected, until
 * Python reads it: the latest ones, for later a frame is of no use. */
#ifndef RS_SENT_PACKETS_H
#define RS_SENT_PACKETS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RS_SENT_PACKETS 64
#define RS_SENT_OCTETS 256 /* of a packet that is kept, its tag included */

struct rs_sent_packet {
    double at;
    uint32_t len;
    uint8_t octets[RS_SENT_OCTETS];
};

struct rs_sent_packets {
    uint32_t count; /* since Python has read them; each one's place is its number modulo RS_SENT_PACKETS */
    struct rs_sent_packet packets[RS_SENT_PACKETS];
};

/* `len` is at most RS_SENT_OCTETS. */
static inline void rs_sent_packets_keep(struct rs_sent_packets *sent, const uint8_t *packet, size_t len, double now)
{
    struct rs_sent_packet *place = &sent->packets[sent->count % RS_SENT_PACKETS];
    sent->count = sent->count < 2 * RS_SENT_PACKETS ? sent->count + 1 : sent->count + 1 - RS_SENT_PACKETS;
    place->at = now;
    place->len = (uint32_t)len;
    memcpy(place->octets, packet, len);
}

#endif
