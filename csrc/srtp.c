#include "srtp.h"

#include "classify.h"
#include "rtp.h"
#include "wire.h"

#define INDEX_SIZE 4u /* the E flag and the SRTCP index (RFC 3711 section 3.4) */
#define E_FLAG 0x80

/* srtp_err_status_t, libsrtp's srtp.h */
enum {
    STATUS_OK = 0,
    STATUS_BAD_PARAM = 2,
    STATUS_REPLAY_FAIL = 9,
    STATUS_REPLAY_OLD = 10,
    STATUS_PARSE_ERROR = 21,
    STATUS_INDEX_OLD = 26,
};

typedef int library_function(void *context, void *packet, int *len);

static int call(uintptr_t function, void *context, uint8_t *packet, size_t *len)
{
    int octets = (int)*len;
    int status = ((library_function *)function)(context, packet, &octets);
    if (status == STATUS_OK)
        *len = (size_t)octets;
    return status;
}

static enum rs_drop drop_of(int status)
{
    switch (status) {
    case STATUS_OK:
        return RS_DROP_NONE;
    case STATUS_REPLAY_FAIL:
    case STATUS_REPLAY_OLD:
    case STATUS_INDEX_OLD:
        return RS_DROP_SRTP_REPLAYED;
    case STATUS_BAD_PARAM:
    case STATUS_PARSE_ERROR:
        return RS_DROP_SRTP_MALFORMED;
    default: /* whatever else went wrong, the packet did not verify */
        return RS_DROP_SRTP_AUTH_FAILED;
    }
}

/* Octets of header that stay in the clear, by what the packet says; 0 where they leave it. */
static size_t clear_length(bool is_rtcp, const uint8_t *packet, size_t len)
{
    struct rs_rtp_header header;
    if (is_rtcp)
        return len >= RS_RTCP_MIN && packet[0] >> 6 == 2 ? RS_RTCP_MIN : 0;
    return rs_rtp_parse(packet, len, &header) == RS_DROP_NONE ? header.header_length : 0;
}

static bool is_known(const struct rs_srtp *srtp, uint32_t ssrc)
{
    for (uint32_t i = 0; i < srtp->source_count; i++)
        if (srtp->sources[i] == ssrc)
            return true;
    return false;
}

static enum rs_drop check_received(const struct rs_srtp *srtp, bool is_rtcp, const uint8_t *packet, size_t len)
{
    size_t clear = clear_length(is_rtcp, packet, len);
    size_t trailer = srtp->tag_length + (is_rtcp ? INDEX_SIZE : 0);
    if (clear == 0 || len - clear < trailer)
        return RS_DROP_SRTP_MALFORMED;
    size_t index_offset = INDEX_SIZE + (srtp->is_index_last ? 0 : srtp->tag_length);
    if (is_rtcp && !(packet[len - index_offset] & E_FLAG))
        return RS_DROP_SRTCP_UNENCRYPTED;
    return len > RS_SRTP_MAX_RECEIVED ? RS_DROP_OVERSIZE : RS_DROP_NONE;
}

enum rs_drop rs_srtp_unprotect(struct rs_srtp *srtp, bool is_rtcp, uint8_t *packet, size_t *len)
{
    enum rs_drop drop = check_received(srtp, is_rtcp, packet, *len);
    if (drop != RS_DROP_NONE)
        return drop;
    uint32_t ssrc = rs_read_u32be(packet + (is_rtcp ? 4 : 8));
    bool is_new = !is_known(srtp, ssrc);
    if (is_new && srtp->source_count == RS_SRTP_MAX_SOURCES)
        return RS_DROP_RTP_SOURCE_LIMIT;
    uintptr_t unprotect = is_rtcp ? srtp->library->unprotect_rtcp : srtp->library->unprotect;
    int status = call(unprotect, srtp->inbound, packet, len);
    if (status == STATUS_OK && is_new)
        srtp->sources[srtp->source_count++] = ssrc;
    return drop_of(status);
}

enum rs_drop rs_srtp_protect(struct rs_srtp *srtp, bool is_rtcp, uint8_t *packet, size_t *len, size_t room)
{
    if (clear_length(is_rtcp, packet, *len) == 0)
        return RS_DROP_SRTP_MALFORMED;
    if (room < *len || room - *len < RS_SRTP_MAX_TRAILER)
        return RS_DROP_OVERSIZE;
    uintptr_t protect = is_rtcp ? srtp->library->protect_rtcp : srtp->library->protect;
    return call(protect, srtp->outbound, packet, len) == STATUS_OK ? RS_DROP_NONE : RS_DROP_SEND_FAILED;
}
