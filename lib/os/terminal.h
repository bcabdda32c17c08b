/*
 * terminal.h - what can be known of a terminal (linux_terminal.c, posix_terminal.c).
 */
#ifndef SHEAF_OS_TERMINAL_H
#define SHEAF_OS_TERMINAL_H

/* Tell the columns of the terminal behind a descriptor. 0: that cannot be told. */
unsigned os_terminal_width(int fd);

#endif
