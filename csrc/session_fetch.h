/* A batch's sessions are fetched into the cache before the first packet is opened. With hundreds of calls their state
 * is not in the cache of a core, and each look-up is a handful of misses, which wait for each other where they are met
 * one packet after the other. Nothing here has an effect but on time. */
#ifndef RS_SESSION_FETCH_H
#define RS_SESSION_FETCH_H

#include <stddef.h>

#include "fact.h"
#include "session_table.h"

/* `count` facts of received datagrams, at most RS_UDP_BATCH. */
void rs_session_fetch(const struct rs_session_table *table, const struct rs_fact *facts, size_t count);

#endif
