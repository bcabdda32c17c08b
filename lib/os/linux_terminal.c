/*
 * linux_terminal.c - the width of a terminal, as its driver knows it.
 */
#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "os/terminal.h"

#include <sys/ioctl.h>

unsigned os_terminal_width(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}
