/* STUN walk and the way to the server ufrag (checklist B2, B4, B9, B20, B21, B22, B23). */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "stun.h"

#define UFRAG "EceMMyQBAgMEBQhiKJ1mhcEw"

struct builder {
    uint8_t data[70000];
    size_t len;
};

static void begin(struct builder *b, uint16_t type)
{
    memset(b, 0, RS_STUN_HEADER_SIZE);
    rs_write_u16be(b->data, type);
    rs_write_u32be(b->data + 4, RS_STUN_COOKIE);
    for (unsigned i = 0; i < RS_STUN_TRANSACTION_ID_SIZE; i++)
        b->data[8 + i] = (uint8_t)i;
    b->len = RS_STUN_HEADER_SIZE;
}

static void add(struct builder *b, uint16_t type, const void *value, size_t len)
{
    rs_write_u16be(b->data + b->len, type);
    rs_write_u16be(b->data + b->len + 2, (uint16_t)len);
    if (value != NULL)
        memcpy(b->data + b->len + 4, value, len);
    else
        memset(b->data + b->len + 4, 0x20, len);
    memset(b->data + b->len + 4 + len, 0xff, (4 - len % 4) % 4); /* padding is not looked at: B3 */
    b->len += 4 + (len + 3) / 4 * 4;
    rs_write_u16be(b->data + 2, (uint16_t)(b->len - RS_STUN_HEADER_SIZE));
}

/* Both readers on an exact allocation that starts `shift` octets after an aligned address. */
static enum rs_drop parse_at(const struct builder *b, size_t len, unsigned shift, struct rs_stun_message *message,
                             char ufrag[RS_STUN_UFRAG_SIZE], enum rs_drop *ufrag_drop)
{
    uint8_t *room = malloc(len + shift + 1);
    struct rs_span span;

    CHECK(room != NULL);
    uint8_t *copy = room + 1 + shift;
    memcpy(copy, b->data, len);
    enum rs_drop drop = rs_stun_parse(copy, len, message);
    *ufrag_drop = rs_stun_server_ufrag(copy, len, &span);
    if (*ufrag_drop == RS_DROP_NONE) {
        CHECK(span.len == RS_STUN_UFRAG_SIZE && span.data >= copy && span.data + span.len <= copy + len);
        memcpy(ufrag, span.data, span.len);
    }
    free(room);
    return drop;
}

static enum rs_drop parse(const struct builder *b, struct rs_stun_message *message)
{
    char ufrag[RS_STUN_UFRAG_SIZE];
    enum rs_drop ufrag_drop;
    enum rs_drop drop = parse_at(b, b->len, 0, message, ufrag, &ufrag_drop);

    if (drop != RS_DROP_NONE && rs_read_u16be(b->data) == RS_STUN_BINDING_REQUEST)
        CHECK(ufrag_drop == drop); /* what the one refuses, the other refuses */
    return drop;
}

static enum rs_drop username(const void *value, size_t len)
{
    static struct builder b;
    struct rs_stun_message message;
    char ufrag[RS_STUN_UFRAG_SIZE];
    enum rs_drop drop;

    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, RS_STUN_USERNAME, value, len);
    CHECK(parse_at(&b, b.len, 0, &message, ufrag, &drop) == RS_DROP_NONE);
    if (drop == RS_DROP_NONE)
        CHECK(memcmp(ufrag, value, RS_STUN_UFRAG_SIZE) == 0);
    return drop;
}

static void full_request(struct builder *b)
{
    begin(b, RS_STUN_BINDING_REQUEST);
    add(b, RS_STUN_USERNAME, UFRAG ":peer", 29);
    add(b, 0xC057, "\0\1\2\3", 4);
    add(b, 0x802A, NULL, 8);
    add(b, 0x0024, NULL, 4);
    add(b, RS_STUN_MESSAGE_INTEGRITY, NULL, 20);
    add(b, RS_STUN_FINGERPRINT, NULL, 4);
}

static void test_every_alignment_and_every_truncation(void)
{
    static struct builder b;
    struct rs_stun_message message;
    char ufrag[RS_STUN_UFRAG_SIZE];
    enum rs_drop drop;

    full_request(&b);
    for (unsigned shift = 0; shift < 8; shift++) {
        CHECK(parse_at(&b, b.len, shift, &message, ufrag, &drop) == RS_DROP_NONE && drop == RS_DROP_NONE);
        CHECK(message.count == 6 && message.type == RS_STUN_BINDING_REQUEST);
        CHECK(message.attributes[0].offset == 24 && message.attributes[0].length == 29);
        CHECK(message.transaction_id[11] == 11);
        CHECK(memcmp(ufrag, UFRAG, sizeof ufrag) == 0);
        for (size_t len = 0; len < b.len; len++)
            CHECK(parse_at(&b, len, shift, &message, ufrag, &drop) != RS_DROP_NONE && drop != RS_DROP_NONE);
    }
}

