#include "return_paths.h"

#include <string.h>

#define PROBES 8
#define READ_ATTEMPTS 64

_Static_assert(sizeof(struct rs_return_path) % sizeof(uint64_t) == 0, "a path is read and written in words");

/* Only relays that the operator trusts get in, so an unkeyed hash does. */
static uint32_t first_place(const struct rs_return_path *path)
{
    uint64_t words[RS_RETURN_PATH_WORDS], hash = 0;
    memcpy(words, path, sizeof words);
    for (unsigned i = 0; i < RS_RETURN_PATH_WORDS; i++)
        hash = (hash ^ words[i]) * 0xff51afd7ed558ccdu + (hash >> 29);
    return (uint32_t)(hash >> 32) % RS_RETURN_PATHS;
}

static uint32_t age_ms(uint32_t now_ms, uint32_t then_ms)
{
    int32_t age = (int32_t)(now_ms - then_ms);
    return age > 0 ? (uint32_t)age : 0;
}

bool rs_return_paths_get(const struct rs_return_paths *paths, uint32_t number, struct rs_return_path *out)
{
    if (number >= RS_RETURN_PATHS)
        return false;
    const struct rs_return_path_slot *slot = &paths->slots[number];
    for (unsigned attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        uint64_t words[RS_RETURN_PATH_WORDS];
        uint32_t before = atomic_load_explicit(&slot->seq, memory_order_acquire);
        if (before == 0)
            return false;
        if (before % 2 != 0)
            continue;
        for (unsigned i = 0; i < RS_RETURN_PATH_WORDS; i++)
            words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&slot->seq, memory_order_relaxed) == before) {
            memcpy(out, words, sizeof words);
            return true;
        }
    }
    return false; /* its writer died on it */
}

static void write_slot(struct rs_return_path_slot *slot, const struct rs_return_path *path)
{
    uint64_t words[RS_RETURN_PATH_WORDS];
    uint32_t writing = atomic_load_explicit(&slot->seq, memory_order_relaxed) | 1; /* odd already: a writer died */
    memcpy(words, path, sizeof words);
    atomic_store_explicit(&slot->seq, writing, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (unsigned i = 0; i < RS_RETURN_PATH_WORDS; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
    uint32_t written = writing + 1 != 0 ? writing + 1 : 2;
    atomic_store_explicit(&slot->seq, written, memory_order_release);
}

uint32_t rs_return_paths_note(struct rs_return_paths *paths, const struct rs_return_path *path, uint32_t now_ms)
{
    uint32_t first = first_place(path), oldest = first, oldest_age = 0;
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t number = (first + i) % RS_RETURN_PATHS;
        struct rs_return_path_slot *slot = &paths->slots[number];
        struct rs_return_path held;
        uint32_t seen_ms = atomic_load_explicit(&slot->seen_ms, memory_order_relaxed);
        if (!rs_return_paths_get(paths, number, &held)) {
            oldest = number;
            break;
        }
        if (memcmp(&held, path, sizeof held) == 0) {
            if (seen_ms != now_ms)
                atomic_store_explicit(&slot->seen_ms, now_ms, memory_order_relaxed);
            return number;
        }
        if (age_ms(now_ms, seen_ms) > oldest_age) {
            oldest = number;
            oldest_age = age_ms(now_ms, seen_ms);
        }
    }
    write_slot(&paths->slots[oldest], path);
    atomic_store_explicit(&paths->slots[oldest].seen_ms, now_ms, memory_order_relaxed);
    return oldest;
}

bool rs_return_paths_find(const struct rs_return_paths *paths, const struct rs_address *proxy, uint32_t now_ms,
                          struct rs_return_path *out)
{
    uint32_t best_age = UINT32_MAX;
    for (uint32_t i = 0; i < RS_RETURN_PATHS; i++) {
        struct rs_return_path held;
        uint32_t age = age_ms(now_ms, atomic_load_explicit(&paths->slots[i].seen_ms, memory_order_relaxed));
        if (age < best_age && rs_return_paths_get(paths, i, &held) && rs_address_equal(&held.proxy, proxy)) {
            best_age = age;
            *out = held;
        }
    }
    return best_age != UINT32_MAX;
}
