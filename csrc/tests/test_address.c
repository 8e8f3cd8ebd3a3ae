/* One canonical form for both families, and the addresses that nothing is sent to (checklist A11). */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "address.h"
#include "check.h"

static struct rs_address address_of(const char *text, uint16_t port)
{
    struct sockaddr_storage from = {0};
    struct rs_address out;
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, text, &v4) == 1) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = v4};
        memcpy(&from, &in, sizeof in);
    } else {
        CHECK(inet_pton(AF_INET6, text, &v6) == 1);
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = v6};
        memcpy(&from, &in6, sizeof in6);
    }
    CHECK(rs_address_from_sockaddr(&from, &out) == RS_OK);
    return out;
}

static void test_ipv4_and_its_mapped_form_are_one_address(void)
{
    struct rs_address v4 = address_of("192.0.2.1", 3478), mapped = address_of("::ffff:192.0.2.1", 3478);
    struct rs_address other_port = address_of("192.0.2.1", 3479), other_ip = address_of("192.0.2.2", 3478);

    CHECK(rs_address_equal(&v4, &mapped));
    CHECK(rs_address_is_ipv4(mapped.ip));
    CHECK(!rs_address_equal(&v4, &other_port));
    CHECK(!rs_address_equal(&v4, &other_ip));
}

static void test_addresses_return_to_what_the_kernel_gave(void)
{
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "255.255.255.255", "::"};

    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct rs_address address = address_of(texts[i], 65535), again;
        struct sockaddr_storage to;
        socklen_t len;
        int family = rs_address_is_ipv4(address.ip) ? AF_INET : AF_INET6;
        CHECK(rs_address_to_sockaddr(&address, family, &to, &len) == RS_OK);
        CHECK(to.ss_family == family);
        CHECK(len == (family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)));
        CHECK(rs_address_from_sockaddr(&to, &again) == RS_OK);
        CHECK(rs_address_equal(&address, &again));
        CHECK(rs_address_to_sockaddr(&address, AF_INET6, &to, &len) == RS_OK);
        CHECK(rs_address_from_sockaddr(&to, &again) == RS_OK);
        CHECK(rs_address_equal(&address, &again));
    }
}

static void test_what_does_not_fit_is_refused(void)
{
    struct rs_address v6 = address_of("2001:db8::1", 1);
    struct sockaddr_storage to = {.ss_family = AF_UNIX};
    socklen_t len = 0;

    CHECK(rs_address_to_sockaddr(&v6, AF_INET, &to, &len) == RS_INVALID);
    CHECK(rs_address_to_sockaddr(&v6, AF_UNIX, &to, &len) == RS_INVALID);
    CHECK(len == 0);
    CHECK(rs_address_from_sockaddr(&to, &v6) == RS_INVALID);
}

static void test_denied_ranges_from_edge_to_edge(void)
{
    static const char *const denied[] = {
        "0.0.0.0",
        "0.255.255.255",
        "127.0.0.0",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.255.255",
        "224.0.0.0",
        "239.255.255.255",
        "255.255.255.255",
        "::",
        "::1",
        "::192.0.2.1",
        "::ffff:ffff",
        "fe80::",
        "fe80::1",
        "febf:ffff::",
        "ff00::",
        "ffff::1",
        "64:ff9b::",
        "64:ff9b::127.0.0.1",
        "2002::",
        "2002:7f00:1::1",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    };
    static const char *const allowed[] = {
        "1.0.0.0",  "126.255.255.255", "128.0.0.0",  "169.253.255.255", "169.255.0.0", "192.168.0.1",
        "10.0.0.1", "223.255.255.255", "::1:0:0",    "fe7f:ffff::1",    "fec0::1",     "feff::1",
        "fd00::1",  "64:ff9a::1",      "64:ff9c::1", "2001:db8::1",     "2003::1",
    };

    for (unsigned i = 0; i < sizeof denied / sizeof denied[0]; i++)
        CHECK(rs_address_is_denied(address_of(denied[i], 0).ip, 50000));
    for (unsigned i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        CHECK(!rs_address_is_denied(address_of(allowed[i], 0).ip, 50000));
        CHECK(!rs_address_is_denied(address_of(allowed[i], 0).ip, 1));
        CHECK(rs_address_is_denied(address_of(allowed[i], 0).ip, 0));
    }
}

int main(void)
{
    test_ipv4_and_its_mapped_form_are_one_address();
    test_addresses_return_to_what_the_kernel_gave();
    test_what_does_not_fit_is_refused();
    test_denied_ranges_from_edge_to_edge();
    return 0;
}
