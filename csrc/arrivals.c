#include "arrivals.h"

#include <string.h>

#include "wire.h"

/* All ours; the row of the checklist allows 50 to 250 ms */
#define INTERVAL 0.2
#define SHORTEST_INTERVAL 0.05
#define EARLY 50   /* arrivals that do not wait for the rest of the interval */
#define MEMORY 0.5 /* seconds that a reported arrival is known, for those that come late */

#define TICKS_PER_SECOND 4000.0
#define TICKS_PER_REFERENCE 256u
#define BEFORE_THE_FIRST 0x10000u
#define HEAD 8u
#define MAX_RUN 0x1fffu
#define MAX_COUNT 0xffffu
#define VECTOR 0x8000u
#define TWO_BIT 0x4000u
#define ONE_BIT_SYMBOLS 14u
#define TWO_BIT_SYMBOLS 7u
#define RTPFB 205
#define TRANSPORT_WIDE 15

enum symbol { NOT_RECEIVED, SMALL, LARGE };

/* A message while it is made: `lost` numbers, then `known` symbols. */
struct draft {
    uint32_t lost, known;
    uint8_t symbols[RS_ARRIVALS];
    uint8_t *end;
};

void rs_arrivals_init(struct rs_arrivals *arrivals)
{
    arrivals->due = RS_ARRIVALS_NEVER;
}

static uint64_t *word_of(struct rs_arrivals *arrivals, uint64_t number)
{
    return &arrivals->received[number % RS_ARRIVALS / 64];
}

static bool is_received(const struct rs_arrivals *arrivals, uint64_t number)
{
    return arrivals->received[number % RS_ARRIVALS / 64] >> (number % 64) & 1;
}

/* The lowest number that is known. */
static uint64_t floor_of(const struct rs_arrivals *arrivals)
{
    return arrivals->highest - RS_ARRIVALS + 1;
}

static bool has_unnamed(const struct rs_arrivals *arrivals, uint64_t end)
{
    uint64_t begin = arrivals->next > floor_of(arrivals) ? arrivals->next : floor_of(arrivals);
    for (uint64_t number = begin; number < end && number <= arrivals->highest; number++)
        if (is_received(arrivals, number))
            return true;
    return false;
}

/* Makes room for all numbers up to this one. */
static bool advance(struct rs_arrivals *arrivals, uint64_t number)
{
    if (has_unnamed(arrivals, number - RS_ARRIVALS + 1))
        return false;
    uint64_t fresh = number - arrivals->highest < RS_ARRIVALS ? number - arrivals->highest : RS_ARRIVALS;
    for (uint64_t each = number - fresh + 1; each <= number; each++)
        *word_of(arrivals, each) &= ~(UINT64_C(1) << (each % 64));
    arrivals->highest = number;
    return true;
}

static uint64_t extended(const struct rs_arrivals *arrivals, uint16_t number)
{
    return arrivals->highest + (uint64_t)(int64_t)(int16_t)(number - (uint16_t)arrivals->highest);
}

static bool schedule(struct rs_arrivals *arrivals, double now)
{
    double before = arrivals->due, early = arrivals->sent_at + SHORTEST_INTERVAL;
    if (before == RS_ARRIVALS_NEVER) {
        arrivals->due = now + INTERVAL;
    } else if (arrivals->pending == EARLY) {
        early = early > now ? early : now;
        arrivals->due = early < before ? early : before;
    }
    return arrivals->due != before;
}

bool rs_arrivals_note(struct rs_arrivals *arrivals, uint16_t number, uint32_t ssrc, double now)
{
    if (arrivals->highest == 0) {
        arrivals->next = BEFORE_THE_FIRST + number;
        arrivals->highest = arrivals->next - 1;
    }
    arrivals->ssrc = ssrc;
    uint64_t place = extended(arrivals, number);
    if (place <= arrivals->forgotten || place < floor_of(arrivals) ||
        (place <= arrivals->highest && is_received(arrivals, place)))
        return false;
    if (place > arrivals->highest && !advance(arrivals, place))
        return false;
    *word_of(arrivals, place) |= UINT64_C(1) << (place % 64);
    arrivals->ticks[place % RS_ARRIVALS] = (uint32_t)(uint64_t)(now * TICKS_PER_SECOND);
    arrivals->pending++;
    arrivals->next = place < arrivals->next ? place : arrivals->next;
    return schedule(arrivals, now);
}

/* Numbers that came so long ago are not said again, nor any before them. */
static void forget(struct rs_arrivals *arrivals, double now)
{
    uint32_t ticks = (uint32_t)(uint64_t)(now * TICKS_PER_SECOND);
    for (uint64_t number = arrivals->highest; number > arrivals->forgotten && number >= floor_of(arrivals); number--)
        if (is_received(arrivals, number) &&
            ticks - arrivals->ticks[number % RS_ARRIVALS] >= MEMORY * TICKS_PER_SECOND) {
            arrivals->forgotten = number;
            return;
        }
}

static enum symbol symbol_at(const struct draft *draft, uint32_t index)
{
    return index < draft->lost ? NOT_RECEIVED : (enum symbol)draft->symbols[index - draft->lost];
}

