/* What the relay's tests have in common: loopback sockets, memory, a directory of one transceiver, a request to it. */
#ifndef RS_RELAY_PARTS_H
#define RS_RELAY_PARTS_H

#include <string.h>
#include <sys/time.h>

#include "check.h"
#include "relay.h"

enum { PARTS_KEY = 3, PARTS_CLUSTER = 1, PARTS_TRANSCEIVER = 2, PARTS_REQUEST = 56 };

static inline int open_socket(unsigned timeout_ms)
{
    const struct rs_address loopback = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, 0};
    const struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    struct sockaddr_storage name;
    socklen_t len = 0;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(rs_address_to_sockaddr(&loopback, AF_INET, &name, &len) == RS_OK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, len) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
    return fd;
}

static inline void *zeroed(size_t alignment, size_t size)
{
    void *memory = aligned_alloc(alignment, size);
    CHECK(size != 0 && memory != NULL);
    return memset(memory, 0, size);
}

static inline void *region_for(const struct rs_relay_settings *settings, size_t *size)
{
    *size = rs_relay_region_size(settings);
    return zeroed(64, *size);
}

static inline void make_keys(struct rs_hint_keys *keys)
{
    const uint8_t *tag = (const uint8_t *)"0123456789abcdef", *mask = (const uint8_t *)"fedcba9876543210";
    rs_hint_keys_init(keys);
    CHECK(rs_hint_keys_set(keys, PARTS_KEY, tag, mask) == RS_OK);
}

static inline struct rs_routing *routing_to(struct rs_address transceiver, const struct rs_hint_keys *keys,
                                            uint64_t generation)
{
    const struct rs_route route = {transceiver, PARTS_CLUSTER, PARTS_TRANSCEIVER, 1, 0, 0};
    const struct rs_network loopback = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}, 104};
    const struct rs_routing_parts parts = {
        .keys = keys, .routes = &route, .route_count = 1, .readmitted = &loopback, .readmitted_count = 1};
    size_t size = rs_routing_size(&parts);
    struct rs_routing *routing = zeroed(16, size);
    CHECK(rs_routing_init(routing, size, &parts, generation) == RS_OK);
    return routing;
}

/* A binding request: header, USERNAME with the hint, nothing else that a relay would look at. */
static inline void build_request(const struct rs_hint_keys *keys, uint8_t session, uint8_t out[PARTS_REQUEST])
{
    const uint8_t nonce[RS_HINT_NONCE_SIZE] = {session};
    const uint8_t head[24] = {0, 1, 0, 36, 0x21, 0x12, 0xa4, 0x42, [20] = 0, 6, 0, 29};
    memset(out, 0, PARTS_REQUEST);
    memcpy(out, head, sizeof head);
    CHECK(rs_hint_mint(keys, PARTS_KEY, PARTS_CLUSTER, PARTS_TRANSCEIVER, nonce, (char *)out + 24) == RS_OK);
    memcpy(out + 48, ":peer", 5);
}

#endif
