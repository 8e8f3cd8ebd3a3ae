enum rs_kind { RS_KIND_STUN, RS_KIND_DTLS, RS_KIND_RTP, RS_KIND_RTCP };
enum rs_drop rs_classify(const uint8_t *data, size_t len, enum rs_kind *out);
