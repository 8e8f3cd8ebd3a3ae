/* Invariant: the ufrag that the relay routes by is the one that the transceiver reads, and no span leaves the message.
 */
#include "fuzz.h"

#include "stun.h"

static const struct rs_stun_attribute *first_username(const struct rs_stun_message *message)
{
    for (unsigned i = 0; i < message->count; i++)
        if (message->attributes[i].type == RS_STUN_USERNAME)
            return &message->attributes[i];
    return NULL;
}

/* Checklist B20 and B21, character by character. */
static bool is_routable(const uint8_t *name, size_t len)
{
    if (len < 26 || len > 508 || name[24] != ':')
        return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] == 0 || (name[i] == ':' && i != 24))
            return false;
    return true;
}

static void check_spans(const uint8_t *data, size_t size, const struct rs_stun_message *message)
{
    size_t end = RS_STUN_HEADER_SIZE;
    HOLDS(message->count <= RS_STUN_MAX_ATTRIBUTES);
    HOLDS(memcmp(message->transaction_id, data + 8, RS_STUN_TRANSACTION_ID_SIZE) == 0);
    for (unsigned i = 0; i < message->count; i++) {
        const struct rs_stun_attribute *attribute = &message->attributes[i];
        HOLDS(attribute->offset >= end + 4 && attribute->offset <= size);
        HOLDS(attribute->length <= size - attribute->offset);
        HOLDS(rs_read_u16be(data + attribute->offset - 4) == attribute->type);
        HOLDS(rs_read_u16be(data + attribute->offset - 2) == attribute->length);
        if (attribute->type == RS_STUN_FINGERPRINT)
            HOLDS(attribute->offset + 4 == size && i + 1u == message->count);
        end = attribute->offset + attribute->length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rs_stun_message message = {.count = 0xFFFF};
    struct rs_span ufrag = {.len = 99};
    enum rs_drop parsed = rs_stun_parse(data, size, &message);
    enum rs_drop routed = rs_stun_server_ufrag(data, size, &ufrag);
    HOLDS((parsed == RS_DROP_NONE) == (message.count != 0xFFFF));
    HOLDS((routed == RS_DROP_NONE) == (ufrag.len != 99));
    if (routed == RS_DROP_STUN_METHOD) {
        HOLDS(rs_stun_check_header(data, size) == RS_DROP_NONE && rs_read_u16be(data) != RS_STUN_BINDING_REQUEST);
    } else if (parsed != RS_DROP_NONE) {
        HOLDS(routed == parsed);
        return 0;
    }
    if (parsed != RS_DROP_NONE)
        return 0;
    check_spans(data, size, &message);
    if (routed == RS_DROP_STUN_METHOD)
        return 0;
    const struct rs_stun_attribute *username = first_username(&message);
    bool is_good = username != NULL && is_routable(data + username->offset, username->length);
    HOLDS(routed == (is_good ? RS_DROP_NONE : RS_DROP_USERNAME_INVALID));
    if (is_good)
        HOLDS(ufrag.data == data + username->offset && ufrag.len == RS_STUN_UFRAG_SIZE);
    return 0;
}
