/*
 * cache_evict.c - a new file of what was used last.
 *
 * Writers           The process that has the lock of the old file. Each other one notices that the
 *                   name has gone to another file, when it takes the lock or misses a result.
 * Deaths            As in os/replace.c: FILE.part is left, which the next eviction removes.
 */
#include "resume/cache_evict.h"

#include "base/little.h"
#include "resume/record_write.h"
#include "os/files.h"
#include "os/os.h"
#include "os/replace.h"
#include "os/sync.h"

#include <errno.h>
#include <stdlib.h>

static int later_use_first(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->used != y->used)
		return x->used < y->used ? 1 : -1;
	/* Of the same second: what was put later. */
	return x->offset < y->offset ? 1 : -1;
}

static int by_offset(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return x->offset < y->offset ? -1 : 1;
}

/* All records, with what any process has noted of their use. */
static size_t list_records(const struct record_file *file, const struct cache_index *index, struct record *list)
{
	unsigned char used[8];
	size_t count = 0;

	for (size_t i = 0; i < index->room; i++) {
		struct record *record = &list[count];

		if (!index->places[i].offset)
			continue;
		*record = index->places[i];
		if (!os_read_at(file->fd, record->offset + CACHE_USED_AT, used, sizeof(used)))
			record->used = little_load(used, sizeof(used));
		count++;
	}
	return count;
}

/* Copy one record to the end of the new file. What is damaged is left out. */
static int copy_record(const struct record_file *from, const struct record_file *to, const struct record *record, uint64_t *end)
{
	struct record copy = *record;
	void *payload = malloc(record->size ? (size_t)record->size : 1);
	int r;

	if (!payload)
		return -ENOMEM;
	r = record_read(from, record, payload);
	copy.offset = *end;
	if (!r && !(r = record_write(to, &copy, payload)))
		*end += record_length(copy.size);
	free(payload);
	return r == -EBADMSG || r == -ENODATA ? 0 : r;
}

static int write_new(const struct record_file *file, const struct record *list, size_t count, const char *path)
{
	struct record_file made = {.kind = file->kind, .identity = file->identity};
	uint64_t end = RECORD_HEADER;
	char part[PATH_MAX];
	int r;

	if ((made.fd = os_replace_begin(path, part)) < 0)
		return made.fd;
	r = record_begin(&made);
	for (size_t i = 0; i < count && !r; i++)
		r = copy_record(file, &made, &list[i], &end);
	if (!r)
		r = os_sync(made.fd);
	return os_replace_end(made.fd, part, path, r);
}

int cache_evict(const struct record_file *file, const struct cache_index *index, const char *path, uint64_t most,
		uint64_t *evicted)
{
	struct record *list = malloc(index->count ? index->count * sizeof(*list) : 1);
	size_t all, kept = 0;
	uint64_t bytes = 0;
	int r;

	if (!list)
		return -ENOMEM;
	all = list_records(file, index, list);
	qsort(list, all, sizeof(*list), later_use_first);
	while (kept < all && record_length(list[kept].size) <= most - bytes)
		bytes += record_length(list[kept++].size);
	qsort(list, kept, sizeof(*list), by_offset);
	if (!(r = write_new(file, list, kept, path)))
		*evicted = all - kept;
	free(list);
	return r;
}
