/* A condition that a C test needs to hold. The first one that does not ends the program. */
#ifndef RS_CHECK_H
#define RS_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

static inline void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: CHECK(%s) failed\n", file, line, condition);
    exit(1);
}

#endif
