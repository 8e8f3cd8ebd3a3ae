/* A batch's flows are fetched into the cache before the first of them is looked up. With 100,000 flows each look-up is
 * two cache misses, which wait for each other where they are met one datagram after the other. */
#include "relay_worker.h"
#include "spp.h"

#define FEWEST 4 /* datagrams: below that there is hardly anything to wait for together */

/* The client that a datagram is from or for, false: it has none. */
static bool read_client(const struct rs_datagram *datagram, bool has_header, struct rs_address *out)
{
    struct rs_address proxy;
    if (has_header)
        return rs_spp_parse(datagram->data, datagram->len, out, &proxy) == RS_DROP_NONE;
    *out = datagram->peer;
    return true;
}

void rs_relay_fetch_flows(const struct rs_relay_worker *worker, enum rs_direction direction,
                          const struct rs_datagram *datagrams, unsigned count)
{
    bool has_header = direction == RS_DOWNLINK || worker->serves_relays;
    uint64_t hashes[RS_UDP_BATCH];
    unsigned clients = 0;
    if (count < FEWEST)
        return;
    for (unsigned i = 0; i < count; i++) {
        struct rs_address client;
        if (datagrams[i].drop != RS_DROP_NONE || !read_client(&datagrams[i], has_header, &client))
            continue;
        hashes[clients] = rs_flow_hash(worker->relay->secret, &client);
        rs_flow_table_fetch_tags(worker->confirmed, hashes[clients++]);
    }
    for (unsigned i = 0; i < clients; i++)
        rs_flow_table_fetch_slot(worker->confirmed, hashes[i]);
}
