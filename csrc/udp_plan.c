#include "udp_plan.h"

#include <string.h>

#include "spp.h"
#include "trunk.h"

#define RUN_DATAGRAMS 64 /* what every kernel that has UDP_SEGMENT takes */
#define RUN_OCTETS 61440 /* an IP packet has room for them and for its headers */

_Static_assert(RS_UDP_BATCH <= UINT8_MAX, "indices and counts of a batch fit in one octet");
_Static_assert(RS_UDP_BATCH <= RS_TRUNK_RECORDS, "a batch fits in a trunk, as far as numbers go");

static unsigned slot_of(uint64_t key)
{
    return (unsigned)(key * 0x9e3779b97f4a7c15u >> 58);
}

static uint64_t key_of(const struct rs_address *address)
{
    uint64_t ip;
    memcpy(&ip, address->ip + 8, sizeof ip);
    return ip ^ (uint64_t)address->port << 16;
}

static unsigned slot_of_client(const struct rs_datagram *datagram)
{
    uint64_t ip;
    uint16_t port;
    if (datagram->len < RS_SPP_SIZE)
        return 0;
    memcpy(&ip, datagram->data + RS_SPP_CLIENT_IP + 8, sizeof ip);
    memcpy(&port, datagram->data + RS_SPP_CLIENT_PORT, sizeof port);
    return slot_of(ip ^ (uint64_t)port << 17);
}

/* What is in front of a trunk's records is written into the headroom, which datagrams of runs do not have. */
static bool may_join_trunk(const struct rs_udp_socket *socket, const struct rs_udp_batch *batch, unsigned index)
{
    const struct rs_datagram *datagram = &batch->datagrams[index];
    uintptr_t begin = (uintptr_t)batch->buffers[index], data = (uintptr_t)datagram->data;
    size_t before = RS_TRUNK_HEADER + RS_TRUNK_LENGTH;
    return datagram->may_join_trunk && before + datagram->len <= socket->trunk_payload && data >= begin + before &&
           data < begin + sizeof batch->buffers[0] && datagram->len >= RS_SPP_SIZE;
}

static bool is_alike(const struct rs_udp_socket *socket, const struct rs_datagram *a, const struct rs_datagram *b)
{
    return rs_address_equal(&a->peer, &b->peer) && (!socket->has_many_locals || rs_address_equal(&a->local, &b->local));
}

static bool fits(const struct rs_udp_socket *socket, const struct rs_udp_batch *batch, const struct rs_udp_plan *plan,
                 unsigned message, const struct rs_datagram *datagram)
{
    const struct rs_datagram *first = &batch->datagrams[plan->first[message]];
    if (!is_alike(socket, first, datagram))
        return false;
    if (plan->is_trunk[message])
        return plan->octets[message] + RS_TRUNK_LENGTH + datagram->len <= socket->trunk_payload;
    return first->len == datagram->len && plan->count[message] < RUN_DATAGRAMS &&
           plan->octets[message] + datagram->len <= RUN_OCTETS;
}

/* Chooses the message for a datagram. It may join one that was begun before others, as long as none of those has a
 * datagram of the same client; slots that several clients share only make it stricter. */
static void place(const struct rs_udp_socket *socket, const struct rs_udp_batch *batch, struct rs_udp_plan *plan,
                  unsigned index)
{
    const struct rs_datagram *datagram = &batch->datagrams[index];
    bool is_trunk = may_join_trunk(socket, batch, index);
    unsigned message = plan->messages;
    uint8_t *last = &plan->last[slot_of_client(datagram)];
    if (is_trunk || (socket->sends_runs && !batch->has_no_runs && datagram->len > 0)) {
        uint64_t key = key_of(&datagram->peer);
        uint8_t *open = is_trunk ? &plan->open_trunk[slot_of(key)] : &plan->open_run[slot_of(key ^ datagram->len)];
        if (*open > *last && fits(socket, batch, plan, *open - 1u, datagram))
            message = *open - 1u;
        *open = (uint8_t)(message + 1);
    }
    *last = (uint8_t)message; /* of one that travels alone too: nothing behind it may join what is before it */
    if (message == plan->messages) {
        plan->first[message] = (uint8_t)index;
        plan->count[message] = 0;
        plan->is_trunk[message] = is_trunk;
        plan->octets[message] = is_trunk ? RS_TRUNK_HEADER : 0;
        plan->messages++;
    }
    plan->message_of[index] = (uint8_t)message;
    plan->count[message]++;
    plan->octets[message] += datagram->len + (is_trunk ? RS_TRUNK_LENGTH : 0);
}

void rs_udp_plan(const struct rs_udp_socket *socket, const struct rs_udp_batch *batch, struct rs_udp_plan *plan)
{
    plan->messages = 0;
    memset(plan->open_run, 0, sizeof plan->open_run);
    memset(plan->open_trunk, 0, sizeof plan->open_trunk);
    memset(plan->last, 0, sizeof plan->last);
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->datagrams[i].drop == RS_DROP_NONE)
            place(socket, batch, plan, i);
}
