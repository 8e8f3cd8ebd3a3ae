#include "session_fetch.h"

#include "drop.h"
#include "udp_batch.h"

#define LINE 64u
#define FEWEST 4 /* datagrams: below that there is hardly anything to wait for together */

/* State that every packet reads and writes begins its struct. */
#define RTP_OCTETS (offsetof(struct rs_rtp_session, codecs) + sizeof(struct rs_rtp_codec))
#define SRTP_OCTETS (offsetof(struct rs_srtp, sources) + sizeof(uint32_t))
#define ARRIVALS_OCTETS offsetof(struct rs_arrivals, ticks)
#define SOURCE_OCTETS offsetof(struct rs_rtp_source, received_prior)

static void fetch(const void *state, size_t octets)
{
    const char *first = state;
    for (size_t at = 0; at < octets; at += LINE)
        __builtin_prefetch(first + at, 1);
    __builtin_prefetch(first + octets - 1, 1); /* it may begin anywhere in a line */
}

void rs_session_fetch(const struct rs_session_table *table, const struct rs_fact *facts, size_t count)
{
    const struct rs_session_entry *homes[RS_UDP_BATCH];
    size_t sessions = 0;
    if (count < FEWEST || count > RS_UDP_BATCH)
        return;
    for (size_t i = 0; i < count; i++)
        if (facts[i].drop == RS_DROP_NONE) {
            homes[sessions] = rs_session_table_home(table, &facts[i].path.client);
            fetch(homes[sessions++], sizeof **homes);
        }
    for (size_t i = 0; i < sessions; i++) {
        if (homes[i]->rtp != NULL)
            fetch(homes[i]->rtp, RTP_OCTETS);
        if (homes[i]->srtp != NULL)
            fetch(homes[i]->srtp, SRTP_OCTETS);
    }
    for (size_t i = 0; i < sessions; i++) {
        if (homes[i]->rtp != NULL && homes[i]->rtp->source_count != 0)
            fetch(homes[i]->rtp->sources[0], SOURCE_OCTETS);
        if (homes[i]->rtp != NULL && homes[i]->rtp->arrivals != NULL)
            fetch(homes[i]->rtp->arrivals, ARRIVALS_OCTETS);
        if (homes[i]->srtp != NULL) {
            fetch(homes[i]->srtp->inbound, sizeof(void *));
            fetch(homes[i]->srtp->outbound, sizeof(void *));
        }
    }
}
