/* One thread of a worker: takes its seat, forwards batch by batch in its direction, and leaves. */
#include "relay_worker.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>

#define SEAT_WAIT_MS 200      /* how soon a thread that waits for its seat notices that it is to stop */
#define CPU_TIME_EVERY_MS 100 /* asking for it takes a system call */

_Static_assert(RS_RELAY_WORKERS_MAX *RS_DIRECTIONS <= RS_SEATS_MAX, "a seat for each thread");

static uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Signals are for the thread that knows what to do about them. The rest is for speed and for people: if it fails, the
 * worker works all the same. */
static void prepare_thread(const struct rs_relay_worker *worker, enum rs_direction direction)
{
    sigset_t all;
    char name[16];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    snprintf(name, sizeof name, "relay-%s-%u", direction == RS_UPLINK ? "up" : "down", (unsigned)worker->index);
    pthread_setname_np(pthread_self(), name);
    if (worker->relay->coalesce_us > 0)
        prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul); /* ns; by default a pause is 50 us longer */
    if (worker->cpu >= 0 && worker->cpu < CPU_SETSIZE) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)worker->cpu, &set);
        pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    }
}

/* The routing value in force. Once its generation is stored, this thread will never look at an older one again. */
static const struct rs_routing *take_routing(struct rs_relay_worker *worker, enum rs_direction direction)
{
    const struct rs_routing *routing = atomic_load_explicit(&worker->relay->routing, memory_order_acquire);
    atomic_store_explicit(&worker->seen[direction].generation, rs_routing_generation(routing), memory_order_release);
    return routing;
}

/* Writes down how much CPU time this thread has used. */
static void note_cpu_time(struct rs_relay_worker *worker, enum rs_direction direction)
{
    struct timespec used;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0)
        atomic_store_explicit(&worker->shard->counters[direction].cpu_ns,
                              (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec, memory_order_relaxed);
}

static void forward(struct rs_relay_worker *worker, enum rs_direction direction, unsigned count)
{
    const struct rs_routing *routing = take_routing(worker, direction);
    struct rs_udp_batch *batch = worker->batches[direction];
    struct rs_counters *counters = &worker->shard->counters[direction];
    struct rs_flow_table *table = direction == RS_UPLINK ? worker->embryonic : worker->confirmed;
    uint32_t now_ms = (uint32_t)clock_ms();
    if (direction == RS_UPLINK)
        rs_relay_uplink(worker, routing, batch->datagrams, count, now_ms);
    else
        rs_relay_downlink(worker, routing, batch->datagrams, count, now_ms);
    rs_udp_send(direction == RS_UPLINK ? &worker->upstream : &worker->public, batch, count);
    if (direction == RS_UPLINK ? batch->was_interrupted : count == 0)
        rs_relay_note_refusals(worker, routing);
    rs_relay_settle(counters, batch->datagrams, count);
    rs_udp_finish(batch);
    rs_count(&counters->events[RS_FLOW_EVENT_EXPIRED], rs_flow_table_sweep(table, now_ms));
    if (now_ms - worker->seen[direction].cpu_noted_ms >= CPU_TIME_EVERY_MS) {
        worker->seen[direction].cpu_noted_ms = now_ms;
        note_cpu_time(worker, direction);
    }
}

static struct rs_udp_socket *source_of(struct rs_relay_worker *worker, enum rs_direction direction)
{
    return direction == RS_UPLINK ? &worker->public : &worker->upstream;
}

static bool is_stopping(const struct rs_relay *relay)
{
    return atomic_load_explicit(&relay->is_stopping, memory_order_relaxed);
}

/* After a batch that was not full, where one came a moment before it: lets the next one gather. A datagram waits for at
 * most that long, and the first one after a pause not at all. */
static void let_gather(struct rs_relay_worker *worker, enum rs_direction direction, unsigned count)
{
    uint32_t last_ms = worker->seen[direction].forwarded_ms, now_ms = (uint32_t)clock_ms();
    const struct timespec pause = {.tv_nsec = (long)worker->relay->coalesce_us * 1000};
    worker->seen[direction].forwarded_ms = now_ms;
    if (count > 0 && count < RS_UDP_BATCH && now_ms - last_ms <= 1)
        nanosleep(&pause, NULL);
}

static enum rs_status forward_until_stopped(struct rs_relay_worker *worker, enum rs_direction direction)
{
    const struct rs_udp_socket *source = source_of(worker, direction);
    struct rs_udp_batch *batch = worker->batches[direction];
    unsigned left = 0; /* received by a predecessor that died before it looked at it */
    atomic_store(&worker->seen[direction].generation, 0); /* from now on any routing value may be in use */
    if (rs_udp_phase(batch) == RS_UDP_RECEIVING)
        left = rs_udp_resume_receive(source, batch);
    else
        rs_udp_batch_adopt(batch); /* its pointers may be another process's */
    forward(worker, direction, left);
    while (!is_stopping(worker->relay)) {
        int received = rs_udp_receive(source, batch, true);
        if (received < 0)
            return RS_SYSTEM;
        forward(worker, direction, (unsigned)received);
        if (worker->relay->coalesce_us > 0)
            let_gather(worker, direction, (unsigned)received);
    }
    return RS_OK;
}

/* Where the seat is ours, and not earlier: who had it may not know of runs. */
static void prepare_source(struct rs_relay_worker *worker, enum rs_direction direction)
{
    if (direction == RS_DOWNLINK || worker->serves_relays)
        rs_udp_receive_runs(source_of(worker, direction));
}

/* Waits for the seat; false: stopped meanwhile. */
static bool take_seat(struct rs_relay_worker *worker, enum rs_direction direction, struct rs_seat *seat)
{
    while (!is_stopping(worker->relay)) {
        switch (rs_seat_take(seat, SEAT_WAIT_MS)) {
        case RS_SEAT_INHERITED:
            prepare_source(worker, direction);
            rs_relay_recover(worker, direction, rs_seat_crashed_often(seat, clock_ms()));
            return true;
        case RS_SEAT_TAKEN:
            prepare_source(worker, direction);
            return true;
        case RS_SEAT_BUSY:
            break;
        }
    }
    return false;
}

enum rs_status rs_relay_run(struct rs_relay *relay, uint32_t index, enum rs_direction direction)
{
    struct rs_relay_worker *worker = &relay->worker[index];
    struct rs_seat *seat = relay->seats == NULL ? NULL : &relay->seats->seat[index * RS_DIRECTIONS + direction];
    enum rs_status status = RS_OK;
    prepare_thread(worker, direction);
    if (seat == NULL)
        prepare_source(worker, direction);
    if (seat == NULL || take_seat(worker, direction, seat)) {
        status = forward_until_stopped(worker, direction);
        note_cpu_time(worker, direction);
        if (seat != NULL)
            rs_seat_leave(seat);
    }
    atomic_store_explicit(&worker->seen[direction].generation, UINT64_MAX, memory_order_release);
    return status;
}
