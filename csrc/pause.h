/* A descriptor that becomes readable after a pause shorter than a millisecond, for event loops whose own timers are not
 * finer than that. */
#ifndef RS_PAUSE_H
#define RS_PAUSE_H

#include "status.h"

/* The descriptor, which the caller closes; -1: errno. */
int rs_pause_open(void);

/* Makes it readable `seconds` from now, more than 0, in the place of what was asked before. RS_SYSTEM: errno. */
enum rs_status rs_pause_begin(int fd, double seconds);

/* Makes it unreadable again. */
void rs_pause_end(int fd);

#endif