static uint32_t run_at(const struct draft *draft, uint32_t index)
{
    uint32_t count = draft->lost + draft->known, end = index + 1;
    if (index < draft->lost)
        end = draft->lost - index < MAX_RUN ? draft->lost : index + MAX_RUN;
    while (end < count && end - index < MAX_RUN && symbol_at(draft, end) == symbol_at(draft, index))
        end++;
    return end - index;
}

static bool has_large(const struct draft *draft, uint32_t index, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++)
        if (symbol_at(draft, index + n) == LARGE)
            return true;
    return false;
}

/* One chunk: a run where that covers at least what a vector would. Returns how many symbols it covers. */
static uint32_t write_chunk(const struct draft *draft, uint32_t index, uint16_t *chunk)
{
    uint32_t left = draft->lost + draft->known - index, run = run_at(draft, index);
    uint32_t narrow = left < ONE_BIT_SYMBOLS ? left : ONE_BIT_SYMBOLS;
    uint32_t wide = left < TWO_BIT_SYMBOLS ? left : TWO_BIT_SYMBOLS;
    bool is_wide = has_large(draft, index, narrow);
    if (run >= (is_wide ? wide : narrow)) {
        *chunk = (uint16_t)((unsigned)symbol_at(draft, index) << 13 | run);
        return run;
    }
    uint32_t covered = is_wide ? wide : narrow;
    unsigned bits = is_wide ? VECTOR | TWO_BIT : VECTOR;
    for (uint32_t n = 0; n < covered; n++)
        bits |= (unsigned)symbol_at(draft, index + n) << (is_wide ? 12 - 2 * n : 13 - n);
    *chunk = (uint16_t)bits;
    return covered;
}

static void write_chunks(struct draft *draft)
{
    uint16_t chunk;
    for (uint32_t index = 0; index < draft->lost + draft->known; draft->end += 2) {
        index += write_chunk(draft, index, &chunk);
        rs_write_u16be(draft->end, chunk);
    }
}

/* Collects symbols and deltas from `first`, which was received, until a delta is too far. Returns the octets of the
 * deltas, and the last number in `last`. */
static size_t collect(const struct rs_arrivals *arrivals, uint64_t first, struct draft *draft, uint8_t *deltas,
                      uint64_t *last)
{
    uint32_t clock = arrivals->ticks[first % RS_ARRIVALS] / TICKS_PER_REFERENCE * TICKS_PER_REFERENCE;
    size_t len = 0;
    for (uint64_t number = first; number <= arrivals->highest; number++) {
        if (!is_received(arrivals, number))
            continue;
        int32_t delta = (int32_t)(arrivals->ticks[number % RS_ARRIVALS] - clock);
        if (delta < INT16_MIN || delta > INT16_MAX)
            break;
        clock += (uint32_t)delta;
        draft->symbols[number - first] = delta >= 0 && delta <= UINT8_MAX ? SMALL : LARGE;
        if (draft->symbols[number - first] == LARGE)
            deltas[len++] = (uint8_t)(delta >> 8);
        deltas[len++] = (uint8_t)delta;
        *last = number;
    }
    draft->known = (uint32_t)(*last - first) + 1;
    return len;
}

size_t rs_arrivals_take(struct rs_arrivals *arrivals, double now, uint8_t message[RS_ARRIVALS_MESSAGE])
{
    struct draft draft = {.end = message + HEAD};
    uint8_t deltas[2 * RS_ARRIVALS];
    uint64_t first = arrivals->next > floor_of(arrivals) ? arrivals->next : floor_of(arrivals), last = 0;
    arrivals->due = RS_ARRIVALS_NEVER;
    arrivals->pending = 0;
    while (first <= arrivals->highest && !is_received(arrivals, first))
        first++;
    if (arrivals->highest == 0 || first > arrivals->highest) {
        forget(arrivals, now);
        return 0;
    }
    size_t octets = collect(arrivals, first, &draft, deltas, &last);
    uint64_t base = arrivals->next + MAX_COUNT > last ? arrivals->next : last - MAX_COUNT + 1;
    draft.lost = (uint32_t)(first - base);
    rs_write_u16be(message, (uint16_t)base);
    rs_write_u16be(message + 2, (uint16_t)(last - base + 1));
    rs_write_u32be(message + 4, arrivals->ticks[first % RS_ARRIVALS] / TICKS_PER_REFERENCE << 8 |
                                    (uint32_t)(arrivals->messages & 0xff));
    write_chunks(&draft);
    memcpy(draft.end, deltas, octets);
    size_t len = (size_t)(draft.end - message) + octets, padded = (len + 3u) & ~(size_t)3u;
    memset(message + len, 0, padded - len);
    arrivals->messages++;
    arrivals->sent_at = now;
    arrivals->next = last + 1;
    return padded;
}

size_t rs_arrivals_packet(struct rs_arrivals *arrivals, uint32_t sender, double now,
                          uint8_t packet[RS_ARRIVALS_HEADER + RS_ARRIVALS_MESSAGE])
{
    size_t len = rs_arrivals_take(arrivals, now, packet + RS_ARRIVALS_HEADER);
    if (len == 0)
        return 0;
    len += RS_ARRIVALS_HEADER;
    packet[0] = 0x80 | TRANSPORT_WIDE;
    packet[1] = RTPFB;
    rs_write_u16be(packet + 2, (uint16_t)(len / 4 - 1));
    rs_write_u32be(packet + 4, sender);
    rs_write_u32be(packet + 8, arrivals->ssrc);
    return len;
}
