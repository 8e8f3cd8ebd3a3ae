/* A batch on a codec of two lines: every job in order, its state saved before, and taken back. */
#include "check.h"
#include "encode_batch.h"

struct counter {
    int frames;
};

/* Writes how many frames the encoder has had, once per sample; fails on an empty frame. */
static int32_t count(void *encoder, const int16_t *audio, int samples, uint8_t *payload, int32_t capacity)
{
    struct counter *counter = encoder;
    if (samples == 0 || samples > capacity)
        return -1;
    for (int i = 0; i < samples; i++)
        payload[i] = (uint8_t)(counter->frames + audio[i]);
    counter->frames++;
    return samples;
}

int main(void)
{
    struct counter encoders[3] = {{10}, {20}, {30}}, saved[3];
    const int16_t audio[4] = {0, 1, 2, 3};
    uint8_t payloads[3][4] = {{0}};
    struct rs_encode_job jobs[3];
    struct rs_encode_job *batch[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct rs_encode_job){
            &encoders[i], sizeof(encoders[i]), (uint8_t *)&saved[i], audio, 4, payloads[i], sizeof(payloads[i]), 0};
        batch[i] = &jobs[i];
    }
    jobs[1].samples = 0;
    rs_encode_batch(count, batch, 3);
    CHECK(jobs[0].length == 4 && jobs[1].length == -1 && jobs[2].length == 4);
    CHECK(payloads[0][0] == 10 && payloads[0][3] == 13 && payloads[2][3] == 33);
    CHECK(encoders[0].frames == 11 && encoders[1].frames == 20 && encoders[2].frames == 31);
    rs_encode_undo(&jobs[0]);
    CHECK(encoders[0].frames == 10);
    jobs[0].samples = 5; /* longer than the room for it */
    rs_encode_batch(count, batch, 1);
    CHECK(jobs[0].length == -1 && encoders[0].frames == 10);
    rs_encode_batch(count, batch, 0);
    return 0;
}
