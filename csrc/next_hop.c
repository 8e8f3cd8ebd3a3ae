#include "next_hop.h"

#include <string.h>

/* Everybody may know who goes where, and all relays have to agree, so the hash has no key. */
static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

static uint64_t hash_address(const struct rs_address *address)
{
    uint64_t halves[2];
    memcpy(halves, address->ip, sizeof halves);
    return mix(mix(mix(halves[0]) + halves[1]) + address->port);
}

uint32_t rs_hop_id(const struct rs_route *relay)
{
    uint32_t id = (uint32_t)hash_address(&relay->address) & 0x3fffffffu;
    return id != 0 ? id : 1;
}

static uint64_t weight(uint64_t client, const struct rs_route *relay)
{
    return mix(client ^ hash_address(&relay->address));
}

static bool is_after(uint32_t a_ms, uint32_t b_ms)
{
    return (int32_t)(a_ms - b_ms) > 0;
}

/* The health of `relay`, made anew where it is another one's. */
static struct rs_hop *hop_of(struct rs_hops *hops, const struct rs_route *relay, uint32_t now_ms)
{
    struct rs_hop *hop = &hops->hop[relay->relay - 1];
    uint32_t id = rs_hop_id(relay);
    if (hop->id != id) {
        atomic_store_explicit(&hop->is_refused, 0, memory_order_relaxed);
        atomic_store_explicit(&hop->heard_ms, now_ms, memory_order_relaxed);
        hop->id = id;
        hop->asked_ms = hop->sent_ms = now_ms;
        hop->pause_ms = 0;
        hop->is_left = false;
    }
    return hop;
}

static void leave(struct rs_hop *hop, uint32_t now_ms)
{
    hop->pause_ms = hop->pause_ms == 0 ? RS_HOP_PAUSE_MS : 2 * hop->pause_ms;
    if (hop->pause_ms > RS_HOP_LONGEST_PAUSE_MS)
        hop->pause_ms = RS_HOP_LONGEST_PAUSE_MS;
    hop->is_left = true;
    hop->left_ms = now_ms;
}

/* Whether the relay is one to send to. */
static bool answers(struct rs_hop *hop, uint32_t now_ms)
{
    uint32_t heard_ms = atomic_load_explicit(&hop->heard_ms, memory_order_relaxed);
    if (atomic_exchange_explicit(&hop->is_refused, 0, memory_order_relaxed) != 0 && !hop->is_left)
        leave(hop, now_ms);
    if (!hop->is_left)
        return true;
    bool is_back = is_after(heard_ms, hop->left_ms);
    if (!is_back && now_ms - hop->left_ms < hop->pause_ms)
        return false;
    if (is_back)
        hop->pause_ms = 0;
    hop->is_left = false; /* on probation, unless it was heard */
    hop->asked_ms = hop->sent_ms = now_ms;
    return true;
}

/* Notes that a datagram is about to go there. False: one too many without an answer, it has just been left. */
static bool ask(struct rs_hop *hop, uint32_t now_ms)
{
    uint32_t heard_ms = atomic_load_explicit(&hop->heard_ms, memory_order_relaxed);
    bool is_answered = !is_after(hop->asked_ms, heard_ms);
    if (is_answered && hop->pause_ms != 0 && is_after(heard_ms, hop->left_ms))
        hop->pause_ms = 0;
    if (is_answered || now_ms - hop->sent_ms > RS_HOP_SILENT_MS) /* or nobody was sending */
        hop->asked_ms = now_ms;
    hop->sent_ms = now_ms;
    if (now_ms - hop->asked_ms < RS_HOP_SILENT_MS)
        return true;
    leave(hop, now_ms);
    return false;
}

static const struct rs_route *choose(struct rs_hops *hops, const struct rs_route *first, uint64_t client, uint32_t via,
                                     uint32_t now_ms)
{
    const struct rs_route *best = NULL, *had = NULL;
    uint64_t best_weight = 0;
    bool best_answers = false;
    for (const struct rs_route *relay = first; relay != NULL; relay = rs_routing_next_relay(relay)) {
        struct rs_hop *hop = hop_of(hops, relay, now_ms);
        bool is_answering = answers(hop, now_ms);
        uint64_t its_weight = weight(client, relay);
        if (hop->id == via) {
            had = relay;
            if (is_answering)
                return relay;
        }
        if (best == NULL || is_answering > best_answers || (is_answering == best_answers && its_weight > best_weight)) {
            best = relay;
            best_weight = its_weight;
            best_answers = is_answering;
        }
    }
    return best_answers || had == NULL ? best : had;
}

const struct rs_route *rs_next_hop(struct rs_hops *hops, const struct rs_route *first, const struct rs_address *client,
                                   uint32_t via, uint32_t now_ms)
{
    uint64_t hash = hash_address(client);
    const struct rs_route *chosen = choose(hops, first, hash, via, now_ms);
    struct rs_hop *hop = hop_of(hops, chosen, now_ms);
    if (hop->is_left || ask(hop, now_ms))
        return chosen;
    chosen = choose(hops, first, hash, via, now_ms);
    hop = hop_of(hops, chosen, now_ms);
    if (!hop->is_left)
        ask(hop, now_ms);
    return chosen;
}
