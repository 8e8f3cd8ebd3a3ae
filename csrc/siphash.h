/* SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a keyed hash for tables whose keys
 * come from outside, and the short tag of the routing hint. */
#ifndef RS_SIPHASH_H
#define RS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define RS_SIPHASH_KEY_SIZE 16
#define RS_SIPHASH_SIZE 8

/* The hash of `data`. Its 8 output octets, in the order of the reference code, are the result's octets from the least
 * significant one on: see rs_siphash_store. */
uint64_t rs_siphash24(const uint8_t key[RS_SIPHASH_KEY_SIZE], const uint8_t *data, size_t len);

/* The 8 output octets of the reference code. */
static inline void rs_siphash_store(uint64_t hash, uint8_t out[RS_SIPHASH_SIZE])
{
    for (unsigned i = 0; i < RS_SIPHASH_SIZE; i++)
        out[i] = (uint8_t)(hash >> (8 * i));
}

#endif
