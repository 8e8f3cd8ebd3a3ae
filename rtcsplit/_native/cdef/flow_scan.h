unsigned rs_flow_table_scan(const struct rs_flow_table *table, uint32_t now_ms, uint32_t *next, uint32_t span,
                            struct rs_flow_ref *out, unsigned max);
uint32_t rs_flow_table_slots(const struct rs_flow_table *table);
