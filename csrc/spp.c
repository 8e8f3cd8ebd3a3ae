#include "spp.h"

#include <string.h>

#include "wire.h"

#define CLIENT_AT 2
#define PROXY_AT (CLIENT_AT + RS_ADDRESS_IP_SIZE)
#define CLIENT_PORT_AT (PROXY_AT + RS_ADDRESS_IP_SIZE)
#define PROXY_PORT_AT (CLIENT_PORT_AT + 2)

_Static_assert(PROXY_PORT_AT + 2 == RS_SPP_SIZE, "the fields fill the header");

void rs_spp_build(uint8_t out[RS_SPP_SIZE], const struct rs_address *client, const struct rs_address *proxy)
{
    rs_write_u16be(out, RS_SPP_MAGIC);
    memcpy(out + CLIENT_AT, client->ip, RS_ADDRESS_IP_SIZE);
    memcpy(out + PROXY_AT, proxy->ip, RS_ADDRESS_IP_SIZE);
    rs_write_u16be(out + CLIENT_PORT_AT, client->port);
    rs_write_u16be(out + PROXY_PORT_AT, proxy->port);
}

enum rs_drop rs_spp_parse(const uint8_t *data, size_t len, struct rs_address *client, struct rs_address *proxy)
{
    if (len < RS_SPP_SIZE || rs_read_u16be(data) != RS_SPP_MAGIC)
        return RS_DROP_SPP_MALFORMED;
    if (len >= RS_SPP_SIZE + 2 && rs_read_u16be(data + RS_SPP_SIZE) == RS_SPP_MAGIC)
        return RS_DROP_SPP_NESTED;
    memcpy(client->ip, data + CLIENT_AT, RS_ADDRESS_IP_SIZE);
    memcpy(proxy->ip, data + PROXY_AT, RS_ADDRESS_IP_SIZE);
    client->port = rs_read_u16be(data + CLIENT_PORT_AT);
    proxy->port = rs_read_u16be(data + PROXY_PORT_AT);
    return RS_DROP_NONE;
}