/* Cut anywhere, with a length field made to fit: accepted between attributes, refused inside them. */
static void test_truncation_with_a_fitting_length_field(void)
{
    static struct builder b;
    struct rs_stun_message whole, message;
    char ufrag[RS_STUN_UFRAG_SIZE];
    enum rs_drop drop;

    full_request(&b);
    CHECK(parse(&b, &whole) == RS_DROP_NONE);
    for (size_t len = RS_STUN_HEADER_SIZE; len < b.len; len++) {
        bool is_end = len == RS_STUN_HEADER_SIZE;
        for (unsigned i = 0; i < whole.count; i++)
            is_end |= len == whole.attributes[i].offset + (whole.attributes[i].length + 3u) / 4 * 4;
        rs_write_u16be(b.data + 2, (uint16_t)(len - RS_STUN_HEADER_SIZE));
        CHECK((parse_at(&b, len, 0, &message, ufrag, &drop) == RS_DROP_NONE) == is_end);
        CHECK(is_end || drop == RS_DROP_STUN_MALFORMED);
    }
}

static void test_attributes_that_leave_the_message_are_refused(void)
{
    static const uint16_t lengths[] = {5, 8, 0xff, 0x7fff, 0x8000, 0xfffc, 0xfffd, 0xfffe, 0xffff};
    static struct builder b;
    struct rs_stun_message message;

    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        begin(&b, RS_STUN_BINDING_REQUEST);
        add(&b, 0x8022, NULL, 4);
        rs_write_u16be(b.data + RS_STUN_HEADER_SIZE + 2, lengths[i]);
        CHECK(parse(&b, &message) == RS_DROP_STUN_MALFORMED);
    }
    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, 0x8022, NULL, 0);
    CHECK(parse(&b, &message) == RS_DROP_NONE && message.count == 1 && message.attributes[0].length == 0);
    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, 0x8022, NULL, 65531);
    CHECK(b.len == RS_STUN_HEADER_SIZE + 65536); /* one more than the length field can say */
    CHECK(parse(&b, &message) == RS_DROP_STUN_MALFORMED);
    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, 0x8022, NULL, 65528);
    CHECK(parse(&b, &message) == RS_DROP_NONE);
}

static void test_sixty_four_attributes_and_no_more(void)
{
    static struct builder b;
    struct rs_stun_message message;

    begin(&b, RS_STUN_BINDING_REQUEST);
    for (unsigned n = 1; n <= 345; n++) {
        add(&b, 0x8022, NULL, 0);
        enum rs_drop drop = parse(&b, &message);
        CHECK(drop == (n <= RS_STUN_MAX_ATTRIBUTES ? RS_DROP_NONE : RS_DROP_STUN_MALFORMED));
        CHECK(drop != RS_DROP_NONE || message.count == n);
    }
}

static void test_only_the_first_username_counts(void)
{
    static struct builder b;
    struct rs_stun_message message;
    char ufrag[RS_STUN_UFRAG_SIZE];
    enum rs_drop drop;

    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, RS_STUN_USERNAME, "AAAAAAAAAAAAAAAAAAAAAAAA:p", 26);
    add(&b, RS_STUN_USERNAME, "BBBBBBBBBBBBBBBBBBBBBBBB:p", 26);
    CHECK(parse_at(&b, b.len, 0, &message, ufrag, &drop) == RS_DROP_NONE && drop == RS_DROP_NONE);
    CHECK(message.count == 2 && ufrag[0] == 'A');
    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, RS_STUN_USERNAME, NULL, 0);
    add(&b, RS_STUN_USERNAME, UFRAG ":p", 26);
    CHECK(parse_at(&b, b.len, 0, &message, ufrag, &drop) == RS_DROP_NONE && drop == RS_DROP_USERNAME_INVALID);
}

static void test_what_follows_message_integrity_is_passed_over(void)
{
    static struct builder b;
    struct rs_stun_message message;
    char ufrag[RS_STUN_UFRAG_SIZE];
    enum rs_drop drop;

    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, RS_STUN_MESSAGE_INTEGRITY, NULL, 20);
    add(&b, RS_STUN_USERNAME, UFRAG ":p", 26);
    add(&b, 0x0025, NULL, 0);
    add(&b, RS_STUN_MESSAGE_INTEGRITY_SHA256, NULL, 32);
    add(&b, RS_STUN_MESSAGE_INTEGRITY, NULL, 20);
    add(&b, RS_STUN_FINGERPRINT, NULL, 4);
    CHECK(parse_at(&b, b.len, 0, &message, ufrag, &drop) == RS_DROP_NONE && drop == RS_DROP_USERNAME_INVALID);
    CHECK(message.count == 3);
    CHECK(message.attributes[1].type == RS_STUN_MESSAGE_INTEGRITY_SHA256);
    CHECK(message.attributes[2].type == RS_STUN_FINGERPRINT);
    /* and is still held to the format */
    rs_write_u16be(b.data + RS_STUN_HEADER_SIZE + 24 + 2, 0xfff0);
    CHECK(parse(&b, &message) == RS_DROP_STUN_MALFORMED);
}

