#include "stun.h"

#include <stdbool.h>
#include <string.h>

/* Where a walk over the attributes stands. `left` counts the octets from `at` to the end of the message. */
struct walk {
    const uint8_t *data;
    size_t at;
    size_t left;
    unsigned walked;
    uint16_t seal; /* the integrity attribute that was passed, 0 before */
};

/* Whether an attribute that follows the integrity attribute `seal` still counts. */
static bool counts_after(uint16_t seal, uint16_t type)
{
    if (seal == 0 || type == RS_STUN_FINGERPRINT)
        return true;
    return seal == RS_STUN_MESSAGE_INTEGRITY && type == RS_STUN_MESSAGE_INTEGRITY_SHA256;
}

/* Steps over one attribute, which the caller knows to exist (`left` > 0). The message length is a multiple of 4, and so
 * is each step: 4 octets of attribute header are always there. */
static enum rs_drop step(struct walk *walk, struct rs_stun_attribute *out, bool *counts)
{
    const uint8_t *p = walk->data + walk->at;
    uint16_t type = rs_read_u16be(p);
    uint16_t length = rs_read_u16be(p + 2);
    size_t padded = ((size_t)length + 3u) & ~(size_t)3u;

    if (walk->left - 4 < padded || walk->walked == RS_STUN_MAX_ATTRIBUTES)
        return RS_DROP_STUN_MALFORMED;
    *out = (struct rs_stun_attribute){.type = type, .length = length, .offset = (uint32_t)walk->at + 4};
    *counts = counts_after(walk->seal, type);
    walk->walked++;
    walk->at += 4 + padded;
    walk->left -= 4 + padded;
    if (type == RS_STUN_FINGERPRINT)
        return walk->left == 0 && length == 4 ? RS_DROP_NONE : RS_DROP_STUN_FINGERPRINT;
    if (*counts && (type == RS_STUN_MESSAGE_INTEGRITY || type == RS_STUN_MESSAGE_INTEGRITY_SHA256)) {
        if (type == RS_STUN_MESSAGE_INTEGRITY && length != 20)
            return RS_DROP_STUN_MALFORMED;
        walk->seal = type;
    }
    return RS_DROP_NONE;
}

enum rs_drop rs_stun_check_header(const uint8_t *data, size_t len)
{
    if (len < RS_STUN_HEADER_SIZE)
        return RS_DROP_TOO_SHORT;
    size_t body = len - RS_STUN_HEADER_SIZE;
    if (data[0] > 3 || body % 4 != 0 || rs_read_u16be(data + 2) != body || rs_read_u32be(data + 4) != RS_STUN_COOKIE)
        return RS_DROP_STUN_MALFORMED;
    return RS_DROP_NONE;
}

enum rs_drop rs_stun_parse(const uint8_t *data, size_t len, struct rs_stun_message *out)
{
    enum rs_drop drop = rs_stun_check_header(data, len);
    if (drop != RS_DROP_NONE)
        return drop;
    struct rs_stun_attribute attributes[RS_STUN_MAX_ATTRIBUTES];
    uint16_t count = 0;
    struct walk walk = {.data = data, .at = RS_STUN_HEADER_SIZE, .left = len - RS_STUN_HEADER_SIZE};
    while (walk.left > 0) {
        struct rs_stun_attribute attribute;
        bool counts;
        drop = step(&walk, &attribute, &counts);
        if (drop != RS_DROP_NONE)
            return drop;
        if (counts)
            attributes[count++] = attribute;
    }
    out->type = rs_read_u16be(data);
    out->count = count;
    memcpy(out->transaction_id, data + 8, RS_STUN_TRANSACTION_ID_SIZE);
    memcpy(out->attributes, attributes, count * sizeof attributes[0]);
    return RS_DROP_NONE;
}

static bool is_username_for_us(const uint8_t *username, size_t len)
{
    if (len < RS_STUN_UFRAG_SIZE + 2 || len > RS_STUN_USERNAME_MAX)
        return false;
    const uint8_t *rest = username + RS_STUN_UFRAG_SIZE + 1;
    return memchr(username, ':', len) == rest - 1 && memchr(rest, ':', len - RS_STUN_UFRAG_SIZE - 1) == NULL &&
           memchr(username, 0, len) == NULL;
}

enum rs_drop rs_stun_server_ufrag(const uint8_t *data, size_t len, struct rs_span *ufrag)
{
    enum rs_drop drop = rs_stun_check_header(data, len);
    if (drop != RS_DROP_NONE)
        return drop;
    if (rs_read_u16be(data) != RS_STUN_BINDING_REQUEST)
        return RS_DROP_STUN_METHOD;
    struct rs_span username = {NULL, 0};
    struct walk walk = {.data = data, .at = RS_STUN_HEADER_SIZE, .left = len - RS_STUN_HEADER_SIZE};
    while (walk.left > 0) {
        struct rs_stun_attribute attribute;
        bool counts;
        drop = step(&walk, &attribute, &counts);
        if (drop != RS_DROP_NONE)
            return drop;
        if (counts && attribute.type == RS_STUN_USERNAME && username.data == NULL)
            username = (struct rs_span){data + attribute.offset, attribute.length};
    }
    if (username.data == NULL || !is_username_for_us(username.data, username.len))
        return RS_DROP_USERNAME_INVALID;
    *ufrag = (struct rs_span){username.data, RS_STUN_UFRAG_SIZE};
    return RS_DROP_NONE;
}
