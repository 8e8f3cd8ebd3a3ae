#include "routing.h"

#include <string.h>

#define MAX_OF_ANYTHING ((size_t)1 << 20)
#define ALIGNED(octets) (((octets) + 15u) & ~(size_t)15u)

/* An open-addressing table of indices into `nodes`, each plus 1; as many places as a power of two, at most half of
 * them taken. Only the operator's entries are ever in it, so an unkeyed hash does. */
struct places {
    uint32_t *at;
    uint32_t mask;
};

struct rs_routing {
    uint64_t generation;
    struct rs_hint_keys keys;
    struct rs_route *nodes; /* the directory's routes, then our own addresses as entries that are not routed, and a
                               last one that is nothing */
    size_t node_count;
    struct rs_network *readmitted;
    size_t readmitted_count;
    struct rs_network *relays;
    size_t relay_count;
    struct places by_ids;     /* routed transceivers */
    struct places by_cluster; /* the first routed relay of each */
    struct places by_address; /* routed ones first */
    struct places by_ip;      /* one of each host */
    bool has_relays;
};

static size_t places_for(size_t nodes)
{
    size_t places = 2;
    while (places < 2 * nodes)
        places *= 2;
    return places;
}

static size_t nodes_octets(size_t nodes)
{
    return ALIGNED((nodes + 1) * sizeof(struct rs_route));
}

static size_t networks_octets(size_t networks)
{
    return ALIGNED(networks * sizeof(struct rs_network));
}

static size_t count_relays(const struct rs_routing_parts *parts)
{
    size_t count = 0;
    for (size_t i = 0; i < parts->route_count; i++)
        count += parts->routes[i].relay != 0;
    return count;
}

size_t rs_routing_size(const struct rs_routing_parts *parts)
{
    if (parts->route_count > MAX_OF_ANYTHING || parts->own_count > MAX_OF_ANYTHING ||
        parts->readmitted_count > MAX_OF_ANYTHING || parts->relay_count > MAX_OF_ANYTHING)
        return 0;
    if (count_relays(parts) > RS_ROUTING_RELAYS)
        return 0;
    size_t nodes = parts->route_count + parts->own_count;
    return ALIGNED(sizeof(struct rs_routing)) + nodes_octets(nodes) + networks_octets(parts->readmitted_count) +
           networks_octets(parts->relay_count) + 4 * ALIGNED(places_for(nodes) * sizeof(uint32_t));
}

static uint32_t mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ b * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    return (uint32_t)(h >> 32);
}

static uint32_t hash_ids(uint16_t cluster, uint16_t transceiver)
{
    return mix((uint32_t)cluster << 16 | transceiver, 0);
}

static uint32_t hash_ip(const uint8_t *ip, uint16_t port)
{
    uint64_t halves[2];
    memcpy(halves, ip, sizeof halves);
    return mix(halves[0] + port, halves[1]);
}

static bool has_ids(const struct rs_route *node, uint16_t cluster, uint16_t transceiver)
{
    return node->cluster == cluster && node->transceiver == transceiver && node->is_routed && !node->relay;
}

static const struct rs_route *find_address(const struct rs_routing *routing, const struct rs_address *address)
{
    const struct places *places = &routing->by_address;
    for (uint32_t i = hash_ip(address->ip, address->port);; i++) {
        uint32_t place = places->at[i & places->mask];
        if (place == 0)
            return NULL;
        if (rs_address_equal(&routing->nodes[place - 1].address, address))
            return &routing->nodes[place - 1];
    }
}

static bool has_host(const struct rs_routing *routing, const uint8_t *ip)
{
    const struct places *places = &routing->by_ip;
    for (uint32_t i = hash_ip(ip, 0);; i++) {
        uint32_t place = places->at[i & places->mask];
        if (place == 0)
            return false;
        if (memcmp(routing->nodes[place - 1].address.ip, ip, RS_ADDRESS_IP_SIZE) == 0)
            return true;
    }
}

static const struct rs_route *find_relay(const struct rs_routing *routing, uint16_t cluster)
{
    const struct places *places = &routing->by_cluster;
    for (uint32_t i = hash_ids(cluster, 0);; i++) {
        uint32_t place = places->at[i & places->mask];
        if (place == 0)
            return NULL;
        if (routing->nodes[place - 1].cluster == cluster)
            return &routing->nodes[place - 1];
    }
}

static const struct rs_route *find_transceiver(const struct rs_routing *routing, uint16_t cluster, uint16_t transceiver)
{
    const struct places *places = &routing->by_ids;
    for (uint32_t i = hash_ids(cluster, transceiver);; i++) {
        uint32_t place = places->at[i & places->mask];
        if (place == 0)
            return NULL;
        if (has_ids(&routing->nodes[place - 1], cluster, transceiver))
            return &routing->nodes[place - 1];
    }
}

static void put(struct places *places, uint32_t hash, size_t node)
{
    while (places->at[hash & places->mask] != 0)
        hash++;
    places->at[hash & places->mask] = (uint32_t)node + 1;
}

