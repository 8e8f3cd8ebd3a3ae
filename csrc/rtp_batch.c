#include "rtp_batch.h"

#include <string.h>

/* The last packet that keys may protect ends the session, so it is Python's to send. */
static bool may_send_back(const struct rs_srtp *srtp)
{
    return srtp->rtp_count < RS_SRTP_MAX_RTP_PACKETS - 1 && srtp->rtcp_count < RS_SRTP_MAX_RTCP_PACKETS;
}

static bool may_report(const struct rs_srtp *srtp)
{
    return srtp->rtp_count < RS_SRTP_MAX_RTP_PACKETS && srtp->rtcp_count < RS_SRTP_MAX_RTCP_PACKETS - 1;
}

static bool may_take(const struct rs_session_entry *entry, uint64_t turn, const struct rs_fact *fact)
{
    const struct rs_rtp_session *rtp = entry->rtp;
    return rtp->is_open && rtp->asked_in != turn && memcmp(&rtp->path, &fact->path, sizeof fact->path) == 0 &&
           (!rtp->echoes || may_send_back(entry->srtp));
}

/* Protects what is in the next slot, and has it sent to where the session's media goes. */
static void put(const struct rs_session_entry *entry, bool is_rtcp, size_t len, double now, struct rs_echoes *echoes)
{
    struct rs_datagram *slot = &echoes->batch->datagrams[echoes->count];
    *(is_rtcp ? &entry->srtp->rtcp_count : &entry->srtp->rtp_count) += 1;
    if (rs_srtp_protect(entry->srtp, is_rtcp, slot->data, &len, RS_UDP_PAYLOAD) != RS_DROP_NONE)
        slot->drop = RS_DROP_SEND_FAILED;
    else if (!is_rtcp && entry->rtp->sent != NULL)
        rs_sent_packets_keep(entry->rtp->sent, slot->data, len, now);
    slot->len = (uint32_t)len;
    echoes->paths[echoes->count++] = &entry->rtp->path;
    entry->rtp->sent_at = now;
}

static void send_back(const struct rs_session_entry *entry, const struct rs_rtp_header *header, struct rs_span payload,
                      double now, struct rs_echoes *echoes)
{
    uint8_t *packet = rs_udp_slot(echoes->batch, echoes->count)->data;
    size_t len = rs_rtp_session_echo(entry->rtp, header->payload_type, header->has_marker, header->timestamp, payload,
                                     now, packet);
    if (len != 0)
        put(entry, false, len, now, echoes);
}

/* Says when packets came, where that is due. A batch that may need its slots for echoes leaves it to the next packet.
 */
static void send_feedback(const struct rs_session_entry *entry, double now, struct rs_echoes *echoes)
{
    if (echoes->count + echoes->reserved >= RS_UDP_BATCH || !may_report(entry->srtp))
        return;
    size_t len = rs_rtp_session_feedback(entry->rtp, now, rs_udp_slot(echoes->batch, echoes->count)->data);
    if (len != 0)
        put(entry, true, len, now, echoes);
}

bool rs_rtp_batch_take(const struct rs_session_entry *entry, uint64_t turn, struct rs_fact *fact,
                       struct rs_rtp_header *header, struct rs_span payload, double now, struct rs_echoes *echoes)
{
    struct rs_rtp_session *rtp = entry->rtp;
    if (rtp == NULL)
        return true;
    enum rs_rtp_verdict verdict =
        may_take(entry, turn, fact) ? rs_rtp_session_receive(rtp, header, payload, now) : RS_RTP_ASK;
    if (verdict == RS_RTP_ASK) {
        rtp->asked_in = turn;
        return true;
    }
    if (verdict == RS_RTP_ON_PROBATION) {
        fact->drop = RS_DROP_RTP_PROBATION;
        return true;
    }
    if (rtp->echoes)
        send_back(entry, header, payload, now, echoes);
    if (rtp->reports_arrivals)
        send_feedback(entry, now, echoes);
    fact->has_news = rtp->has_news;
    fact->form = rtp->delivers ? RS_FORM_TAKEN : RS_FORM_NEWS;
    rtp->has_news = 0;
    return rtp->delivers || fact->has_news;
}
