/* When a transceiver takes datagrams off its socket, at once or after they have gathered, and the wait for them.
 *
 * A batch of which all goes back, or is counted and wanted by nobody, needs no Python: who waits here takes batch after
 * batch, and comes back when one has something for Python, when somebody else has, or when the time is over. So a call
 * that echoes waits neither for Python nor for its lock. One thread at a time. */
#ifndef RS_PATH_READER_H
#define RS_PATH_READER_H

#include <stdbool.h>

#include "fact.h"
#include "gathering.h"
#include "path_socket.h"
#include "rtp_batch.h"
#include "session_table.h"
#include "udp_batch.h"

#define RS_READER_OTHERS 1 /* somebody else has something */
#define RS_READER_FACTS 2  /* a batch has left facts */

struct rs_path_reader {
    /* The caller's. */
    const struct rs_path_socket *socket;
    struct rs_session_table *table;
    struct rs_udp_batch *batch;
    struct rs_fact *facts; /* RS_UDP_BATCH of them */
    struct rs_echoes *echoes;
    /* Zero at first, but for the gathering's longest pause. */
    struct rs_gathering gathering;
    double started;    /* when the batches were taken that are being worked on; 0: none are */
    double resumes_at; /* the socket is left alone until then */
    bool is_full;      /* the latest batch was, so that more may wait, of which the kernel need not know */
};

/* Takes what waits in the socket, up to the first batch that leaves facts, and at most a few. `out` gets the sums of
 * them, and what the last one has left. 0, or -1 as rs_udp_receive. */
int rs_path_reader_take(struct rs_path_reader *reader, struct rs_path_turn *out);

/* What was taken is worked off: returns the seconds for which the socket is to be left alone from now. */
double rs_path_reader_rest(struct rs_path_reader *reader);

/* Takes what comes, with pauses in which it may gather, until a batch leaves facts, the descriptor `others` is readable
 * or `seconds` have passed; less than 0: for ever. What was taken before counts as worked off. Comes back early when a
 * signal came, and now and then while there is much to take, so that its handler has its turn. Returns
 * RS_READER_OTHERS, RS_READER_FACTS, both or none; -1 as rs_udp_receive. */
int rs_path_reader_wait(struct rs_path_reader *reader, int others, double seconds, struct rs_path_turn *out);

#endif
