#include "gathering.h"

#define MEMORY 0.05     /* seconds over which the load is judged */
#define SHORTEST 0.0002 /* less than this is not worth a timer */
#define BUSY 0.25       /* share of the time, from which on the longest pause is made */

static double at_most_one(double share)
{
    return share < 1.0 ? share : 1.0;
}

void rs_gathering_note(struct rs_gathering *gathering, double started, double ended)
{
    double interval = started - gathering->started;
    if (interval < 1e-6)
        interval = 1e-6;
    double share = at_most_one(gathering->worked / interval);
    gathering->busy += at_most_one(interval / MEMORY) * (share - gathering->busy);
    gathering->started = started;
    gathering->worked = ended - started;
}

double rs_gathering_pause(const struct rs_gathering *gathering)
{
    double pause = gathering->longest * at_most_one(gathering->busy / BUSY);
    return pause < SHORTEST ? 0.0 : pause;
}