static void index_nodes(struct rs_routing *routing, bool routed)
{
    for (size_t i = 0; i < routing->node_count; i++) {
        const struct rs_route *node = &routing->nodes[i];
        if ((node->is_routed != 0) != routed)
            continue;
        if (routed && node->relay && find_relay(routing, node->cluster) == NULL)
            put(&routing->by_cluster, hash_ids(node->cluster, 0), i);
        if (routed && !node->relay && find_transceiver(routing, node->cluster, node->transceiver) == NULL)
            put(&routing->by_ids, hash_ids(node->cluster, node->transceiver), i);
        if (find_address(routing, &node->address) == NULL)
            put(&routing->by_address, hash_ip(node->address.ip, node->address.port), i);
        if (!has_host(routing, node->address.ip))
            put(&routing->by_ip, hash_ip(node->address.ip, 0), i);
    }
}

/* Gives each relay a number that it keeps in the next value too, unless others come or go that want the same one. */
static void number_relays(struct rs_routing *routing)
{
    bool is_taken[RS_ROUTING_RELAYS] = {false};
    for (size_t i = 0; i < routing->node_count; i++) {
        struct rs_route *node = &routing->nodes[i];
        if (node->relay == 0)
            continue;
        uint32_t number = hash_ip(node->address.ip, node->address.port) % RS_ROUTING_RELAYS;
        while (is_taken[number])
            number = (number + 1) % RS_ROUTING_RELAYS;
        is_taken[number] = true;
        node->relay = (uint16_t)(number + 1);
        routing->has_relays = true;
    }
}

static uint8_t *take_places(struct places *places, uint8_t *memory, size_t count)
{
    *places = (struct places){(uint32_t *)(void *)memory, (uint32_t)count - 1};
    return memory + ALIGNED(count * sizeof(uint32_t));
}

enum rs_status rs_routing_init(struct rs_routing *routing, size_t size, const struct rs_routing_parts *parts,
                               uint64_t generation)
{
    size_t needed = rs_routing_size(parts);
    if (needed == 0 || size < needed || (uintptr_t)routing % 16 != 0)
        return RS_INVALID;
    uint8_t *memory = (uint8_t *)routing + ALIGNED(sizeof *routing);
    routing->generation = generation;
    routing->keys = *parts->keys;
    routing->node_count = parts->route_count + parts->own_count;
    routing->readmitted_count = parts->readmitted_count;
    routing->relay_count = parts->relay_count;
    routing->nodes = (struct rs_route *)(void *)memory;
    memory += nodes_octets(routing->node_count);
    routing->readmitted = (struct rs_network *)(void *)memory;
    memory += networks_octets(routing->readmitted_count);
    routing->relays = (struct rs_network *)(void *)memory;
    memory += networks_octets(routing->relay_count);
    memory = take_places(&routing->by_ids, memory, places_for(routing->node_count));
    memory = take_places(&routing->by_address, memory, places_for(routing->node_count));
    memory = take_places(&routing->by_cluster, memory, places_for(routing->node_count));
    take_places(&routing->by_ip, memory, places_for(routing->node_count));
    for (size_t i = 0; i < parts->route_count; i++)
        routing->nodes[i] = parts->routes[i];
    for (size_t i = 0; i < parts->own_count; i++)
        routing->nodes[parts->route_count + i] = (struct rs_route){.address = parts->own[i]};
    for (size_t i = 0; i < parts->readmitted_count; i++)
        routing->readmitted[i] = parts->readmitted[i];
    for (size_t i = 0; i < parts->relay_count; i++)
        routing->relays[i] = parts->relays[i];
    number_relays(routing);
    index_nodes(routing, true);
    index_nodes(routing, false);
    return RS_OK;
}

uint64_t rs_routing_generation(const struct rs_routing *routing)
{
    return routing->generation;
}

const struct rs_hint_keys *rs_routing_keys(const struct rs_routing *routing)
{
    return &routing->keys;
}

const struct rs_route *rs_routing_find(const struct rs_routing *routing, uint16_t cluster, uint16_t transceiver)
{
    const struct rs_route *found = find_transceiver(routing, cluster, transceiver);
    return found != NULL || !routing->has_relays ? found : find_relay(routing, cluster);
}

const struct rs_route *rs_routing_next_relay(const struct rs_route *relay)
{
    const struct rs_route *next = relay + 1; /* the last entry of all is nothing */
    bool is_relay = relay->relay != 0 && next->relay != 0 && next->is_routed;
    return is_relay && next->cluster == relay->cluster ? next : NULL;
}

const struct rs_route *rs_routing_find_source(const struct rs_routing *routing, const struct rs_address *address)
{
    const struct rs_route *node = find_address(routing, address);
    return node != NULL && node->is_routed ? node : NULL;
}

bool rs_routing_admits_client(const struct rs_routing *routing, const struct rs_address *client)
{
    if (client->port == 0 || find_address(routing, client) != NULL)
        return false;
    if (rs_network_contains(routing->readmitted, routing->readmitted_count, client->ip))
        return true;
    return !rs_address_is_denied(client->ip, client->port) && !has_host(routing, client->ip);
}

bool rs_routing_trusts_relay(const struct rs_routing *routing, const struct rs_address *address)
{
    return address->port != 0 && rs_network_contains(routing->relays, routing->relay_count, address->ip);
}
