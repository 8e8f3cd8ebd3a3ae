/* The load of the relay benchmark: clients in front of a relay and the transceiver behind it, in one thread, so that
 * one clock times both ends. Loopback only.
 *
 * All clients share one socket: each is an address of 127/8 of its own, chosen per datagram with IP_PKTINFO, so that a
 * million flows need no million descriptors. */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "hint.h"
#include "udp_batch.h"

enum { LOAD_BATCH = 64, LOAD_DATAGRAM = 1500, LOAD_SAMPLES_MAX = 1 << 22 };

/* A datagram of ours ends in this, in the octet order of the machine. */
struct load_mark {
    uint32_t client;
    uint32_t len;     /* of all of it */
    uint64_t sent_ns; /* CLOCK_MONOTONIC; 0: of no run */
};

struct load_batch {
    struct mmsghdr messages[LOAD_BATCH];
    struct iovec vectors[LOAD_BATCH];
    struct sockaddr_in names[LOAD_BATCH];
    uint64_t control[LOAD_BATCH][8];
    uint8_t buffers[LOAD_BATCH][LOAD_DATAGRAM];
};

struct load {
    int clients;
    struct rs_udp_socket transceiver;
    struct sockaddr_in relay;   /* its public address */
    struct rs_address upstream; /* its upstream address, as the last datagram that arrived says */
    uint16_t client_port;       /* of all clients */
    struct rs_hint_keys keys;
    uint8_t media[LOAD_DATAGRAM];
    size_t media_len;
    uint8_t request[LOAD_DATAGRAM]; /* with anybody's ufrag at `ufrag_offset` */
    size_t request_len;
    size_t ufrag_offset;
};

/* What clients and transceiver do in one run. */
struct load_run {
    bool is_up, is_down, is_echo;
    bool is_mixed;   /* lengths vary from datagram to datagram, as those of variable bit rate audio */
    unsigned rate;   /* datagrams per second and direction, evenly spaced; 0: as many as possible */
    unsigned millis; /* how long to send */
    unsigned flows;  /* in turns */
};

struct load_result {
    uint64_t sent, up, down; /* datagrams */
    uint64_t misdirected;    /* of those that arrived: at the wrong place, or of the wrong length */
    uint64_t send_ns;        /* from the first to the last sent */
    uint64_t p50, p99, p999; /* ns on the way; of echoes, there and back */
};

uint64_t load_clock_ns(void);
void load_fail(const char *what);

/* Opens both sockets. */
void load_open(struct load *load);
uint16_t load_port_of(int fd);
void load_receive_init(struct load_batch *batch);

/* Without blocking; how many came, or went. What does not fit into a send buffer is not sent. */
unsigned load_receive(int fd, struct load_batch *batch);
unsigned load_send(int fd, struct load_batch *batch, unsigned count);

/* Makes message `i` a client's, to the relay. */
void load_address_up(const struct load *load, struct load_batch *batch, unsigned i, uint32_t client, size_t len);

/* Puts a header in front of a transceiver's datagram for a client. */
void load_address_down(const struct load *load, struct rs_datagram *datagram, uint32_t client);

/* Has the transceiver send and receive runs, as ours does; or read trunks and send them. */
void load_use_runs(struct load *load);
void load_use_trunks(struct load *load);

/* Which client the kernel delivered message `i` to. */
uint32_t load_delivered_to(struct load_batch *batch, unsigned i);

/* A client's binding request, each with the hint of its own session; returns the length. */
size_t load_write_request(const struct load *load, uint8_t *out, uint32_t client);

/* Makes flows: requests up, and for each a datagram down that confirms it. Fails when the relay loses any for good. */
void load_make_flows(struct load *load, uint32_t first, uint32_t count);

/* Sends each flow a datagram from its transceiver, as calls get all the time. */
void load_renew_flows(struct load *load, uint32_t count);

void load_run(struct load *load, const struct load_run *run, struct load_result *out);

#endif
