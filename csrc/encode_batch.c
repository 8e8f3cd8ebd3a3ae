#include "encode_batch.h"

#include <string.h>

void rs_encode_batch(rs_encode_function encode, struct rs_encode_job *const *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rs_encode_job *job = jobs[i];
        memcpy(job->saved, job->encoder, job->state_size);
        job->length = encode(job->encoder, job->audio, job->samples, job->payload, job->capacity);
    }
}

void rs_encode_undo(const struct rs_encode_job *job)
{
    memcpy(job->encoder, job->saved, job->state_size);
}
