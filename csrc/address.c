#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool rs_address_is_ipv4(const uint8_t ip[RS_ADDRESS_IP_SIZE])
{
    return memcmp(ip, mapped_prefix, sizeof mapped_prefix) == 0;
}

enum rs_status rs_address_from_sockaddr(const struct sockaddr_storage *from, struct rs_address *out)
{
    if (from->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        memcpy(out->ip, mapped_prefix, sizeof mapped_prefix);
        memcpy(out->ip + sizeof mapped_prefix, &v4.sin_addr, 4);
        out->port = ntohs(v4.sin_port);
        return RS_OK;
    }
    if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof v6);
        memcpy(out->ip, &v6.sin6_addr, RS_ADDRESS_IP_SIZE);
        out->port = ntohs(v6.sin6_port);
        return RS_OK;
    }
    return RS_INVALID;
}

enum rs_status rs_address_to_sockaddr(const struct rs_address *address, int family, struct sockaddr_storage *out,
                                      socklen_t *len)
{
    if (family == AF_INET && rs_address_is_ipv4(address->ip)) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&v4.sin_addr, address->ip + sizeof mapped_prefix, 4);
        memcpy(out, &v4, sizeof v4);
        *len = sizeof v4;
        return RS_OK;
    }
    if (family == AF_INET6) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
        memcpy(&v6.sin6_addr, address->ip, RS_ADDRESS_IP_SIZE);
        memcpy(out, &v6, sizeof v6);
        *len = sizeof v6;
        return RS_OK;
    }
    return RS_INVALID;
}

static bool is_denied_ipv4(const uint8_t v4[4])
{
    return v4[0] == 0 || v4[0] == 127 || v4[0] >= 224 || (v4[0] == 169 && v4[1] == 254);
}

bool rs_address_is_denied(const uint8_t ip[RS_ADDRESS_IP_SIZE], uint16_t port)
{
    static const uint8_t zeros[12] = {0};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

    if (port == 0)
        return true;
    if (rs_address_is_ipv4(ip))
        return is_denied_ipv4(ip + sizeof mapped_prefix);
    return memcmp(ip, zeros, sizeof zeros) == 0 || memcmp(ip, nat64, sizeof nat64) == 0 || ip[0] == 0xff ||
           (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) || (ip[0] == 0x20 && ip[1] == 0x02);
}
