#include "path_socket.h"

#include <string.h>

#include "classify.h"
#include "clock.h"
#include "spp.h"
#include "srtp_batch.h"

_Static_assert(sizeof(struct rs_path) == 54, "Python unpacks paths of 54 octets");
_Static_assert(sizeof(struct rs_fact) == 104, "Python unpacks facts of 104 octets");
_Static_assert(RS_SPP_SIZE <= RS_UDP_HEADROOM, "the header goes into the headroom");

static bool is_link_local(const uint8_t *ip)
{
    return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static enum rs_drop read_direct(const struct rs_path_socket *socket, const struct rs_datagram *datagram,
                                struct rs_path *path)
{
    path->client = datagram->peer;
    if (socket->udp.has_many_locals)
        path->proxy = datagram->local;
    return is_link_local(datagram->peer.ip) ? RS_DROP_CLIENT_DENIED : RS_DROP_NONE;
}

static enum rs_drop read_relayed(const struct rs_path_socket *socket, struct rs_datagram *datagram,
                                 struct rs_path *path)
{
    if (!rs_network_contains(socket->networks, socket->network_count, datagram->peer.ip))
        return RS_DROP_SOURCE_NOT_LISTED;
    enum rs_drop drop = rs_spp_parse(datagram->data, datagram->len, &path->client, &path->proxy);
    if (drop != RS_DROP_NONE)
        return drop;
    path->relay = datagram->peer;
    datagram->data += RS_SPP_SIZE;
    datagram->len -= RS_SPP_SIZE;
    return RS_DROP_NONE;
}

static void read_fact(const struct rs_path_socket *socket, struct rs_datagram *datagram, struct rs_fact *fact)
{
    enum rs_drop drop = datagram->drop;
    enum rs_kind kind = RS_KIND_STUN;
    memset(fact, 0, sizeof *fact);
    if (drop == RS_DROP_NONE)
        drop = socket->is_relayed ? read_relayed(socket, datagram, &fact->path)
                                  : read_direct(socket, datagram, &fact->path);
    if (drop == RS_DROP_NONE)
        drop = rs_classify(datagram->data, datagram->len, &kind);
    fact->drop = (uint8_t)drop;
    fact->kind = (uint8_t)kind;
}

int rs_path_socket_receive(const struct rs_path_socket *socket, struct rs_udp_batch *batch,
                           struct rs_fact facts[RS_UDP_BATCH])
{
    int count = rs_udp_receive(&socket->udp, batch, false);
    for (int i = 0; i < count; i++) {
        struct rs_datagram *datagram = &batch->datagrams[i];
        read_fact(socket, datagram, &facts[i]);
        facts[i].offset = (uint32_t)(datagram->data - (const uint8_t *)batch);
        facts[i].len = facts[i].drop == RS_DROP_NONE ? datagram->len : 0;
    }
    return count;
}

/* Where an answer leaves from: where the client sent to, or any address of its family. */
static struct rs_address local_for(const struct rs_path *path)
{
    struct rs_address any = {0};
    if (path->proxy.port != 0)
        return path->proxy;
    if (rs_address_is_ipv4(path->client.ip))
        memcpy(any.ip, path->client.ip, RS_ADDRESS_IP_SIZE - 4); /* the prefix of mapped addresses */
    return any;
}

static void address_slot(const struct rs_path_socket *socket, struct rs_datagram *slot, const struct rs_path *path)
{
    slot->peer = path->client;
    if (!socket->is_relayed) {
        slot->local = local_for(path);
        return;
    }
    slot->data -= RS_SPP_SIZE;
    slot->len += RS_SPP_SIZE;
    rs_spp_build(slot->data, &path->client, &path->proxy);
    slot->peer = path->relay;
    slot->may_join_trunk = true;
}

static void send_echoes(const struct rs_path_socket *socket, struct rs_echoes *echoes, struct rs_path_turn *out)
{
    for (uint32_t i = 0; i < echoes->count; i++)
        address_slot(socket, &echoes->batch->datagrams[i], echoes->paths[i]);
    rs_udp_send(&socket->udp, echoes->batch, echoes->count);
    for (uint32_t i = 0; i < echoes->count; i++)
        out->failed += echoes->batch->datagrams[i].drop != RS_DROP_NONE;
    out->returned = echoes->count - out->failed;
}

int rs_path_socket_turn(const struct rs_path_socket *socket, struct rs_session_table *table, struct rs_udp_batch *batch,
                        struct rs_fact facts[RS_UDP_BATCH], struct rs_echoes *echoes, struct rs_path_turn *out)
{
    int count = rs_path_socket_receive(socket, batch, facts);
    if (count < 0)
        return -1;
    *out = (struct rs_path_turn){.received = (uint32_t)count, .now = rs_clock_now()};
    out->kept = (uint32_t)rs_srtp_batch_open(table, batch, facts, (size_t)count, out->now, echoes);
    if (echoes->count != 0)
        send_echoes(socket, echoes, out);
    return 0;
}

enum rs_status rs_path_socket_send(const struct rs_path_socket *socket, struct rs_udp_batch *batch,
                                   const uint8_t *octets, size_t octets_len, const uint32_t *lengths,
                                   struct rs_srtp *const *srtp, const struct rs_path *paths, size_t count,
                                   uint8_t *drops)
{
    enum rs_status status = rs_srtp_batch_load(batch, octets, octets_len, lengths, srtp, count);
    if (status != RS_OK)
        return status;
    for (unsigned i = 0; i < count; i++)
        address_slot(socket, &batch->datagrams[i], &paths[i]);
    rs_udp_send(&socket->udp, batch, (unsigned)count);
    for (size_t i = 0; i < count; i++)
        drops[i] = (uint8_t)batch->datagrams[i].drop;
    return RS_OK;
}
