enum rs_status rs_spread_by_client(int fd, unsigned sockets);
enum rs_status rs_spread_by_sender(int fd, unsigned sockets, uint32_t secret);
enum rs_status rs_spread_by_kernel(int fd);
