/*
 * slow_server.h - a web server that takes its time: for examples that wait.
 */
#ifndef SHEAF_SLOW_SERVER_H
#define SHEAF_SLOW_SERVER_H

#include <stddef.h>
#include <sys/types.h>

enum { SLOW_SERVER_MS = 50, SLOW_SERVER_PAGE = 512 }; /* per page; the most bytes of one */

struct slow_server {
	unsigned short port; /* of 127.0.0.1, chosen by the system */
	pid_t pid;
	int life; /* it ends when this is closed, also because the caller has died */
};

/* Start it in a process of its own. 0, or -errno. Before the pool, so that no worker serves. */
int slow_server_start(struct slow_server *server);
void slow_server_stop(struct slow_server *server);

/* Write page @number, which is what the server sends for it. Return its length. */
size_t slow_server_page(unsigned number, char *page);

#endif
