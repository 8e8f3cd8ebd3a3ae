/* Return paths: told apart, found by proxy address, replaced when their places are taken, read while they change. */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "return_paths.h"

static struct rs_return_paths paths;

static struct rs_address address(uint32_t number, uint16_t port)
{
    struct rs_address made = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10}, port};
    made.ip[13] = (uint8_t)(number >> 16);
    made.ip[14] = (uint8_t)(number >> 8);
    made.ip[15] = (uint8_t)number;
    return made;
}

static struct rs_return_path path_of(uint32_t relay, uint32_t proxy)
{
    return (struct rs_return_path){
        .relay = address(relay, 4000), .local = address(relay, 5000), .proxy = address(proxy, 3478)};
}

static void test_a_path_keeps_its_number(void)
{
    struct rs_return_path first = path_of(1, 100), other_proxy = path_of(1, 101), other_relay = path_of(2, 100), got;
    memset(&paths, 0, sizeof paths);
    CHECK(!rs_return_paths_get(&paths, 0, &got) && !rs_return_paths_get(&paths, RS_RETURN_PATHS, &got));
    uint32_t number = rs_return_paths_note(&paths, &first, 0);
    CHECK(rs_return_paths_note(&paths, &other_proxy, 0) != number);
    CHECK(rs_return_paths_note(&paths, &other_relay, 0) != number);
    CHECK(rs_return_paths_note(&paths, &first, 1000000) == number);
    CHECK(rs_return_paths_get(&paths, number, &got) && memcmp(&got, &first, sizeof got) == 0);
}

static void test_the_relay_seen_last_is_found_by_its_proxy_address(void)
{
    struct rs_return_path got;
    const uint32_t start = UINT32_MAX - 50; /* the clock wraps on the way */
    const struct rs_address proxy = address(100, 3478), unknown = address(102, 3478);
    memset(&paths, 0, sizeof paths);
    for (uint32_t relay = 1; relay <= 3; relay++) {
        const struct rs_return_path path = path_of(relay, 100), other = path_of(relay, 101);
        rs_return_paths_note(&paths, &path, start + 100 * (relay % 3));
        rs_return_paths_note(&paths, &other, start + 900);
    }
    CHECK(rs_return_paths_find(&paths, &proxy, start + 1000, &got) && got.relay.ip[15] == 2);
    CHECK(!rs_return_paths_find(&paths, &unknown, start + 1000, &got));
}

static void test_there_is_always_room_for_one_more(void)
{
    struct rs_return_path got;
    memset(&paths, 0, sizeof paths);
    for (uint32_t i = 0; i < 8 * RS_RETURN_PATHS; i++) {
        const struct rs_return_path path = path_of(i, i);
        uint32_t number = rs_return_paths_note(&paths, &path, i);
        CHECK(number < RS_RETURN_PATHS && rs_return_paths_get(&paths, number, &got));
        CHECK(memcmp(&got, &path, sizeof got) == 0);
    }
}

static void *note_many(void *unused)
{
    for (uint32_t i = 0; i < 200000; i++) {
        const struct rs_return_path path = path_of(i, i);
        rs_return_paths_note(&paths, &path, i);
    }
    return unused;
}

static void test_no_reader_sees_half_a_path(void)
{
    pthread_t writer;
    memset(&paths, 0, sizeof paths);
    CHECK(pthread_create(&writer, NULL, note_many, NULL) == 0);
    for (uint32_t i = 0; i < 200000; i++) {
        struct rs_return_path got;
        if (rs_return_paths_get(&paths, i % RS_RETURN_PATHS, &got))
            CHECK(memcmp(got.relay.ip, got.proxy.ip, sizeof got.relay.ip) == 0);
    }
    pthread_join(writer, NULL);
}

int main(void)
{
    test_a_path_keeps_its_number();
    test_the_relay_seen_last_is_found_by_its_proxy_address();
    test_there_is_always_room_for_one_more();
    test_no_reader_sees_half_a_path();
    return 0;
}
