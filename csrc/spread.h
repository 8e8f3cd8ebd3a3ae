/* How the kernel spreads what other relays send over the sockets that share their port.
 *
 * By itself it goes by the sender's address, of which a relay has a few for all of its clients. Told so once, it goes
 * by the client in the header instead, so that all workers get their share and a client stays with one. */
#ifndef RS_SPREAD_H
#define RS_SPREAD_H

#include "status.h"

/* `fd` is any of `sockets` UDP sockets with SO_REUSEPORT on one address, all of them bound. RS_SYSTEM: errno. */
enum rs_status rs_spread_by_client(int fd, unsigned sockets);

#endif
