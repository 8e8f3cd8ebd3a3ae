enum rs_status rs_spread_by_client(int fd, unsigned sockets);
