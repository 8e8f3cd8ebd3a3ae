/* Frames of many encoders, one after the other, in one crossing from Python and without its lock.
 *
 * Knows no codec: the encoding function is passed in, with the signature that opus_encode has, so that the library
 * that owns it needs to be no dependency of this one. Before each frame the encoder's state is copied, so that the
 * frame can be taken back; the state must hold no pointers into itself (libopus guarantees that). */
#ifndef RS_ENCODE_BATCH_H
#define RS_ENCODE_BATCH_H

#include <stddef.h>
#include <stdint.h>

/* Octets written to `payload`, at most `capacity`; negative where it failed. */
typedef int32_t (*rs_encode_function)(void *encoder, const int16_t *audio, int samples, uint8_t *payload,
                                      int32_t capacity);

/* One frame of one encoder. All memory is the caller's. */
struct rs_encode_job {
    void *encoder; /* `state_size` octets */
    size_t state_size;
    uint8_t *saved;       /* room for `state_size` octets: the state before the frame */
    const int16_t *audio; /* `samples` of them */
    int samples;
    uint8_t *payload; /* room for `capacity` octets */
    int32_t capacity;
    int32_t length; /* out: what `encode` returned */
};

/* Saves the state and encodes, for each job in order. No two of them may share an encoder. */
void rs_encode_batch(rs_encode_function encode, struct rs_encode_job *const *jobs, size_t count);

/* Takes the frame back: the encoder is what it was before. Once after each time that the job was encoded. */
void rs_encode_undo(const struct rs_encode_job *job);

#endif
