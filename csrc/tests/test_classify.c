/* First octets and smallest lengths (checklist A1 to A4). Inputs are exact allocations, so that the sanitizer sees any
 * read beyond them. */
#include <string.h>

#include "check.h"
#include "classify.h"

static enum rs_drop classify_copy(const uint8_t *data, size_t len, enum rs_kind *kind)
{
    uint8_t *copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    enum rs_drop drop = rs_classify(copy, len, kind);
    free(copy);
    return drop;
}

static void test_each_first_octet_has_its_class(void)
{
    unsigned carried = 0;

    for (unsigned first = 0; first < 256; first++) {
        uint8_t data[RS_STUN_MIN] = {(uint8_t)first, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
        enum rs_kind kind = (enum rs_kind)99;
        enum rs_drop drop = classify_copy(data, sizeof data, &kind);
        if (first <= 3)
            CHECK(drop == RS_DROP_NONE && kind == RS_KIND_STUN);
        else if (first >= 20 && first <= 63)
            CHECK(drop == RS_DROP_NONE && kind == RS_KIND_DTLS);
        else if (first >= 128 && first <= 191)
            CHECK(drop == RS_DROP_NONE && kind == RS_KIND_RTP);
        else
            CHECK(drop == RS_DROP_FIRST_OCTET && kind == (enum rs_kind)99);
        carried += drop == RS_DROP_NONE;
    }
    CHECK(carried == 112);
}

static void test_short_datagrams_of_each_class(void)
{
    static const struct {
        uint8_t first, second;
        size_t least;
    } classes[] = {{0, 1, RS_STUN_MIN}, {22, 254, RS_DTLS_MIN}, {128, 96, RS_RTP_MIN}, {128, 200, RS_RTCP_MIN}};

    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++)
        for (size_t len = 0; len <= 64; len++) {
            uint8_t data[64] = {classes[i].first, classes[i].second, 0, (uint8_t)(len - 20), 0x21, 0x12, 0xa4, 0x42};
            enum rs_kind kind;
            enum rs_drop drop = classify_copy(data, len, &kind);
            CHECK((drop == RS_DROP_TOO_SHORT) == (len < classes[i].least));
        }
}

static void test_second_octet_parts_rtp_from_rtcp(void)
{
    for (unsigned second = 0; second < 256; second++) {
        uint8_t data[RS_RTP_MIN] = {0x80, (uint8_t)second};
        enum rs_kind kind;
        CHECK(classify_copy(data, sizeof data, &kind) == RS_DROP_NONE);
        CHECK(kind == (second >= 192 && second <= 223 ? RS_KIND_RTCP : RS_KIND_RTP));
    }
}

static void test_stun_needs_cookie_and_length(void)
{
    const uint8_t good[24] = {0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42};
    enum rs_kind kind;

    CHECK(classify_copy(good, sizeof good, &kind) == RS_DROP_NONE);
    for (unsigned octet = 2; octet < 8; octet++) {
        uint8_t bad[24];
        memcpy(bad, good, sizeof bad);
        bad[octet] ^= 4;
        CHECK(classify_copy(bad, sizeof bad, &kind) == RS_DROP_STUN_MALFORMED);
    }
    uint8_t odd[23] = {0, 1, 0, 3, 0x21, 0x12, 0xa4, 0x42};
    CHECK(classify_copy(odd, sizeof odd, &kind) == RS_DROP_STUN_MALFORMED);
}

int main(void)
{
    test_each_first_octet_has_its_class();
    test_short_datagrams_of_each_class();
    test_second_octet_parts_rtp_from_rtcp();
    test_stun_needs_cookie_and_length();
    return 0;
}
