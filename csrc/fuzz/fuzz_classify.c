/* Invariant: a datagram has the kind that its first two octets and its length say, or a reason, and never both. */
#include "fuzz.h"

#include "classify.h"
#include "stun.h"

static size_t smallest(uint8_t first, uint8_t second)
{
    if (first < 4)
        return 20;
    if (first >= 20 && first < 64)
        return 13;
    return second >= 192 && second < 224 ? 8 : 12;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum rs_kind kind = (enum rs_kind)99;
    enum rs_drop drop = rs_classify(data, size, &kind);
    HOLDS((drop == RS_DROP_NONE) == (kind != (enum rs_kind)99));
    HOLDS(rs_classify_code(data, size) == (drop == RS_DROP_NONE ? (int)kind : -(int)drop));
    if (size < 2)
        HOLDS(drop == RS_DROP_TOO_SHORT || drop == RS_DROP_FIRST_OCTET);
    if (drop != RS_DROP_NONE)
        return 0;
    HOLDS(size >= smallest(data[0], data[1]));
    HOLDS((kind == RS_KIND_STUN) == (data[0] < 4));
    HOLDS((kind == RS_KIND_DTLS) == (data[0] >= 20 && data[0] < 64));
    HOLDS((kind == RS_KIND_RTP || kind == RS_KIND_RTCP) == (data[0] >= 128 && data[0] < 192));
    if (kind == RS_KIND_STUN)
        HOLDS(rs_stun_check_header(data, size) == RS_DROP_NONE);
    if (data[0] >= 128)
        HOLDS((kind == RS_KIND_RTCP) == (data[1] >= 192 && data[1] < 224));
    return 0;
}
