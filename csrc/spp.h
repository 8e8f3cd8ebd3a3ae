/* Simple Proxy Protocol: the 38 octets that Cloudflare Spectrum puts in front of a UDP datagram to say whose it is.
 *
 *   octets  0..1   magic 0x56EC
 *           2..17  client address, IPv4 as ::ffff:a.b.c.d
 *          18..33  proxy address: where the first relay received the datagram
 *          34..35  client port
 *          36..37  proxy port
 *          38..    the datagram
 *
 * docs/reference/spp.md has the vectors. */
#ifndef RS_SPP_H
#define RS_SPP_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "drop.h"

#define RS_SPP_SIZE 38
#define RS_SPP_MAGIC 0x56EC
#define RS_SPP_CLIENT_IP 2 /* where it is */
#define RS_SPP_CLIENT_PORT 34

/* Writes the header; the caller has the datagram behind it already, or puts it there. */
void rs_spp_build(uint8_t out[RS_SPP_SIZE], const struct rs_address *client, const struct rs_address *proxy);

/* Reads the header; the datagram starts at data + RS_SPP_SIZE and may be empty. Whether the addresses are acceptable is
 * the caller's to say. `client` and `proxy` are written only on RS_DROP_NONE.
 * RS_DROP_SPP_MALFORMED: under 38 octets or another magic. RS_DROP_SPP_NESTED: the datagram begins with a magic too. */
enum rs_drop rs_spp_parse(const uint8_t *data, size_t len, struct rs_address *client, struct rs_address *proxy);

#endif
