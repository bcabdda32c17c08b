/*
 * posix_cpus.c - how many CPUs this process may use: as many as are online.
 */
#include "os/os.h"

#include <unistd.h>

unsigned os_usable_cpus(unsigned enough)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	(void)enough;
	return online > 0 ? (unsigned)online : 1;
}
