/* Big-endian reads and writes, and the borrowed span. The caller has checked the bounds: `p` has the octets. */
#ifndef RS_WIRE_H
#define RS_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* Octets that belong to somebody else; valid as long as what they were taken from. */
struct rs_span {
    const uint8_t *data;
    size_t len;
};

static inline uint16_t rs_read_u16be(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t rs_read_u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void rs_write_u16be(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void rs_write_u32be(uint8_t *p, uint32_t v)
{
    rs_write_u16be(p, (uint16_t)(v >> 16));
    rs_write_u16be(p + 2, (uint16_t)v);
}

#endif
