/* The C parsers in loops of their own: what a datagram costs when Python is crossed once per batch, as the relay and
 * the transceiver do, and not once per datagram.
 *
 * Each loop runs over `count` datagrams `repeats` times and answers how many were accepted. Datagram i is octets
 * [offsets[i], offsets[i + 1]). The parsers are compiled apart from this file and not inlined into it, as in the
 * extension. Built into build/bench/ by `make bench`, loaded by benchmarks/native_loops.py. */
#include <string.h>

#include "address.h"
#include "classify.h"
#include "hint.h"
#include "rtp.h"
#include "siphash.h"
#include "stun.h"

struct datagrams {
    const uint8_t *octets;
    const uint32_t *offsets;
    size_t count;
    size_t repeats;
};

static const uint8_t *datagram(const struct datagrams *in, size_t i, size_t *len)
{
    *len = in->offsets[i + 1] - in->offsets[i];
    return in->octets + in->offsets[i];
}

/* Kind, then what finds the session: the ufrag of a binding request, else the client's address in canonical form and
 * its hash, as the relay's flow table takes them. */
static bool demultiplex(const uint8_t *data, size_t len, const struct sockaddr_storage *from, volatile uint64_t *sink)
{
    static const uint8_t secret[RS_SIPHASH_KEY_SIZE] = {1, 2, 3};
    struct rs_address client;
    struct rs_span ufrag;
    enum rs_kind kind;
    if (rs_classify(data, len, &kind) != RS_DROP_NONE)
        return false;
    if (kind == RS_KIND_STUN)
        return rs_stun_server_ufrag(data, len, &ufrag) == RS_DROP_NONE;
    if (rs_address_from_sockaddr(from, &client) != RS_OK)
        return false;
    *sink = rs_siphash24(secret, (const uint8_t *)&client, sizeof client);
    return true;
}

size_t loop_demultiplex(const struct datagrams *in, const struct sockaddr_storage *from)
{
    volatile uint64_t sink;
    size_t accepted = 0, len;
    for (size_t n = 0; n < in->repeats; n++)
        for (size_t i = 0; i < in->count; i++) {
            const uint8_t *data = datagram(in, i, &len);
            accepted += demultiplex(data, len, from, &sink);
        }
    return accepted;
}

size_t loop_server_ufrag(const struct datagrams *in)
{
    struct rs_span ufrag;
    size_t accepted = 0, len;
    for (size_t n = 0; n < in->repeats; n++)
        for (size_t i = 0; i < in->count; i++) {
            const uint8_t *data = datagram(in, i, &len);
            accepted += rs_stun_server_ufrag(data, len, &ufrag) == RS_DROP_NONE;
        }
    return accepted;
}

/* `keys` are K_tag and K_mask of ids 1 and 2, one behind the other. */
size_t loop_hint_open(const struct datagrams *in, const uint8_t *keys)
{
    struct rs_hint_keys ring;
    struct rs_hint hint;
    size_t accepted = 0, len;
    rs_hint_keys_init(&ring);
    for (unsigned id = 1; id <= 2; id++, keys += 2 * RS_SIPHASH_KEY_SIZE)
        rs_hint_keys_set(&ring, id, keys, keys + RS_SIPHASH_KEY_SIZE);
    for (size_t n = 0; n < in->repeats; n++)
        for (size_t i = 0; i < in->count; i++) {
            const uint8_t *data = datagram(in, i, &len);
            accepted += rs_hint_open(&ring, data, len, &hint) == RS_OK;
        }
    return accepted;
}

size_t loop_rtp_parse(const struct datagrams *in)
{
    struct rs_rtp_packet packet;
    size_t accepted = 0, len;
    for (size_t n = 0; n < in->repeats; n++)
        for (size_t i = 0; i < in->count; i++) {
            const uint8_t *data = datagram(in, i, &len);
            accepted += rs_rtp_parse_packet(data, len, &packet) == RS_DROP_NONE;
        }
    return accepted;
}
