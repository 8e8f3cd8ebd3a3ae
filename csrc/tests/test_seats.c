/* A seat has one owner over all processes, and the death of one is no end of it. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "seats.h"

static struct rs_seats *shared_seats(void)
{
    void *memory = mmap(NULL, sizeof(struct rs_seats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(rs_seats_init(memory, sizeof(struct rs_seats)) == RS_OK);
    return memory;
}

/* A process that takes the seat, says so, and sits there until it is killed. */
static pid_t sit_down(struct rs_seat *seat)
{
    int ready[2];
    char octet;
    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        rs_seat_take(seat, 1000);
        CHECK(write(ready[1], "x", 1) == 1);
        pause();
        _exit(0);
    }
    CHECK(read(ready[0], &octet, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void kill_and_wait(pid_t pid)
{
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static void test_memory_that_is_no_seats_is_refused(void)
{
    struct rs_seats *seats = shared_seats();
    CHECK(rs_seats_init(seats, sizeof *seats) == RS_OK);
    CHECK(rs_seats_init(seats, sizeof *seats - 1) == RS_INVALID);
    CHECK(rs_seats_init((void *)((uint8_t *)seats + 8), sizeof *seats) == RS_INVALID);
    seats->version++;
    CHECK(rs_seats_init(seats, sizeof *seats) == RS_INVALID);
    seats->magic++;
    CHECK(rs_seats_init(seats, sizeof *seats) == RS_INVALID);
    munmap(seats, sizeof *seats);
}

static void test_seat_passes_on_when_its_owner_leaves_or_dies(void)
{
    struct rs_seats *seats = shared_seats();
    struct rs_seat *seat = &seats->seat[1];
    pid_t pid = sit_down(seat);
    CHECK(rs_seat_take(seat, 1) == RS_SEAT_BUSY);
    CHECK(rs_seat_take(&seats->seat[2], 1) == RS_SEAT_TAKEN);
    kill_and_wait(pid);
    CHECK(rs_seat_take(seat, 1000) == RS_SEAT_INHERITED);
    rs_seat_leave(seat);
    CHECK(rs_seat_take(seat, 1000) == RS_SEAT_TAKEN);
    rs_seat_leave(seat);
    rs_seat_leave(&seats->seat[2]);
    munmap(seats, sizeof *seats);
}

static void test_third_crash_within_ten_seconds_is_often(void)
{
    static struct rs_seat seat;
    CHECK(!rs_seat_crashed_often(&seat, 1000));
    CHECK(!rs_seat_crashed_often(&seat, 2000));
    CHECK(!rs_seat_crashed_often(&seat, 11000)); /* ten seconds after the first */
    CHECK(rs_seat_crashed_often(&seat, 11999));
    CHECK(rs_seat_crashed_often(&seat, 12000));
    CHECK(!rs_seat_crashed_often(&seat, 30000));
}

int main(void)
{
    test_memory_that_is_no_seats_is_refused();
    test_seat_passes_on_when_its_owner_leaves_or_dies();
    test_third_crash_within_ten_seconds_is_often();
    return 0;
}
