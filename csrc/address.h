/* A UDP address in the one canonical form that every comparison and every key uses.
 *
 * IPv4 is held as the IPv4-mapped ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that one client has one spelling,
 * whatever socket it was seen on. Zones (RFC 4007) do not exist here: link-local addresses are denied. */
#ifndef RS_ADDRESS_H
#define RS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "status.h"

#define RS_ADDRESS_IP_SIZE 16

struct rs_address {
    uint8_t ip[RS_ADDRESS_IP_SIZE]; /* network order */
    uint16_t port;                  /* host order */
};

/* The address in `from`, as the kernel filled it in. RS_INVALID: neither AF_INET nor AF_INET6; nothing was written. */
enum rs_status rs_address_from_sockaddr(const struct sockaddr_storage *from, struct rs_address *out);

/* `address` for a socket of `family` (AF_INET or AF_INET6; the latter takes mapped addresses on a dual-stack socket).
 * `len` gets the size to hand to the kernel. RS_INVALID: an IPv6 address for AF_INET, or another family; nothing was
 * written. */
enum rs_status rs_address_to_sockaddr(const struct rs_address *address, int family, struct sockaddr_storage *out,
                                      socklen_t *len);

/* Whether `ip` is an IPv4 address in mapped form. */
bool rs_address_is_ipv4(const uint8_t ip[RS_ADDRESS_IP_SIZE]);

/* Whether nothing is ever sent to this client address, unless the operator re-admits its network: 0/8, 127/8,
 * 169.254/16 and 224/3 in mapped form; ::/96 (with ::1, :: and IPv4-compatible), fe80::/10, ff00::/8, and the two
 * forms that smuggle an IPv4 address, 64:ff9b::/96 (RFC 6052) and 2002::/16 (RFC 3056); port 0. */
bool rs_address_is_denied(const uint8_t ip[RS_ADDRESS_IP_SIZE], uint16_t port);

static inline bool rs_address_equal(const struct rs_address *a, const struct rs_address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, RS_ADDRESS_IP_SIZE) == 0;
}

#endif
