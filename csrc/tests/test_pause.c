/* Pauses end when they are over, not before, and can be had again. */
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "pause.h"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(void)
{
    int fd = rs_pause_open();
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    CHECK(fd >= 0 && poll(&waiting, 1, 0) == 0);
    for (unsigned n = 0; n < 3; n++) {
        double began = seconds();
        CHECK(rs_pause_begin(fd, 0.0003) == RS_OK && poll(&waiting, 1, 5000) == 1);
        CHECK(seconds() - began >= 0.0003);
        rs_pause_end(fd);
        CHECK(poll(&waiting, 1, 0) == 0);
    }
    CHECK(rs_pause_begin(fd, 0.0) == RS_OK && poll(&waiting, 1, 5000) == 1);
    CHECK(rs_pause_begin(-1, 1.0) == RS_SYSTEM);
    close(fd);
    return 0;
}
