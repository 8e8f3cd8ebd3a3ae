struct rs_seats {
    ...;
};
enum rs_status rs_seats_init(struct rs_seats *seats, size_t size);
enum rs_status rs_seats_die_with(int parent);
