/* Trunks: several proxied datagrams of any lengths in one datagram of the internal network.
 *
 *   octets  0..1   magic 0x56ED
 *           2      version 1
 *           3      number of records, 1..RS_TRUNK_RECORDS
 *           4..    records, one behind the other to the very end: 2 octets length, then as many octets, which are a
 *                  datagram with its Simple Proxy Protocol header (spp.h)
 *
 * A trunk is read whole or not at all. docs/reference/trunk.md has the reasons and vectors. */
#ifndef RS_TRUNK_H
#define RS_TRUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drop.h"
#include "spp.h"
#include "wire.h"

#define RS_TRUNK_MAGIC 0x56ED
#define RS_TRUNK_VERSION 1
#define RS_TRUNK_HEADER 4
#define RS_TRUNK_LENGTH 2 /* octets in front of each record */
#define RS_TRUNK_RECORDS 64

/* Whether a datagram claims to be one. */
static inline bool rs_trunk_is(const uint8_t *data, size_t len)
{
    return len >= 2 && rs_read_u16be(data) == RS_TRUNK_MAGIC;
}

/* RS_DROP_NONE: header and records are consistent, each record has at least a header's length, nothing is left over.
 * Else RS_DROP_TRUNK_MALFORMED. */
enum rs_drop rs_trunk_check(const uint8_t *data, size_t len);

/* Writes the header. */
static inline void rs_trunk_begin(uint8_t out[RS_TRUNK_HEADER], unsigned records)
{
    rs_write_u16be(out, RS_TRUNK_MAGIC);
    out[2] = RS_TRUNK_VERSION;
    out[3] = (uint8_t)records;
}

#endif
