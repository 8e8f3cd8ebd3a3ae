/* The queue of flows: order, what is lost when nobody pops, and two threads at once. */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "flow_ring.h"

#define PUSHES 300000u

static struct rs_flow_ring ring;

static struct rs_flow flow_number(uint32_t number)
{
    struct rs_flow flow = {.client.port = (uint16_t)number, .cluster = (uint16_t)(number >> 16), .has_hint = 1};
    memcpy(flow.client.ip, &number, sizeof number);
    memcpy(flow.hint, &number, sizeof number);
    return flow;
}

/* The number, if all parts of the flow agree on it. */
static uint32_t number_of(const struct rs_flow *flow)
{
    uint32_t number;
    memcpy(&number, flow->client.ip, sizeof number);
    CHECK(memcmp(flow->hint, &number, sizeof number) == 0);
    CHECK(flow->client.port == (uint16_t)number && flow->cluster == (uint16_t)(number >> 16));
    return number;
}

static void push_range(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct rs_flow flow = flow_number(i);
        rs_flow_ring_push(&ring, &flow);
    }
}

static void test_flows_come_out_in_order(void)
{
    struct rs_flow out[8];
    memset(&ring, 0, sizeof ring);
    CHECK(rs_flow_ring_is_empty(&ring) && rs_flow_ring_pop(&ring, out, 8) == 0);
    push_range(0, 10);
    CHECK(!rs_flow_ring_is_empty(&ring));
    CHECK(rs_flow_ring_pop(&ring, out, 8) == 8 && number_of(&out[0]) == 0 && number_of(&out[7]) == 7);
    CHECK(rs_flow_ring_pop(&ring, out, 8) == 2 && number_of(&out[1]) == 9);
    CHECK(rs_flow_ring_is_empty(&ring) && rs_flow_ring_lost(&ring) == 0);
}

static void test_the_oldest_are_lost_and_counted(void)
{
    struct rs_flow out[RS_FLOW_RING];
    memset(&ring, 0, sizeof ring);
    push_range(0, RS_FLOW_RING);
    CHECK(rs_flow_ring_pop(&ring, out, 1) == 1 && number_of(&out[0]) == 0 && rs_flow_ring_lost(&ring) == 0);
    push_range(RS_FLOW_RING, 2 * RS_FLOW_RING + 5);
    CHECK(rs_flow_ring_pop(&ring, out, RS_FLOW_RING) == RS_FLOW_RING);
    CHECK(number_of(&out[0]) == RS_FLOW_RING + 5 && number_of(&out[RS_FLOW_RING - 1]) == 2 * RS_FLOW_RING + 4);
    CHECK(rs_flow_ring_lost(&ring) == RS_FLOW_RING + 4 && rs_flow_ring_is_empty(&ring));
}

static void test_a_writer_that_died_halfway_leaves_nothing(void)
{
    struct rs_flow out[2];
    memset(&ring, 0, sizeof ring);
    push_range(0, 1);
    atomic_store(&ring.slots[1].state, 3); /* began with flow 1 and was killed */
    CHECK(rs_flow_ring_pop(&ring, out, 2) == 1);
    push_range(1, 2);
    CHECK(rs_flow_ring_pop(&ring, out, 2) == 1 && number_of(&out[0]) == 1);
}

static void *push_all(void *unused)
{
    (void)unused;
    push_range(1, PUSHES + 1);
    return NULL;
}

static void test_two_threads_see_whole_flows_in_order(void)
{
    struct rs_flow out[64];
    pthread_t pusher;
    uint64_t popped = 0;
    uint32_t last = 0;
    memset(&ring, 0, sizeof ring);
    CHECK(pthread_create(&pusher, NULL, push_all, NULL) == 0);
    while (last != PUSHES) {
        unsigned count = rs_flow_ring_pop(&ring, out, 64);
        for (unsigned i = 0; i < count; i++) {
            CHECK(number_of(&out[i]) > last);
            last = number_of(&out[i]);
        }
        popped += count;
    }
    pthread_join(pusher, NULL);
    CHECK(popped + rs_flow_ring_lost(&ring) == PUSHES);
}

int main(void)
{
    test_flows_come_out_in_order();
    test_the_oldest_are_lost_and_counted();
    test_a_writer_that_died_halfway_leaves_nothing();
    test_two_threads_see_whole_flows_in_order();
    return 0;
}
