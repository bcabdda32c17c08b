/*
 * tested_host.h - plays hosts of pools one after the other, each in a child that leads a session,
 * and checks what they leave.
 */
#ifndef SHEAF_TESTS_SUPPORT_TESTED_HOST_H
#define SHEAF_TESTS_SUPPORT_TESTED_HOST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct tested_host {
	const char *name;
	int (*play)(void);           /* the child; its exit code */
	void (*disturb)(pid_t host); /* the test, meanwhile; or NULL */
	int signal;                  /* that ends the host; 0: exit code 0 */
	/* the end may come while a pool is made: the next start may have to remove a name */
	bool any_time;
	/* the host is the foreground job of a shell on a terminal; skipped where there are none */
	bool terminal;
};

/* How far the host is. Shared between the test, the host that is played, and its tasks. */
struct host_progress {
	_Atomic bool ready;     /* the host is where it may be disturbed */
	_Atomic bool over;      /* it has been disturbed enough */
	_Atomic pid_t job;      /* the host on the terminal: its pid, */
	_Atomic int job_status; /* how it ended, */
	_Atomic unsigned stops; /* and how often the shell saw it stopped, and made it go on */
};
extern struct host_progress *progress;

/*
 * Begin the part "guest" and take the seed of argv. False: hosts cannot be watched here; the
 * program must exit with 77.
 */
bool tested_host_begin(int argc, char **argv);

/* Play a host. When it has ended, in whatever way, nothing of it may be left. */
void tested_host_play(const struct tested_host *host);

/* Start another pool: that removes the names that dead owners have left. */
void sweep_names(void);

/* ---- for the test, in disturb() ---- */

/* Wait until the host has raised the flag. False: it has ended instead. */
bool tested_host_await(pid_t host, _Atomic bool *flag);
bool tested_host_runs(pid_t host);

/* Type a key at the host's terminal, or close the terminal. */
void terminal_type(char key);
void terminal_hang_up(void);

#endif
