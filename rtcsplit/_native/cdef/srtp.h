#define RS_SRTP_MAX_SOURCES ...
#define RS_SRTP_MAX_RECEIVED ...
#define RS_SRTP_MAX_TRAILER ...
#define RS_SRTP_MAX_RTP_PACKETS ...
#define RS_SRTP_MAX_RTCP_PACKETS ...

struct rs_srtp_library {
    uintptr_t protect;
    uintptr_t protect_rtcp;
    uintptr_t unprotect;
    uintptr_t unprotect_rtcp;
};
struct rs_srtp {
    const struct rs_srtp_library *library;
    void *outbound;
    void *inbound;
    uint32_t tag_length;
    bool is_index_last;
    uint32_t source_count;
    uint64_t rtp_count;
    uint64_t rtcp_count;
    ...;
};
enum rs_drop rs_srtp_unprotect(struct rs_srtp *srtp, bool is_rtcp, uint8_t *packet, size_t *len);
enum rs_drop rs_srtp_protect(struct rs_srtp *srtp, bool is_rtcp, uint8_t *packet, size_t *len, size_t room);
