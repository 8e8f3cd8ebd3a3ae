#ifndef RS_CLOCK_H
#define RS_CLOCK_H

#include <time.h>

/* Seconds of CLOCK_MONOTONIC: Python's time.monotonic. */
static inline double rs_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif
