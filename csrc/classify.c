#include "classify.h"

#include "stun.h"

_Static_assert(RS_STUN_MIN == RS_STUN_HEADER_SIZE, "one STUN header size");

static enum rs_drop classify_media(const uint8_t *data, size_t len, enum rs_kind *out)
{
    if (len < RS_RTCP_MIN)
        return RS_DROP_TOO_SHORT;
    if (data[1] >= 192 && data[1] <= 223) {
        *out = RS_KIND_RTCP;
        return RS_DROP_NONE;
    }
    if (len < RS_RTP_MIN)
        return RS_DROP_TOO_SHORT;
    *out = RS_KIND_RTP;
    return RS_DROP_NONE;
}

enum rs_drop rs_classify(const uint8_t *data, size_t len, enum rs_kind *out)
{
    if (len == 0)
        return RS_DROP_TOO_SHORT;
    uint8_t first = data[0];
    if (first >= 128 && first <= 191)
        return classify_media(data, len, out);
    if (first >= 20 && first <= 63) {
        if (len < RS_DTLS_MIN)
            return RS_DROP_TOO_SHORT;
        *out = RS_KIND_DTLS;
        return RS_DROP_NONE;
    }
    if (first > 3)
        return RS_DROP_FIRST_OCTET;
    enum rs_drop drop = rs_stun_check_header(data, len);
    if (drop == RS_DROP_NONE)
        *out = RS_KIND_STUN;
    return drop;
}
