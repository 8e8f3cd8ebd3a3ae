/* The table of sessions beside a list that is searched from end to end. */
#include <string.h>

#include "check.h"
#include "session_table.h"

#define CAPACITY 64
#define ADDRESSES 48 /* more than fit */

static struct rs_session_entry entries[CAPACITY];
static struct rs_session_table table;
static struct rs_srtp keys;

static struct rs_address address(unsigned n)
{
    struct rs_address made = {.port = (uint16_t)(1000 + n)};
    memcpy(made.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", RS_ADDRESS_IP_SIZE);
    return made;
}

static void start(uint8_t secret)
{
    memset(entries, 0, sizeof entries);
    table = (struct rs_session_table){.entries = entries, .capacity = CAPACITY};
    table.secret[0] = secret;
}

static void what_was_put_in_is_found_and_nothing_else(void)
{
    struct rs_address here = address(1), there = address(2);
    start(0);
    CHECK(rs_session_table_find(&table, &here) == NULL);
    CHECK(rs_session_table_put(&table, &here, 7, &keys, NULL) == RS_OK);
    CHECK(rs_session_table_find(&table, &there) == NULL);
    CHECK(rs_session_table_put(&table, &there, 0, NULL, NULL) == RS_INVALID);
    const struct rs_session_entry *found = rs_session_table_find(&table, &here);
    CHECK(found != NULL && found->session == 7 && found->srtp == &keys);
    CHECK(rs_session_table_put(&table, &here, 8, NULL, NULL) == RS_OK && table.count == 1);
    found = rs_session_table_find(&table, &here);
    CHECK(found->session == 8 && found->srtp == NULL);
    rs_session_table_remove(&table, &there);
    rs_session_table_remove(&table, &here);
    rs_session_table_remove(&table, &here);
    CHECK(table.count == 0 && rs_session_table_find(&table, &here) == NULL);
}

static void half_a_table_is_full(void)
{
    start(1);
    for (unsigned n = 0; n < CAPACITY / 2; n++) {
        struct rs_address client = address(n);
        CHECK(rs_session_table_put(&table, &client, n + 1, NULL, NULL) == RS_OK);
    }
    struct rs_address known = address(3), another = address(CAPACITY);
    CHECK(rs_session_table_put(&table, &another, 99, NULL, NULL) == RS_FULL);
    CHECK(rs_session_table_find(&table, &another) == NULL);
    CHECK(rs_session_table_put(&table, &known, 99, NULL, NULL) == RS_OK);
}

/* Random puts and removals with every secret collide in every way that chains of a small table can. */
static void agrees_with_a_list(uint8_t secret)
{
    uint64_t list[ADDRESSES] = {0};
    uint32_t random = 0x9e3779b9u + secret;
    start(secret);
    for (unsigned step = 0; step < 4000; step++) {
        random = random * 1664525u + 1013904223u;
        unsigned n = (random >> 8) % ADDRESSES;
        struct rs_address client = address(n);
        if (random >> 28 < 7) {
            rs_session_table_remove(&table, &client);
            list[n] = 0;
        } else if (rs_session_table_put(&table, &client, step + 1, NULL, NULL) == RS_OK) {
            list[n] = step + 1;
        } else {
            CHECK(list[n] == 0 && table.count == CAPACITY / 2);
        }
        for (unsigned i = 0; i < ADDRESSES; i++) {
            struct rs_address asked = address(i);
            const struct rs_session_entry *found = rs_session_table_find(&table, &asked);
            CHECK(found == NULL ? list[i] == 0 : found->session == list[i]);
        }
    }
}

int main(void)
{
    what_was_put_in_is_found_and_nothing_else();
    half_a_table_is_full();
    for (unsigned secret = 0; secret < 20; secret++)
        agrees_with_a_list((uint8_t)secret);
    return 0;
}