static void test_lengths_of_integrity_and_place_of_fingerprint(void)
{
    static struct builder b;
    struct rs_stun_message message;

    for (size_t len = 0; len < 64; len++) {
        begin(&b, RS_STUN_BINDING_REQUEST);
        add(&b, RS_STUN_MESSAGE_INTEGRITY, NULL, len);
        CHECK(parse(&b, &message) == (len == 20 ? RS_DROP_NONE : RS_DROP_STUN_MALFORMED));
        begin(&b, RS_STUN_BINDING_REQUEST);
        add(&b, RS_STUN_FINGERPRINT, NULL, len);
        CHECK(parse(&b, &message) == (len == 4 ? RS_DROP_NONE : RS_DROP_STUN_FINGERPRINT));
    }
    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, RS_STUN_FINGERPRINT, NULL, 4);
    add(&b, 0x8022, NULL, 0);
    CHECK(parse(&b, &message) == RS_DROP_STUN_FINGERPRINT);
}

static void test_only_a_fingerprint_counts_after_integrity_by_sha256(void)
{
    static struct builder b;
    struct rs_stun_message message;

    begin(&b, RS_STUN_BINDING_REQUEST);
    add(&b, RS_STUN_MESSAGE_INTEGRITY_SHA256, NULL, 32);
    add(&b, RS_STUN_MESSAGE_INTEGRITY_SHA256, NULL, 32);
    add(&b, RS_STUN_MESSAGE_INTEGRITY, NULL, 20);
    add(&b, RS_STUN_USERNAME, UFRAG ":p", 26);
    add(&b, RS_STUN_FINGERPRINT, NULL, 4);
    CHECK(parse(&b, &message) == RS_DROP_NONE && message.count == 2);
    CHECK(message.attributes[1].type == RS_STUN_FINGERPRINT);
}

static void test_first_octets_above_3_are_no_stun(void)
{
    static struct builder b;
    struct rs_stun_message message;

    for (unsigned type = 0; type < 0x10000; type += 0x100) {
        begin(&b, (uint16_t)(type | 1));
        CHECK(parse(&b, &message) == (type < 0x400 ? RS_DROP_NONE : RS_DROP_STUN_MALFORMED));
    }
}

static void test_usernames(void)
{
    char long_name[600];

    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name, UFRAG ":", 25);
    for (size_t len = 0; len < sizeof long_name; len++)
        CHECK((username(long_name, len) == RS_DROP_NONE) == (len >= 26 && len <= 508));
    CHECK(username(":x", 2) == RS_DROP_USERNAME_INVALID);
    CHECK(username("x:", 2) == RS_DROP_USERNAME_INVALID);
    CHECK(username("x", 1) == RS_DROP_USERNAME_INVALID);
    CHECK(username("x:y:z", 5) == RS_DROP_USERNAME_INVALID);
    CHECK(username(UFRAG ":a:b", 28) == RS_DROP_USERNAME_INVALID);
    CHECK(username(UFRAG ":a\0b", 28) == RS_DROP_USERNAME_INVALID);
    CHECK(username(UFRAG "::", 26) == RS_DROP_USERNAME_INVALID);
    CHECK(username("EceM:yQBAgMEBQhiKJ1mhcEw:peer", 29) == RS_DROP_USERNAME_INVALID);
    CHECK(username(UFRAG "x:peer", 30) == RS_DROP_USERNAME_INVALID);
    CHECK(username(UFRAG ":\xc3\xa9\xff", 28) == RS_DROP_NONE);
}

static void test_other_types_have_no_ufrag(void)
{
    static const uint16_t types[] = {0x0000, 0x0011, 0x0101, 0x0111, 0x0003, 0x0004, 0x0006, 0x3fff};
    static struct builder b;
    struct rs_stun_message message;
    char ufrag[RS_STUN_UFRAG_SIZE];
    enum rs_drop drop;

    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        begin(&b, types[i] & 0x3ff);
        add(&b, RS_STUN_USERNAME, UFRAG ":p", 26);
        CHECK(parse_at(&b, b.len, 0, &message, ufrag, &drop) == RS_DROP_NONE && drop == RS_DROP_STUN_METHOD);
        CHECK(message.type == (types[i] & 0x3ff));
    }
}

int main(void)
{
    test_every_alignment_and_every_truncation();
    test_truncation_with_a_fitting_length_field();
    test_attributes_that_leave_the_message_are_refused();
    test_sixty_four_attributes_and_no_more();
    test_only_the_first_username_counts();
    test_what_follows_message_integrity_is_passed_over();
    test_lengths_of_integrity_and_place_of_fingerprint();
    test_only_a_fingerprint_counts_after_integrity_by_sha256();
    test_first_octets_above_3_are_no_stun();
    test_usernames();
    test_other_types_have_no_ufrag();
    return 0;
}
