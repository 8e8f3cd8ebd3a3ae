#include "path_reader.h"

#include <errno.h>
#include <math.h>
#include <poll.h>

#include "clock.h"

#define BATCHES 8    /* in one go: who reads this socket has others to serve */
#define LONGEST 0.05 /* seconds of taking until the caller has its turn in any case */

static void add(struct rs_path_turn *sum, const struct rs_path_turn *turn)
{
    sum->received += turn->received;
    sum->returned += turn->returned;
    sum->failed += turn->failed;
    sum->kept = turn->kept;
    sum->now = turn->now;
}

static int take(struct rs_path_reader *reader, struct rs_path_turn *sum)
{
    reader->started = rs_clock_now();
    for (unsigned n = 0; n < BATCHES; n++) {
        struct rs_path_turn turn;
        if (rs_path_socket_turn(reader->socket, reader->table, reader->batch, reader->facts, reader->echoes, &turn) < 0)
            return -1;
        add(sum, &turn);
        reader->is_full = turn.received == RS_UDP_BATCH;
        if (turn.kept != 0 || !reader->is_full)
            break;
    }
    return 0;
}

int rs_path_reader_take(struct rs_path_reader *reader, struct rs_path_turn *out)
{
    *out = (struct rs_path_turn){0};
    return take(reader, out);
}

static void rest(struct rs_path_reader *reader, double now)
{
    if (reader->started == 0.0)
        return;
    rs_gathering_note(&reader->gathering, reader->started, now);
    reader->started = 0.0;
    reader->resumes_at = reader->is_full ? now : now + rs_gathering_pause(&reader->gathering);
}

double rs_path_reader_rest(struct rs_path_reader *reader)
{
    double now = rs_clock_now();
    rest(reader, now);
    return reader->resumes_at > now ? reader->resumes_at - now : 0.0;
}

/* Waits for `others`, and for the socket unless it is left alone; `seconds` may be infinite. Returns what there is:
 * RS_READER_OTHERS, and RS_READER_FACTS for datagrams; -1: errno. */
static int await(const struct rs_path_reader *reader, int others, bool rests, double seconds)
{
    struct pollfd waiting[2] = {{.fd = others, .events = POLLIN}, {.fd = reader->socket->udp.fd, .events = POLLIN}};
    struct timespec limit = {0};
    if (seconds > 0.0 && !isinf(seconds)) {
        limit.tv_sec = (time_t)seconds;
        limit.tv_nsec = (long)((seconds - (double)limit.tv_sec) * 1e9);
    }
    if (ppoll(waiting, rests ? 1 : 2, isinf(seconds) ? NULL : &limit, NULL) < 0)
        return -1;
    return (waiting[0].revents != 0 ? RS_READER_OTHERS : 0) | (waiting[1].revents != 0 ? RS_READER_FACTS : 0);
}

int rs_path_reader_wait(struct rs_path_reader *reader, int others, double seconds, struct rs_path_turn *out)
{
    double began = rs_clock_now(), until = seconds < 0.0 ? INFINITY : began + seconds, now = began;
    *out = (struct rs_path_turn){0};
    rest(reader, now);
    for (;;) {
        bool rests = now < reader->resumes_at, has_more = reader->is_full && !rests;
        double end = rests && reader->resumes_at < until ? reader->resumes_at : until;
        int found = await(reader, others, rests, has_more ? 0.0 : end - now);
        if (found < 0)
            return errno == EINTR ? 0 : -1;
        now = rs_clock_now();
        if (has_more || (rests ? now >= reader->resumes_at : found & RS_READER_FACTS)) {
            if (take(reader, out) < 0)
                return -1;
            if (out->kept != 0)
                return (found & RS_READER_OTHERS) | RS_READER_FACTS;
            now = rs_clock_now();
            rest(reader, now);
        }
        if (found & RS_READER_OTHERS || now >= until || now - began >= LONGEST)
            return found & RS_READER_OTHERS;
    }
}
