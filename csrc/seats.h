/* Seats: who may be a direction of a worker, when more than one process could be.
 *
 * A seat is a lock that the kernel takes back when its owner dies (robust, shared between processes). The process that
 * forwards holds all of them; its successor waits at them. So a table never has two writers, and a successor begins in
 * the moment in which its predecessor has finished its batch, or has been killed.
 *
 * The seats are memory of their own, apart from the region: their layout stays when the region's changes. */
#ifndef RS_SEATS_H
#define RS_SEATS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define RS_SEATS_MAX 512
#define RS_SEAT_CRASHES 3               /* so many ... */
#define RS_SEAT_CRASHES_WITHIN_MS 10000 /* ... within so long look like a datagram that kills who reads it */

struct rs_seat {
    _Alignas(64) pthread_mutex_t lock;
    uint32_t crashes;                     /* of owners, all in all */
    uint64_t crashed_ms[RS_SEAT_CRASHES]; /* the latest ones */
};

struct rs_seats {
    uint64_t magic;
    uint32_t version;
    uint32_t seat_size;
    struct rs_seat seat[RS_SEATS_MAX];
};

enum rs_seat_outcome {
    RS_SEAT_BUSY,      /* somebody else's after all that waiting */
    RS_SEAT_TAKEN,     /* its last owner left it in order, or there was none */
    RS_SEAT_INHERITED, /* its last owner died on it: what it wrote may be unfinished */
};

/* Makes zeroed memory, aligned to 64, the seats; memory that has been made so before is left as it is. RS_INVALID:
 * too little of it, or other seats than this program knows. Not for several processes at a time. */
enum rs_status rs_seats_init(struct rs_seats *seats, size_t size);

/* Waits up to `wait_ms`. A seat that was taken or inherited is left by the same thread, or by its death. */
enum rs_seat_outcome rs_seat_take(struct rs_seat *seat, unsigned wait_ms);
void rs_seat_leave(struct rs_seat *seat);

/* The owner's, after inheriting: notes the crash, and says whether it is the third within ten seconds. */
bool rs_seat_crashed_often(struct rs_seat *seat, uint64_t now_ms);

/* Lets the kernel end this process when the thread that started it does. RS_NOT_FOUND: `parent` is gone already. */
enum rs_status rs_seats_die_with(int parent);

#endif
