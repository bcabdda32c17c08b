/*
 * tracing.c - whether a pool is traced, and where to.
 *
 * The file is tried when the pool is created, because nobody can be told of an error when it ends.
 */
#include "pool/tracing.h"

#include "base/atomic.h"
#include "base/error.h"
#include "os/os.h"
#include "os/replace.h"
#include "trace/save.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_RECORDS 16384u

/* A name that is being put together. */
struct file_name {
	char text[PATH_MAX];
	size_t length;
	bool fits;
};

static void add_text(struct file_name *name, const char *text, size_t length)
{
	name->fits = name->fits && length < sizeof(name->text) - name->length;
	if (!name->fits)
		return;
	memcpy(name->text + name->length, text, length);
	name->length += length;
	name->text[name->length] = 0;
}

/* Add the pattern, with the pid for each "%p". */
static void add_pattern(struct file_name *name, const char *pattern)
{
	const char *at;
	char pid[24];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	for (; (at = strstr(pattern, "%p")); pattern = at + 2) {
		add_text(name, pattern, (size_t)(at - pattern));
		add_text(name, pid, strlen(pid));
	}
	add_text(name, pattern, strlen(pattern));
}

/* Put the number of a later pool in front of the ending. */
static void number_name(struct file_name *name, unsigned number)
{
	char rest[PATH_MAX], text[16], *slash = strrchr(name->text, '/'), *dot = strrchr(slash ? slash : name->text, '.');

	if (number < 2 || !name->fits)
		return;
	snprintf(text, sizeof(text), "-%u", number);
	snprintf(rest, sizeof(rest), "%s", dot ? dot : "");
	if (dot)
		name->length = (size_t)(dot - name->text);
	add_text(name, text, strlen(text));
	add_text(name, rest, strlen(rest));
}

/* Try to make the file that trace_save() will make. */
static int try_file(const struct file_name *name)
{
	char part[PATH_MAX];
	int fd = name->fits ? os_replace_begin(name->text, part) : -ENAMETOOLONG;

	if (fd < 0)
		return sheaf_fail(fd, "the trace cannot be written to %.200s (options.tracing, or SHEAF_TRACE): %s", name->text,
				  os_replace_why(fd));
	close(fd);
	unlink(part);
	return 0;
}

/* Name the file from the root, because the process may change its folder. */
static int name_file(const char *pattern, unsigned number, char **file)
{
	struct file_name name = {.fits = true};
	int r;

	if (pattern[0] != '/') {
		if (!getcwd(name.text, sizeof(name.text)))
			return sheaf_fail(-errno, "the folder for the trace \"%.100s\" cannot be told: %s", pattern,
					  strerror(errno));
		name.length = strlen(name.text);
		add_text(&name, "/", 1);
	}
	add_pattern(&name, pattern);
	number_name(&name, number);
	if ((r = try_file(&name)))
		return r;
	if (!(*file = malloc(name.length + 1)))
		return sheaf_fail(-ENOMEM, "no memory for the name of the trace's file");
	memcpy(*file, name.text, name.length + 1);
	return 0;
}

static uint32_t round_records(unsigned records)
{
	uint32_t power = LEAST_TRAIL;

	while (power < records)
		power *= 2;
	return power;
}

int tracing_choose(const sheaf_tracing *tracing, struct segment_options *wanted, char **file)
{
	static _Atomic unsigned pools; /* that were traced by the environment */
	const char *pattern = os_environment("SHEAF_TRACE");
	unsigned records = tracing && tracing->records ? tracing->records : DEFAULT_RECORDS;

	*file = NULL;
	if (records > LARGEST_TRAIL)
		return sheaf_fail(-EINVAL, "options.tracing: records is %u, at most %u", records, LARGEST_TRAIL);
	if (!tracing && !(pattern && *pattern))
		return 0;
	wanted->trace_records = round_records(records);
	if (pattern && *pattern)
		/* Relaxed: a number. */
		return name_file(pattern, fetch_add_relaxed(&pools, 1) + 1, file);
	return tracing->file ? name_file(tracing->file, 1, file) : 0;
}

void tracing_end(struct segment *segment)
{
	int r = trace_save_own(segment);

	if (r)
		sheaf_fail(r, "the trace cannot be written to %.200s: %s", segment->trace_file, strerror(-r));
	free(segment->trace_file);
	segment->trace_file = NULL;
}
