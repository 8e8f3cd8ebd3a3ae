/* Which session of a transceiver a client address belongs to, and with which keys its SRTP is opened.
 *
 * A hash table with linear probing that its owner keeps at most half full, keyed by SipHash with a secret of its own.
 * Only addresses with an authenticated check are put in, so nobody outside fills it. One thread at a time. */
#ifndef RS_SESSION_TABLE_H
#define RS_SESSION_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "rtp_session.h"
#include "siphash.h"
#include "srtp.h"
#include "status.h"

struct rs_session_entry {
    uint64_t session;           /* a number that its owner gave; 0: nobody lives here */
    struct rs_srtp *srtp;       /* the owner's, NULL while there are no keys; leaves the table before it is freed */
    struct rs_rtp_session *rtp; /* likewise; NULL: each packet is the owner's to decide */
    struct rs_address client;
};

struct rs_session_table {
    struct rs_session_entry *entries; /* `capacity` of them, zeroed at first; the caller's */
    size_t capacity;                  /* a power of two */
    size_t count;
    uint64_t batches; /* opened with it so far */
    uint8_t secret[RS_SIPHASH_KEY_SIZE];
};

/* What `client` was put in with; NULL: nothing. */
const struct rs_session_entry *rs_session_table_find(const struct rs_session_table *table,
                                                     const struct rs_address *client);

/* Where `client` is, unless somebody else was there first. */
const struct rs_session_entry *rs_session_table_home(const struct rs_session_table *table,
                                                     const struct rs_address *client);

/* Puts an address in, in the place of what was known of it. RS_INVALID: session 0. RS_FULL: the table is half full, and
 * a new address was not put in. */
enum rs_status rs_session_table_put(struct rs_session_table *table, const struct rs_address *client, uint64_t session,
                                    struct rs_srtp *srtp, struct rs_rtp_session *rtp);

/* Forgets an address, known or not. */
void rs_session_table_remove(struct rs_session_table *table, const struct rs_address *client);

#endif
