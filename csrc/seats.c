#include "seats.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x7374616573637472u /* "rtcseats" as it lies in memory */
#define VERSION 1

static enum rs_status init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    bool is_made = pthread_mutexattr_init(&attributes) == 0 &&
                   pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
                   pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
                   pthread_mutex_init(lock, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return is_made ? RS_OK : RS_SYSTEM;
}

enum rs_status rs_seats_init(struct rs_seats *seats, size_t size)
{
    if (size < sizeof *seats || (uintptr_t)seats % 64 != 0)
        return RS_INVALID;
    if (seats->magic == MAGIC)
        return seats->version == VERSION && seats->seat_size == sizeof seats->seat[0] ? RS_OK : RS_INVALID;
    if (seats->magic != 0)
        return RS_INVALID;
    for (unsigned i = 0; i < RS_SEATS_MAX; i++)
        if (init_lock(&seats->seat[i].lock) != RS_OK)
            return RS_SYSTEM;
    seats->version = VERSION;
    seats->seat_size = sizeof seats->seat[0];
    seats->magic = MAGIC;
    return RS_OK;
}

enum rs_seat_outcome rs_seat_take(struct rs_seat *seat, unsigned wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until); /* the clock of pthread_mutex_timedlock */
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    switch (pthread_mutex_timedlock(&seat->lock, &until)) {
    case 0:
        return RS_SEAT_TAKEN;
    case EOWNERDEAD:
        pthread_mutex_consistent(&seat->lock);
        return RS_SEAT_INHERITED;
    default:
        return RS_SEAT_BUSY;
    }
}

void rs_seat_leave(struct rs_seat *seat)
{
    pthread_mutex_unlock(&seat->lock);
}

bool rs_seat_crashed_often(struct rs_seat *seat, uint64_t now_ms)
{
    uint64_t *oldest = &seat->crashed_ms[seat->crashes % RS_SEAT_CRASHES];
    *oldest = now_ms;
    seat->crashes++;
    uint64_t first = seat->crashed_ms[seat->crashes % RS_SEAT_CRASHES];
    return seat->crashes >= RS_SEAT_CRASHES && now_ms - first < RS_SEAT_CRASHES_WITHIN_MS;
}

enum rs_status rs_seats_die_with(int parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return RS_SYSTEM;
    return getppid() == parent ? RS_OK : RS_NOT_FOUND;
}
