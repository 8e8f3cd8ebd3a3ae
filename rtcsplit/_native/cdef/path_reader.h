#define RS_READER_OTHERS ...
#define RS_READER_FACTS ...

struct rs_gathering {
    double longest;
    ...;
};
struct rs_path_reader {
    const struct rs_path_socket *socket;
    struct rs_session_table *table;
    struct rs_udp_batch *batch;
    struct rs_fact *facts;
    struct rs_echoes *echoes;
    struct rs_gathering gathering;
    bool is_full;
    ...;
};
int rs_path_reader_take(struct rs_path_reader *reader, struct rs_path_turn *out);
double rs_path_reader_rest(struct rs_path_reader *reader);
int rs_path_reader_wait(struct rs_path_reader *reader, int others, double seconds, struct rs_path_turn *out);
