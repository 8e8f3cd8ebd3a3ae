#include "pause.h"

#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

int rs_pause_open(void)
{
    return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
}

enum rs_status rs_pause_begin(int fd, double seconds)
{
    struct itimerspec when = {.it_value.tv_sec = (time_t)seconds};
    when.it_value.tv_nsec = (long)((seconds - (double)when.it_value.tv_sec) * 1e9);
    if (when.it_value.tv_sec == 0 && when.it_value.tv_nsec == 0)
        when.it_value.tv_nsec = 1; /* zero would disarm it */
    return timerfd_settime(fd, 0, &when, NULL) == 0 ? RS_OK : RS_SYSTEM;
}

void rs_pause_end(int fd)
{
    uint64_t expirations;
    while (read(fd, &expirations, sizeof expirations) > 0)
        continue;
}
