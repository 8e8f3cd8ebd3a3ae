#define RS_ARRIVALS ...
#define RS_ARRIVALS_MESSAGE ...
static const double RS_ARRIVALS_NEVER;

struct rs_arrivals {
    double due;
    uint32_t ssrc;
    uint64_t messages;
    ...;
};
void rs_arrivals_init(struct rs_arrivals *arrivals);
bool rs_arrivals_note(struct rs_arrivals *arrivals, uint16_t number, uint32_t ssrc, double now);
size_t rs_arrivals_take(struct rs_arrivals *arrivals, double now, uint8_t *message);
