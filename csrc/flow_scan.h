/* Going through a flow table piece by piece, while its writer works. */
#ifndef RS_FLOW_SCAN_H
#define RS_FLOW_SCAN_H

#include "flow_table.h"

/* Any thread. Takes up to `max` live flows from the next `span` slots, beginning with slot `*next`, which moves on; it
 * is 0 again when the table is through. A flow that is there all the time of a round is found once in it, others at
 * most once each. Returns how many. */
unsigned rs_flow_table_scan(const struct rs_flow_table *table, uint32_t now_ms, uint32_t *next, uint32_t span,
                            struct rs_flow_ref *out, unsigned max);

/* Any thread. Slots that a round goes through. */
uint32_t rs_flow_table_slots(const struct rs_flow_table *table);

#endif
