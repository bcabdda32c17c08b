/*
 * names.c - the names of this process's own segments: which are claimed, which are lent, and which
 * thread visits names.
 *
 * The owner's lock does not keep out the owner itself, and closing any descriptor of the file drops
 * the lock. So neither a sweep nor a second segment of the same name must ever open a file of this
 * process's own. A list tells which files these are. In a forked child they are its parent's, whose
 * lock keeps the child out.
 *
 * What has a name and is not ours may be anybody's, and may make the thread that opens it wait. So
 * forks are not kept out meanwhile. A visit does that: one thread at a time opens such names, and
 * no other one claims a name until it has left.
 *
 * The list and the visitor are private to the process and guarded by forks_hold(). They end with
 * the process, so its death leaves nothing here.
 */
#include "segment/names.h"

#include "os/forks.h"
#include "os/os.h"

#include <string.h>
#include <unistd.h>

#define VISIT_NAP_NS 50000

static struct segment *mine; /* those that have a name, or have claimed one */
static unsigned mine_forks;  /* forks_count() of the process whose they are */
static pid_t visitor;        /* the process that has a thread on a visit; its children have none */

/* Find the segment with that name, and forget the parent's segments. Within forks_hold(). */
static struct segment *find_mine(const char *name)
{
	struct segment *segment;

	if (mine_forks != forks_count())
		mine = NULL;
	mine_forks = forks_count();
	for (segment = mine; segment && strcmp(segment->name, name);)
		segment = segment->next;
	return segment;
}

/* Find the segment with that file, which may have a second name. Within forks_hold(). */
static struct segment *find_file(const struct stat *status)
{
	struct segment *segment;

	find_mine("");
	for (segment = mine; segment; segment = segment->next)
		if (segment->id.inode == status->st_ino && segment->id.device == status->st_dev)
			break;
	return segment;
}

struct segment *names_find(const char *name, const struct stat *status)
{
	struct segment *segment = find_mine(name);

	return segment || !status ? segment : find_file(status);
}

bool names_mine(const struct stat *status)
{
	bool found;

	forks_hold();
	found = find_file(status);
	forks_release();
	return found;
}

/* ---- visits ---- */

/* Call forks_hold() when no thread is on a visit. */
static void hold_unvisited(void)
{
	forks_hold();
	while (visitor == getpid()) {
		forks_release();
		os_sleep_ns(VISIT_NAP_NS);
		forks_hold();
	}
}

void names_visit(void)
{
	hold_unvisited();
	visitor = getpid();
	forks_release();
}

void names_leave(void)
{
	forks_hold();
	visitor = 0;
	forks_release();
}

/* ---- claims ---- */

bool names_claim(struct segment *segment)
{
	bool taken;

	hold_unvisited();
	taken = find_mine(segment->name);
	if (!taken) {
		segment->next = mine;
		mine = segment;
	}
	forks_release();
	return !taken;
}

void names_drop(struct segment *segment)
{
	struct segment **link = &mine;

	forks_hold();
	while (*link && *link != segment)
		link = &(*link)->next;
	if (*link)
		*link = segment->next;
	forks_release();
}

void segment_adopt(struct segment *segment)
{
	forks_hold();
	find_mine("");
	segment->next = mine;
	segment->lent = segment->name[0] != '\0';
	mine = segment;
	forks_release();
}

void names_lend(struct segment *segment, bool lent)
{
	forks_hold();
	segment->lent = lent;
	forks_release();
}
