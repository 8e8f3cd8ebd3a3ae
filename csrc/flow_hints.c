/* From a hint to the flows that carry it: rows of slot numbers, chosen by the hint's keyed hash and checked against the
 * slots whenever they are read. Nothing is ever taken out: a number whose slot is dead or tells another row is free. */
#include "flow_slots.h"

#include <string.h>

/* Places of a hint's row in the index; each is 0 or a slot number plus 1. */
static _Atomic uint32_t *index_row(const struct rs_flow_table *table, const uint8_t *hint)
{
    uint32_t hash = (uint32_t)rs_siphash24(table->settings.secret, hint, RS_HINT_SIZE);
    _Atomic uint32_t *index = (_Atomic uint32_t *)((uintptr_t)table + table->index_offset);
    return index + (size_t)rs_flow_scale(hash, table->hint_rows) * table->settings.hint_ways;
}

unsigned rs_flow_table_find_hint(const struct rs_flow_table *table, const uint8_t hint[RS_HINT_SIZE], uint32_t now_ms,
                                 struct rs_flow_ref *out, unsigned max)
{
    const _Atomic uint32_t *row = index_row(table, hint);
    unsigned found = 0;
    for (unsigned way = 0; way < table->settings.hint_ways && found < max; way++) {
        uint32_t number = rs_flow_load(&row[way]);
        struct rs_flow_ref *ref = &out[found];
        if (number != 0 && rs_flow_slot_read(table, number - 1, ref) && ref->flow.has_hint &&
            memcmp(ref->flow.hint, hint, RS_HINT_SIZE) == 0 && rs_flow_is_live(table, ref, now_ms))
            found++;
    }
    return found;
}

/* Whether an index place still belongs to a flow of the row it is in. */
static bool is_indexed(const struct rs_flow_table *table, uint32_t number, const _Atomic uint32_t *row, uint32_t now_ms,
                       uint32_t *age)
{
    struct rs_flow_ref ref;
    if (number == 0 || !rs_flow_slot_read(table, number - 1, &ref) || !ref.flow.has_hint ||
        !rs_flow_is_live(table, &ref, now_ms))
        return false;
    *age = rs_age_ms(now_ms, ref.renewed_ms);
    return index_row(table, ref.flow.hint) == row;
}

void rs_flow_hints_add(struct rs_flow_table *table, const uint8_t hint[RS_HINT_SIZE], uint32_t slot, uint32_t now_ms)
{
    _Atomic uint32_t *row = index_row(table, hint);
    unsigned best = 0;
    uint32_t best_age = 0;
    for (unsigned way = 0; way < table->settings.hint_ways; way++)
        if (rs_flow_load(&row[way]) == slot + 1)
            return;
    for (unsigned way = 0; way < table->settings.hint_ways; way++) {
        uint32_t age = 0;
        if (!is_indexed(table, rs_flow_load(&row[way]), row, now_ms, &age)) {
            best = way;
            break;
        }
        if (age > best_age) {
            best = way;
            best_age = age;
        }
    }
    rs_flow_store(&row[best], slot + 1);
}
