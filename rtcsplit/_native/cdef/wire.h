struct rs_span {
    const uint8_t *data;
    size_t len;
};
