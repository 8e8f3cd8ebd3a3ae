/* Where the datagrams of other relays came from, so that answers find their way back: one thread notes, any reads.
 *
 * A return path is a relay's address together with the proxy address that its headers named, since only the relay that
 * owns the proxy address can send to the client. There are as many as relays have workers and public addresses; a flow
 * holds the number of its own. A path that was not seen for longest gives its place to a new one when its places are
 * taken, so who asks for a number has to look at the proxy address that it finds there.
 *
 * It lies in one block of memory without pointers. */
#ifndef RS_RETURN_PATHS_H
#define RS_RETURN_PATHS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"

#define RS_RETURN_PATHS 512

struct rs_return_path {
    struct rs_address relay; /* the sender of the header */
    struct rs_address local; /* at which address of ours */
    struct rs_address proxy; /* as the header says */
    uint16_t reserved;       /* zero */
};

#define RS_RETURN_PATH_WORDS (sizeof(struct rs_return_path) / sizeof(uint64_t))

struct rs_return_paths {
    struct rs_return_path_slot {
        _Atomic uint32_t seq; /* odd while being written; 0: never used */
        _Atomic uint32_t seen_ms;
        _Atomic uint64_t words[RS_RETURN_PATH_WORDS];
    } slots[RS_RETURN_PATHS]; /* zeroed is empty */
};

/* The one thread that notes. The number of this path, 0..RS_RETURN_PATHS-1. */
uint32_t rs_return_paths_note(struct rs_return_paths *paths, const struct rs_return_path *path, uint32_t now_ms);

/* Any thread. The path with this number; false: there is none. */
bool rs_return_paths_get(const struct rs_return_paths *paths, uint32_t number, struct rs_return_path *out);

/* Any thread. The path to the relay that was seen last of those that own this proxy address; false: none does. Looks
 * at all of them. */
bool rs_return_paths_find(const struct rs_return_paths *paths, const struct rs_address *proxy, uint32_t now_ms,
                          struct rs_return_path *out);

#endif
