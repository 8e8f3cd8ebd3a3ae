#include "flow_scan.h"

#include "flow_slots.h"

uint32_t rs_flow_table_slots(const struct rs_flow_table *table)
{
    return table->buckets * RS_FLOW_BUCKET;
}

unsigned rs_flow_table_scan(const struct rs_flow_table *table, uint32_t now_ms, uint32_t *next, uint32_t span,
                            struct rs_flow_ref *out, unsigned max)
{
    uint32_t slots = rs_flow_table_slots(table), slot = *next;
    unsigned count = 0;
    for (; slot < slots && span > 0 && count < max; slot++, span--)
        if (rs_flow_load(rs_flow_tag_at(table, slot)) != 0 && rs_flow_slot_read(table, slot, &out[count]) &&
            rs_flow_is_live(table, &out[count], now_ms))
            count++;
    *next = slot < slots ? slot : 0;
    return count;
}
