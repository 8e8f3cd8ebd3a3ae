struct rs_echoes {
    struct rs_udp_batch *batch;
    uint32_t count;
    const struct rs_path *paths[...];
};
