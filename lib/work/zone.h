/*
 * zone.h - bytes of a pattern beside somebody's data, by which a write over its end is found. For
 * SHEAF_CHECK.
 */
#ifndef SHEAF_WORK_ZONE_H
#define SHEAF_WORK_ZONE_H

#include <stddef.h>

#define ZONE_TAIL 64 /* bytes of pattern behind what sheaf_task_result() gives */

/* Fill a zone with the pattern. */
void zone_fill(unsigned char *zone, size_t size);

/* Count the bytes from the zone's beginning up to the last one that was changed. */
size_t zone_reach(const unsigned char *zone, size_t size);

/* Count the bytes from the first one that was changed up to the zone's end. */
size_t zone_reach_back(const unsigned char *zone, size_t size);

#endif
