/*
 * posix_terminal.c - the width of a terminal, as the environment tells it.
 */
#include "os/terminal.h"

#include "os/os.h"

#include <stdlib.h>

unsigned os_terminal_width(int fd)
{
	const char *columns = os_environment("COLUMNS");
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;

	(void)fd;
	return width > 10000 ? 0 : (unsigned)width;
}
