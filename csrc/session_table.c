#include "session_table.h"

_Static_assert(sizeof(struct rs_address) == RS_ADDRESS_IP_SIZE + 2, "the hash covers an address without padding");

static size_t home(const struct rs_session_table *table, const struct rs_address *client)
{
    return rs_siphash24(table->secret, (const uint8_t *)client, sizeof *client) & (table->capacity - 1);
}

static size_t after(const struct rs_session_table *table, size_t place)
{
    return (place + 1) & (table->capacity - 1);
}

/* Where `client` is, or where it would be put. Half of the table is empty, so this ends. */
static struct rs_session_entry *place_of(const struct rs_session_table *table, const struct rs_address *client)
{
    size_t place = home(table, client);
    while (table->entries[place].session != 0 && !rs_address_equal(&table->entries[place].client, client))
        place = after(table, place);
    return &table->entries[place];
}

const struct rs_session_entry *rs_session_table_find(const struct rs_session_table *table,
                                                     const struct rs_address *client)
{
    const struct rs_session_entry *entry = place_of(table, client);
    return entry->session != 0 ? entry : NULL;
}

const struct rs_session_entry *rs_session_table_home(const struct rs_session_table *table,
                                                     const struct rs_address *client)
{
    return &table->entries[home(table, client)];
}

enum rs_status rs_session_table_put(struct rs_session_table *table, const struct rs_address *client, uint64_t session,
                                    struct rs_srtp *srtp, struct rs_rtp_session *rtp)
{
    if (session == 0)
        return RS_INVALID;
    struct rs_session_entry *entry = place_of(table, client);
    if (entry->session == 0) {
        if (table->count >= table->capacity / 2)
            return RS_FULL;
        table->count++;
    }
    *entry = (struct rs_session_entry){session, srtp, rtp, *client};
    return RS_OK;
}

void rs_session_table_remove(struct rs_session_table *table, const struct rs_address *client)
{
    struct rs_session_entry *gap = place_of(table, client);
    if (gap->session == 0)
        return;
    table->count--;
    /* Whoever was pushed past the gap by others moves into it, so that a search never ends before its aim. */
    for (size_t place = after(table, (size_t)(gap - table->entries)); table->entries[place].session != 0;
         place = after(table, place)) {
        size_t gap_place = (size_t)(gap - table->entries);
        size_t from_home = (place - home(table, &table->entries[place].client)) & (table->capacity - 1);
        size_t from_gap = (place - gap_place) & (table->capacity - 1);
        if (from_home >= from_gap) {
            *gap = table->entries[place];
            gap = &table->entries[place];
        }
    }
    *gap = (struct rs_session_entry){0};
}
