struct rs_flow_ring {
    ...;
};
void rs_flow_ring_push(struct rs_flow_ring *ring, const struct rs_flow *flow);
unsigned rs_flow_ring_pop(struct rs_flow_ring *ring, struct rs_flow *out, unsigned max);
uint64_t rs_flow_ring_lost(const struct rs_flow_ring *ring);
