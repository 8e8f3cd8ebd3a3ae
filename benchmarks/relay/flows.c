/* The flow table at work by itself: octets per flow, what a look-up takes, with clients that somebody chose to collide
 * under a plain hash too, and how long one sweep takes when all flows expire at once. Prints `name value` lines.
 *
 *   flows COUNT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "flow_slots.h"

enum { LIFETIME_MS = 60000, LOOKUPS = 1000000, NS_MAX = 1 << 16, HUGE = 1 << 21 };

static const uint8_t secret[RS_SIPHASH_KEY_SIZE] = {0x8d, 0x11, 0xf0, 0x3a, 0x52, 0x9c, 0x77, 0x01,
                                                    0xe4, 0x60, 0x1b, 0xc5, 0x2f, 0xaa, 0x93, 0x38};

typedef struct rs_address client_of(uint32_t number);

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

static uint32_t mixed(uint32_t x)
{
    x = (x ^ x >> 16) * 0x45d9f3bu;
    x = (x ^ x >> 16) * 0x45d9f3bu;
    return x ^ x >> 16;
}

/* Clients as they come: any IPv4 address, any port. */
static struct rs_address random_client(uint32_t number)
{
    struct rs_address client = {{[10] = 0xff, [11] = 0xff}, (uint16_t)(1024 + mixed(number ^ 0x5bd1e995u) % 64000)};
    uint32_t ip = mixed(number);
    memcpy(client.ip + 12, &ip, sizeof ip);
    return client;
}

/* Clients of one who can choose: the words of address and port cancel out wherever a hash adds or xors them, and their
 * low octets never change. */
static struct rs_address chosen_client(uint32_t number)
{
    struct rs_address client = {{0x20, 0x01, 0x0d, 0xb8}, 1024};
    uint32_t high = number << 8, low = ~high + 1;
    memcpy(client.ip + 8, &high, sizeof high);
    memcpy(client.ip + 12, &low, sizeof low);
    return client;
}

static struct rs_flow_table *new_table(uint32_t capacity, size_t *size)
{
    struct rs_flow_settings settings = {.capacity = capacity, .lifetime_ms = LIFETIME_MS, .hint_ways = 8};
    memcpy(settings.secret, secret, sizeof secret);
    *size = rs_flow_table_size(&settings);
    void *memory = aligned_alloc(HUGE, (*size + HUGE - 1) / HUGE * HUGE);
    if (memory == NULL)
        exit(1);
    madvise(memory, *size, MADV_HUGEPAGE);
    memset(memory, 0, *size);
    if (rs_flow_table_init(memory, *size, &settings) != RS_OK)
        exit(1);
    return memory;
}

static void fill(struct rs_flow_table *table, uint32_t count, client_of *client)
{
    uint32_t refused = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct rs_flow flow = {.client = client(i), .cluster = 1, .transceiver = (uint16_t)i, .has_hint = 1};
        memcpy(flow.hint, &i, sizeof i);
        refused += rs_flow_table_put(table, rs_flow_hash(secret, &flow.client), &flow, 0, false) == RS_FLOW_REFUSED;
    }
    printf("refused %u\n", refused);
}

/* Times of single look-ups, hash included, less what reading the clock takes. */
static void look_up(const struct rs_flow_table *table, uint32_t count, client_of *client, const char *name)
{
    static uint32_t taken[NS_MAX];
    uint64_t clock_ns = UINT64_MAX, sum = 0, seen = 0;
    memset(taken, 0, sizeof taken);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t start = now_ns(), elapsed = now_ns() - start;
        clock_ns = elapsed < clock_ns ? elapsed : clock_ns;
    }
    for (uint32_t i = 0; i < LOOKUPS; i++) {
        struct rs_address asked = client(mixed(i) % count);
        struct rs_flow_ref ref;
        uint64_t start = now_ns();
        bool is_found = rs_flow_table_find(table, rs_flow_hash(secret, &asked), &asked, 1, &ref);
        uint64_t elapsed = now_ns() - start;
        elapsed = elapsed > clock_ns ? elapsed - clock_ns : 0;
        if (!is_found)
            exit(1);
        taken[elapsed < NS_MAX ? elapsed : NS_MAX - 1]++;
        sum += elapsed;
    }
    printf("%s_mean_ns %.0f\n", name, (double)sum / LOOKUPS);
    const double parts[] = {0.5, 0.99, 0.999};
    const char *names[] = {"p50", "p99", "p999"};
    for (unsigned p = 0, ns = 0; p < 3; p++) {
        for (; ns < NS_MAX && (double)(seen + taken[ns]) < parts[p] * LOOKUPS; ns++)
            seen += taken[ns];
        printf("%s_%s_ns %u\n", name, names[p], ns);
    }
}

/* All flows are dead at once; sweeps `apart_ms` after one another: a busy worker's, and one's that had long nothing to
 * do. In CPU time: what other processes take away is no stall of ours. */
static void expire(struct rs_flow_table *table, uint32_t apart_ms)
{
    uint32_t now_ms = LIFETIME_MS;
    uint64_t longest = 0;
    unsigned calls = 0;
    rs_flow_table_sweep(table, now_ms);
    for (; rs_flow_table_count(table) > 0 && calls < 100000; calls++) {
        uint64_t start = read_ns(CLOCK_THREAD_CPUTIME_ID);
        rs_flow_table_sweep(table, now_ms += apart_ms);
        uint64_t elapsed = read_ns(CLOCK_THREAD_CPUTIME_ID) - start;
        longest = elapsed > longest ? elapsed : longest;
    }
    printf("sweep_%ums_apart_longest_us %.0f\nsweep_%ums_apart_left %u\n", apart_ms, (double)longest / 1000, apart_ms,
           rs_flow_table_count(table));
}

int main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    size_t size;
    if (count == 0 || count > RS_FLOW_CAPACITY_MAX)
        return 2;
    struct rs_flow_table *table = new_table(count, &size);
    printf("octets_per_flow %.1f\n", (double)size / count);
    fill(table, count, random_client);
    look_up(table, count, random_client, "random");
    expire(table, 1);
    free(table);
    table = new_table(count, &size);
    fill(table, count, chosen_client);
    look_up(table, count, chosen_client, "chosen");
    expire(table, 1000);
    free(table);
    return 0;
}
