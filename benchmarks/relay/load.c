/* Prints its transceiver's port, then obeys lines of standard input and answers each with one line:
 *
 *   relay PORT                        where clients send to
 *   key ID TAG MASK                   hex; the hint key that requests are minted with
 *   media HEX, request OFFSET HEX     what clients send; OFFSET of the ufrag in the request
 *   runs, trunks                      lets the transceiver send and receive these
 *   flows FIRST COUNT                 makes these clients' flows
 *   renew COUNT                       sends each of the first COUNT flows a datagram from its transceiver
 *   run WHAT RATE MILLIS FLOWS SIZES  WHAT: up, both, echo; SIZES: equal, mixed. Answers in JSON */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct load load;

static size_t from_hex(const char *text, uint8_t *out, size_t room)
{
    size_t len = 0;
    for (unsigned octet; len < room && sscanf(text, "%2x", &octet) == 1; text += 2)
        out[len++] = (uint8_t)octet;
    return len;
}

static void run(const char *what, unsigned rate, unsigned millis, unsigned flows, const char *sizes)
{
    struct load_run run = {.rate = rate, .millis = millis, .flows = flows, .is_mixed = strcmp(sizes, "mixed") == 0};
    struct load_result result;
    run.is_echo = strcmp(what, "echo") == 0;
    run.is_down = strcmp(what, "both") == 0;
    run.is_up = true;
    if (flows == 0 || load.media_len < 2 * sizeof(struct load_mark))
        load_fail("run");
    load_run(&load, &run, &result);
    printf("{\"sent\": %ju, \"up\": %ju, \"down\": %ju, \"misdirected\": %ju, \"send_ns\": %ju, \"p50\": %ju, "
           "\"p99\": %ju, \"p999\": %ju}\n",
           (uintmax_t)result.sent, (uintmax_t)result.up, (uintmax_t)result.down, (uintmax_t)result.misdirected,
           (uintmax_t)result.send_ns, (uintmax_t)result.p50, (uintmax_t)result.p99, (uintmax_t)result.p999);
}

static void add_key(unsigned id, const char *tag, const char *mask)
{
    uint8_t key[2][RS_SIPHASH_KEY_SIZE];
    from_hex(tag, key[0], sizeof key[0]);
    from_hex(mask, key[1], sizeof key[1]);
    if (rs_hint_keys_set(&load.keys, id, key[0], key[1]) != RS_OK)
        load_fail("key");
}

/* Whether the line was one of those that only set something. */
static bool set(const char *line)
{
    unsigned a;
    int at = 0;
    char tag[64], mask[64];
    if (strcmp(line, "runs\n") == 0)
        load_use_runs(&load);
    else if (strcmp(line, "trunks\n") == 0)
        load_use_trunks(&load);
    else if (sscanf(line, "relay %u", &a) == 1)
        load.relay = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons((uint16_t)a), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    else if (sscanf(line, "key %u %63s %63s", &a, tag, mask) == 3)
        add_key(a, tag, mask);
    else if (strncmp(line, "media ", 6) == 0)
        load.media_len = from_hex(line + 6, load.media, sizeof load.media - 64);
    else if (sscanf(line, "request %zu %n", &load.ufrag_offset, &at) == 1 && at > 0)
        load.request_len = from_hex(line + at, load.request, sizeof load.request);
    else
        return false;
    puts("ok");
    return true;
}

static void obey(const char *line)
{
    unsigned a, b, c;
    char what[16], sizes[16];
    errno = 0;
    if (set(line))
        return;
    if (sscanf(line, "flows %u %u", &a, &b) == 2) {
        load_make_flows(&load, a, b);
        puts("ok");
    } else if (sscanf(line, "renew %u", &a) == 1) {
        load_renew_flows(&load, a);
        puts("ok");
    } else if (sscanf(line, "run %15s %u %u %u %15s", what, &a, &b, &c, sizes) == 5) {
        run(what, a, b, c, sizes);
    } else {
        load_fail(line);
    }
}

int main(void)
{
    static char line[2 * LOAD_DATAGRAM + 64];
    load_open(&load);
    printf("%u\n", (unsigned)load_port_of(load.transceiver.fd));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        obey(line);
        fflush(stdout);
    }
    return 0;
}
