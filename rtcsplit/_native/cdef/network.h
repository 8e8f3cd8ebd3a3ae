struct rs_network {
    uint8_t ip[16];
    uint8_t prefix;
};
bool rs_network_contains(const struct rs_network *networks, size_t count, const uint8_t *ip);
