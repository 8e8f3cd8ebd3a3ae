/* How the kernel spreads datagrams over the sockets that share a port: all of them, or the first ones.
 *
 * By itself it goes by the sender's address, by a hash of its own, and takes all sockets in the order of their binding.
 * Closing one is the only way out of such a group, and loses what is in its queue; so a socket that is to hear nobody
 * stays in the group and is not chosen. */
#ifndef RS_SPREAD_H
#define RS_SPREAD_H

#include <stdint.h>

#include "status.h"

/* Each holds from now on, and is undone by the others. `fd` is any of the group, `sockets` (at least 1) says how many
 * are chosen from, the first ones. RS_SYSTEM: errno. */

/* By the client in the Simple Proxy Protocol header. A relay sends from a few addresses for all of its clients; so all
 * sockets get their share, and a client stays with one. */
enum rs_status rs_spread_by_client(int fd, unsigned sockets);

/* By the sender's address. `secret`: random, so that nobody can aim at a socket. */
enum rs_status rs_spread_by_sender(int fd, unsigned sockets, uint32_t secret);

/* By the kernel's hash, over all. */
enum rs_status rs_spread_by_kernel(int fd);

#endif
