struct rs_address {
    uint8_t ip[16];
    uint16_t port;
};
bool rs_address_is_denied(const uint8_t *ip, uint16_t port);
