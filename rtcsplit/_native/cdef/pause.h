int rs_pause_open(void);
enum rs_status rs_pause_begin(int fd, double seconds);
void rs_pause_end(int fd);
