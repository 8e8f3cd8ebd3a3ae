#include "network.h"

static bool holds(const struct rs_network *network, const uint8_t *ip)
{
    unsigned bits = network->prefix < 128 ? network->prefix : 128;
    unsigned octets = bits / 8;
    if (memcmp(network->ip, ip, octets) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (network->ip[octets] ^ ip[octets]) >> (8 - rest) == 0;
}

bool rs_network_contains(const struct rs_network *networks, size_t count, const uint8_t ip[RS_ADDRESS_IP_SIZE])
{
    for (size_t i = 0; i < count; i++)
        if (holds(&networks[i], ip))
            return true;
    return false;
}
