/* What a verb of the C packet path answers. Why a datagram was dropped is `enum rs_drop`, in drop.h. */
#ifndef RS_STATUS_H
#define RS_STATUS_H

enum rs_status {
    RS_OK = 0,
    RS_NOT_FOUND, /* absent; nothing was written */
    RS_MALFORMED, /* the input breaks its format */
    RS_INVALID,   /* the caller's argument is out of range */
    RS_FULL,      /* no room left; nothing was changed */
    RS_SYSTEM,    /* a system call failed; errno says why */
};

#endif
