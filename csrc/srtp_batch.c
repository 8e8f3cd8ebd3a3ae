#include "srtp_batch.h"

#include <string.h>

#include "classify.h"
#include "rtp.h"
#include "session_fetch.h"

#define ALIGNMENT 4u /* libsrtp reads headers as structs of 32-bit words */

_Static_assert(RS_UDP_PAYLOAD <= UINT16_MAX, "lengths within a datagram fit in 16 bits");

/* Behind a Simple Proxy Protocol header a packet is not aligned; the headroom is in front of it. */
static uint8_t *align(uint8_t *packet, size_t len)
{
    size_t beyond = (uintptr_t)packet % ALIGNMENT;
    return beyond == 0 ? packet : memmove(packet - beyond, packet, len);
}

static void write_header(const struct rs_rtp_header *header, struct rs_span payload, const struct rs_rtp_session *rtp,
                         struct rs_fact *fact)
{
    fact->timestamp = header->timestamp;
    fact->ssrc = header->ssrc;
    fact->sequence_number = header->sequence_number;
    fact->extension_profile = header->extension_profile;
    fact->header_length = (uint16_t)header->header_length;
    fact->extension_length = (uint16_t)header->extension_length;
    fact->payload_length = (uint16_t)payload.len;
    fact->payload_type = header->payload_type;
    fact->csrc_count = header->csrc_count;
    fact->has_marker = header->has_marker;
    fact->has_extension = header->has_extension;
    fact->audio_level = rtp == NULL ? RS_NO_AUDIO_LEVEL : rs_rtp_session_audio_level(rtp, header, payload);
}

/* Whether Python has something to learn of the packet. */
static bool take_rtp(const struct rs_session_entry *entry, uint64_t turn, const uint8_t *packet, struct rs_fact *fact,
                     double now, struct rs_echoes *echoes)
{
    struct rs_rtp_header header;
    struct rs_span payload;
    if (rs_rtp_parse(packet, fact->len, &header) != RS_DROP_NONE ||
        rs_rtp_payload(packet, fact->len, &header, &payload) != RS_DROP_NONE)
        return true; /* authentic, but broken: Python says why */
    fact->form = RS_FORM_RTP;
    bool is_wanted = rs_rtp_batch_take(entry, turn, fact, &header, payload, now, echoes);
    if (is_wanted)
        write_header(&header, payload, entry->rtp, fact);
    return is_wanted;
}

/* Likewise. */
static bool open_packet(const struct rs_session_entry *entry, uint64_t turn, struct rs_udp_batch *batch,
                        struct rs_fact *fact, double now, struct rs_echoes *echoes)
{
    uint8_t *packet = align((uint8_t *)batch + fact->offset, fact->len);
    size_t len = fact->len;
    fact->session = entry->session;
    fact->drop = (uint8_t)rs_srtp_unprotect(entry->srtp, fact->kind == RS_KIND_RTCP, packet, &len);
    if (fact->drop != RS_DROP_NONE)
        return true;
    fact->offset = (uint32_t)(packet - (uint8_t *)batch);
    fact->len = (uint32_t)len;
    fact->form = RS_FORM_PLAIN;
    return fact->kind != RS_KIND_RTP || take_rtp(entry, turn, packet, fact, now, echoes);
}

/* Likewise. */
static bool open_datagram(const struct rs_session_table *table, struct rs_udp_batch *batch, struct rs_fact *fact,
                          double now, struct rs_echoes *echoes)
{
    const struct rs_session_entry *entry = NULL;
    if (fact->drop == RS_DROP_NONE)
        entry = rs_session_table_find(table, &fact->path.client);
    if (entry == NULL)
        return true;
    if (fact->kind != RS_KIND_RTP && entry->rtp != NULL)
        entry->rtp->asked_in = table->batches;
    if (entry->srtp == NULL || (fact->kind != RS_KIND_RTP && fact->kind != RS_KIND_RTCP))
        return true;
    return open_packet(entry, table->batches, batch, fact, now, echoes);
}

size_t rs_srtp_batch_open(struct rs_session_table *table, struct rs_udp_batch *batch, struct rs_fact *facts,
                          size_t count, double now, struct rs_echoes *echoes)
{
    size_t kept = 0;
    table->batches++;
    echoes->count = 0;
    rs_session_fetch(table, facts, count);
    for (size_t i = 0; i < count; i++) {
        echoes->reserved = (uint32_t)(count - 1 - i);
        if (open_datagram(table, batch, &facts[i], now, echoes) && kept++ != i)
            facts[kept - 1] = facts[i];
    }
    return kept;
}

static enum rs_drop protect(struct rs_srtp *srtp, struct rs_datagram *slot)
{
    enum rs_kind kind;
    size_t len = slot->len;
    if (rs_classify(slot->data, len, &kind) != RS_DROP_NONE || (kind != RS_KIND_RTP && kind != RS_KIND_RTCP))
        return RS_DROP_SEND_FAILED;
    enum rs_drop drop = rs_srtp_protect(srtp, kind == RS_KIND_RTCP, slot->data, &len, RS_UDP_PAYLOAD);
    slot->len = (uint32_t)len;
    return drop == RS_DROP_NONE ? RS_DROP_NONE : RS_DROP_SEND_FAILED;
}

static void load(struct rs_datagram *slot, const uint8_t *octets, uint32_t len, struct rs_srtp *srtp)
{
    if (len > RS_UDP_PAYLOAD) {
        slot->len = 0;
        slot->drop = RS_DROP_OVERSIZE;
        return;
    }
    memcpy(slot->data, octets, len);
    slot->len = len;
    if (srtp != NULL)
        slot->drop = protect(srtp, slot);
}

enum rs_status rs_srtp_batch_load(struct rs_udp_batch *batch, const uint8_t *octets, size_t octets_len,
                                  const uint32_t *lengths, struct rs_srtp *const *srtp, size_t count)
{
    size_t left = octets_len;
    if (count > RS_UDP_BATCH)
        return RS_INVALID;
    for (size_t i = 0; i < count; i++) {
        if (left < lengths[i])
            return RS_INVALID;
        left -= lengths[i];
    }
    for (size_t i = 0; i < count; i++) {
        load(rs_udp_slot(batch, (unsigned)i), octets, lengths[i], srtp[i]);
        octets += lengths[i];
    }
    return RS_OK;
}

void rs_srtp_batch_describe(const struct rs_udp_batch *batch, const struct rs_path *paths, size_t count,
                            struct rs_fact *facts)
{
    for (size_t i = 0; i < count; i++) {
        const struct rs_datagram *slot = &batch->datagrams[i];
        enum rs_kind kind = RS_KIND_STUN;
        enum rs_drop drop = slot->drop != RS_DROP_NONE ? slot->drop : rs_classify(slot->data, slot->len, &kind);
        facts[i] = (struct rs_fact){
            .path = paths[i],
            .kind = (uint8_t)kind,
            .drop = (uint8_t)drop,
            .offset = (uint32_t)(slot->data - (const uint8_t *)batch),
            .len = slot->len,
        };
    }
}
