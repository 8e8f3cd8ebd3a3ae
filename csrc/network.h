/* A block of addresses, as in 192.0.2.0/24, in the canonical 16-octet form of address.h: an IPv4 block of length n is
 * the mapped block of length 96 + n. */
#ifndef RS_NETWORK_H
#define RS_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct rs_network {
    uint8_t ip[RS_ADDRESS_IP_SIZE];
    uint8_t prefix; /* leading bits that count, 0..128; more count as 128 */
};

/* Whether one of `count` blocks holds `ip`. */
bool rs_network_contains(const struct rs_network *networks, size_t count, const uint8_t ip[RS_ADDRESS_IP_SIZE]);

#endif
