/* What every target needs: an entry point and a condition that has to hold, whatever the octets are.
 *
 * libFuzzer hands over an allocation of exactly `size` octets, so AddressSanitizer sees any read beyond it. */
#ifndef RS_FUZZ_H
#define RS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HOLDS(condition) ((condition) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
