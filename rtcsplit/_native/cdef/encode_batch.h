typedef int32_t (*rs_encode_function)(void *encoder, const int16_t *audio, int samples, uint8_t *payload,
                                      int32_t capacity);
struct rs_encode_job {
    void *encoder;
    size_t state_size;
    uint8_t *saved;
    const int16_t *audio;
    int samples;
    uint8_t *payload;
    int32_t capacity;
    int32_t length;
};
void rs_encode_batch(rs_encode_function encode, struct rs_encode_job *const *jobs, size_t count);
void rs_encode_undo(const struct rs_encode_job *job);
