enum rs_kind { RS_KIND_STUN, RS_KIND_DTLS, RS_KIND_RTP, RS_KIND_RTCP };
int rs_classify_code(const uint8_t *data, size_t len);
