/* Counters are read in the order of the struct, and no two writers share a cache line. */
#include "counters.h"

#include <pthread.h>
#include <string.h>

#include "check.h"

#define ROUNDS 200000

static struct rs_counters counters[2];

static void test_all_are_read_in_order(void)
{
    uint64_t read[RS_COUNTERS];
    rs_count(&counters[0].rx_datagrams, 3);
    rs_count(&counters[0].rx_datagrams, 4);
    rs_count(&counters[0].drops[RS_DROP_COUNT - 1], 5);
    rs_counters_read(&counters[0], read);
    CHECK(read[0] == 7 && read[RS_COUNTERS - 1] == 5);
    uint64_t sum = 0;
    for (size_t i = 0; i < RS_COUNTERS; i++)
        sum += read[i];
    CHECK(sum == 12);
}

static void *write_all(void *own)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        rs_count(&((struct rs_counters *)own)->tx_bytes, 2);
    return NULL;
}

static void test_a_reader_sees_them_grow_and_each_writer_its_own(void)
{
    pthread_t writers[2];
    uint64_t read[RS_COUNTERS], last = 0;
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&writers[i], NULL, write_all, &counters[i]) == 0);
    for (unsigned i = 0; i < 1000; i++) {
        rs_counters_read(&counters[0], read);
        CHECK(read[3] >= last && read[3] % 2 == 0);
        last = read[3];
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK(pthread_join(writers[i], NULL) == 0);
        CHECK(atomic_load(&counters[i].tx_bytes) == 2 * ROUNDS);
    }
}

int main(void)
{
    CHECK(sizeof counters[0] % 64 == 0 && (uintptr_t)&counters[1] % 64 == 0);
    test_all_are_read_in_order();
    test_a_reader_sees_them_grow_and_each_writer_its_own();
    return 0;
}
