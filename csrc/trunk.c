#include "trunk.h"

enum rs_drop rs_trunk_check(const uint8_t *data, size_t len)
{
    if (len < RS_TRUNK_HEADER || !rs_trunk_is(data, len) || data[2] != RS_TRUNK_VERSION)
        return RS_DROP_TRUNK_MALFORMED;
    unsigned records = data[3];
    if (records == 0 || records > RS_TRUNK_RECORDS)
        return RS_DROP_TRUNK_MALFORMED;
    data += RS_TRUNK_HEADER;
    len -= RS_TRUNK_HEADER;
    for (; records > 0; records--) {
        if (len < RS_TRUNK_LENGTH)
            return RS_DROP_TRUNK_MALFORMED;
        size_t record = rs_read_u16be(data);
        len -= RS_TRUNK_LENGTH;
        if (record < RS_SPP_SIZE || record > len)
            return RS_DROP_TRUNK_MALFORMED;
        data += RS_TRUNK_LENGTH + record;
        len -= record;
    }
    return len == 0 ? RS_DROP_NONE : RS_DROP_TRUNK_MALFORMED;
}
