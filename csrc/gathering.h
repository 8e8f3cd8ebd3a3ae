/* How long datagrams may gather in a socket before the next batch is taken.
 *
 * A batch of one datagram costs several times what a datagram costs in a batch of thirty: the wake-up, the system
 * calls, the event loop. So the busier a transceiver is, the longer it lets them gather, up to a limit that is reached
 * at a quarter of full load: beyond, batches fill by themselves. One that idles takes each at once. A measured trade:
 * docs/explanation/transceiver.md. */
#ifndef RS_GATHERING_H
#define RS_GATHERING_H

/* All times are seconds of one clock. */
struct rs_gathering {
    double longest; /* pause, when there is much work; 0 never waits */
    double busy;    /* share of the time that was spent on batches */
    double started; /* of the latest work, 0 before the first */
    double worked;  /* how long that took */
};

/* Takes note that datagrams were handled from `started` to `ended`. */
void rs_gathering_note(struct rs_gathering *gathering, double started, double ended);

/* How long to leave the socket alone from now; 0: the next datagram is to be taken at once. */
double rs_gathering_pause(const struct rs_gathering *gathering);

#endif
