/*
 * mappings.c - follows the owner: maps what it has mapped, and unmaps what it has unmapped.
 *
 * Words             A *table* names all files that are mapped now. The owner writes a new one for
 *                   each change, alternately in two places. A *follower* is a process that runs
 *                   tasks of the pool.
 * Writers           control->mappings, mapping_tables and the tables: the owner (mapping_table.c).
 *                   A follower writes nothing that others read.
 * Invariant         While control->mappings is v, the table of v is whole, and nobody writes to it.
 *                   The addresses of mapped files are never used for memory of the heap.
 * Edges             MAP1  count a change -> read its table: the table is whole.
 *                   MAP2  write a word of a table -> read it: a follower that reads a word of the
 *                         table that replaces the one it wants finds that the number has changed.
 * Deaths            Of a follower: what it had mapped goes with it, and its successor, which has
 *                   nothing, follows before its first task. Of the owner: the pool ends.
 *
 * A follower that cannot map a file covers its place, so that a task that touches it dies by
 * SIGSEGV, and reads nothing wrong. It tries again before its next task.
 */
#include "segment/mappings.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "os/overlay.h"
#include "segment/heap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int mappings_begin(struct segment *segment)
{
	/* Not cleared as a whole: most pools map no file, and would pay 350 page faults. */
	struct mappings *mappings = malloc(sizeof(*mappings));

	if (!mappings)
		return -ENOMEM;
	memset(mappings->table, 0, sizeof(struct shared_mappings));
	mappings->count = mappings->free_count = 0;
	mappings->table_sizes[0] = mappings->table_sizes[1] = 0;
	store_relaxed(&mappings->seen, 0); /* no other thread has it yet */
	pthread_mutex_init(&mappings->lock, NULL);
	mappings->forks = forks_count();
	segment->mappings = mappings;
	return 0;
}

void mappings_end(struct segment *segment)
{
	struct mappings *mappings = segment->mappings;

	if (!mappings)
		return;
	for (uint32_t i = 0; i < mappings->count; i++) {
		const struct os_file_id id = {.device = (dev_t)mappings->here[i].device,
					      .inode = (ino_t)mappings->here[i].inode};

		os_cover(segment_at(segment, mappings->here[i].offset), mappings->here[i].size);
		if (!segment->attached)
			os_file_close(mappings->fds[i], &id);
	}
	pthread_mutex_destroy(&mappings->lock);
	free(mappings);
	segment->mappings = NULL;
}

void mappings_lock(struct mappings *mappings)
{
	/*
	 * A child may have been forked while another thread changed all of this. It has one thread,
	 * and forgets: to map a file once more changes nothing.
	 */
	if (mappings->forks != forks_count()) {
		pthread_mutex_init(&mappings->lock, NULL);
		mappings->forks = forks_count();
		mappings->count = 0;
	}
	pthread_mutex_lock(&mappings->lock);
}

void mappings_unlock(struct mappings *mappings)
{
	pthread_mutex_unlock(&mappings->lock);
}

/* ---- the table ---- */

/* Copy words that the owner may be writing over. */
static void copy_words(void *to, const void *from, uint64_t size)
{
	const _Atomic uint64_t *words = from;
	uint64_t *copy = to;

	/* MAP2. Acquire: else a word of another table could go with the number of before. */
	for (uint64_t i = 0; i < size / sizeof(*copy); i++)
		copy[i] = load_acquire(&words[i]);
}

/* May a file be mapped there? A wild write may have hit the table. */
static bool is_in_heap(const struct segment *segment, const struct shared_mapping *mapping)
{
	return mapping->size && mapping->offset % UNIT == 0 && mapping->offset >= segment->heap &&
	       mapping->offset < segment->size && mapping->size <= segment->size - mapping->offset;
}

/* Copy the table of change @number. False: it is no table (it has just been replaced). */
static bool copy_table(const struct segment *segment, uint64_t number, unsigned char *table)
{
	struct shared_mappings head;
	/* Relaxed: written before the number was. */
	uint64_t at = load_relaxed(&segment->control->mapping_tables[number & 1]), size;

	if (at % UNIT || at < segment->heap || at >= segment->size || !heap_contains(segment, segment_at(segment, at), UNIT))
		return false;
	copy_words(&head, segment_at(segment, at), sizeof(head));
	if (head.count > MOST_MAPPINGS || head.text_size > LARGEST_TABLE)
		return false;
	size = sizeof(head) + head.count * sizeof(struct shared_mapping) + (head.text_size + 7) / 8 * 8;
	if (size > LARGEST_TABLE || !heap_contains(segment, segment_at(segment, at), size))
		return false;
	copy_words(table, segment_at(segment, at), size);
	/* Its head was copied twice, and only one of the two was checked. */
	if (memcmp(table, &head, sizeof(head)) != 0)
		return false;
	for (uint64_t i = 0; i < head.count; i++)
		if (!is_in_heap(segment, (const struct shared_mapping *)(table + sizeof(head)) + i))
			return false;
	return true;
}

/*
 * Read the newest table, and return the number of its change. It begins anew only when the owner
 * has made another change, so it waits for nobody.
 */
static uint64_t read_table(const struct segment *segment, struct mappings *mappings)
{
	for (;;) {
		/* MAP1. Acquire: else words of the table could be of before. */
		uint64_t number = load_acquire(&segment->control->mappings);
		bool whole = copy_table(segment, number, mappings->table);

		/* Relaxed: ordered behind the words of the table (MAP2). */
		if (load_relaxed(&segment->control->mappings) != number)
			continue;
		if (whole)
			return number;
		/* A wild write. What cannot be known is not mapped. */
		memset(mappings->table, 0, sizeof(struct shared_mappings));
		return number;
	}
}

/* ---- files ---- */

static bool is_mapped_file(int fd, const struct shared_mapping *mapping)
{
	struct stat status;

	return fd >= 0 && !fstat(fd, &status) && (uint64_t)status.st_dev == mapping->device &&
	       (uint64_t)status.st_ino == mapping->inode;
}

/* Open a file, if it is the one that is meant. -1: it is not, or it cannot be opened. */
static int open_if_meant(const char *path, int flags, const struct shared_mapping *mapping)
{
	int fd = open(path, flags, 0);

	if (fd < 0 || is_mapped_file(fd, mapping))
		return fd;
	close(fd);
	return -1;
}

/*
 * Open it by the descriptor that the owner has, as its path names another one by now. Of a process
 * whose first thread has ended the others show the descriptors.
 */
static int open_by_owner(const struct segment *segment, const struct shared_mapping *mapping, int flags)
{
	char path[64];
	struct dirent *thread;
	DIR *threads;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)segment->owner, (int)mapping->fd);
	if ((fd = open_if_meant(path, flags, mapping)) >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%ld/task", (long)segment->owner);
	threads = opendir(path);
	if (!threads)
		return -1;
	while (fd < 0 && (thread = readdir(threads))) {
		long id = strtol(thread->d_name, NULL, 10);

		snprintf(path, sizeof(path), "/proc/%ld/task/%ld/fd/%d", (long)segment->owner, id, (int)mapping->fd);
		fd = id > 0 ? open_if_meant(path, flags, mapping) : -1;
	}
	closedir(threads);
	return fd;
}

/* Open the file. -1: it cannot be opened. */
static int open_mapped(const struct segment *segment, const struct shared_mapping *mapping, const char *path)
{
	bool writes = mapping->access == MAPPING_SHARED;
	int flags = (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = -1;

	if (!(mapping->flags & MAPPING_NAMED))
		fd = open_if_meant(path, flags, mapping);
	else if (!os_shm_open(path, writes, &fd) && !is_mapped_file(fd, mapping)) {
		close(fd);
		fd = -1;
	}
	return fd >= 0 ? fd : open_by_owner(segment, mapping, flags);
}

static bool map_mapped(struct segment *segment, const struct shared_mapping *mapping, const char *texts, uint64_t text_size)
{
	struct os_overlay how = {.writable = mapping->access != MAPPING_READ,
				 .shared = mapping->access != MAPPING_PRIVATE,
				 .made = (mapping->flags & MAPPING_MADE) != 0};
	char path[PATH_MAX];
	int fd, r;

	if (mapping->path_size >= PATH_MAX || mapping->path_at > text_size || mapping->path_size > text_size - mapping->path_at)
		return false;
	memcpy(path, texts + mapping->path_at, mapping->path_size);
	path[mapping->path_size] = '\0';
	if ((fd = open_mapped(segment, mapping, path)) < 0)
		return false;
	r = os_overlay(segment_at(segment, mapping->offset), mapping->size, fd, mapping->from, how);
	close(fd);
	return !r;
}

/* ---- following ---- */

/* Cover each file that is mapped here and that the table lacks. Then copy the table. */
static void take_table(struct segment *segment, struct mappings *mappings, const struct shared_mapping *entries, uint32_t count)
{
	bool mapped[MOST_MAPPINGS] = {false};
	uint32_t j = 0;

	for (uint32_t i = 0; i < mappings->count; i++) {
		const struct shared_mapping *here = &mappings->here[i];

		while (j < count && entries[j].serial < here->serial)
			j++;
		if (j < count && entries[j].serial == here->serial)
			mapped[j] = mappings->mapped[i];
		else
			os_cover(segment_at(segment, here->offset), here->size);
	}
	memcpy(mappings->here, entries, count * sizeof(*entries));
	memcpy(mappings->mapped, mapped, count * sizeof(*mapped));
	mappings->count = count;
}

/* Map what is in the table and not here. False: something could not be mapped. */
static bool map_new(struct segment *segment, struct mappings *mappings, const char *texts, uint64_t text_size)
{
	bool all = true;

	for (uint32_t i = 0; i < mappings->count; i++) {
		const struct shared_mapping *here = &mappings->here[i];

		if (mappings->mapped[i])
			continue;
		mappings->mapped[i] = map_mapped(segment, here, texts, text_size);
		if (!mappings->mapped[i])
			os_cover(segment_at(segment, here->offset), here->size);
		all &= mappings->mapped[i];
	}
	return all;
}

void mappings_apply(struct segment *segment)
{
	struct mappings *mappings = segment->mappings;
	const struct shared_mappings *head = (const void *)mappings->table;
	const struct shared_mapping *entries = (const void *)(head + 1);
	int cancel = cancel_refuse(), error = errno;
	uint64_t number;

	mappings_lock(mappings);
	number = read_table(segment, mappings);
	if (load_relaxed(&mappings->seen) != number) {
		take_table(segment, mappings, entries, (uint32_t)head->count);
		/* Relaxed: of this process, whose other threads take the lock. */
		if (map_new(segment, mappings, (const char *)(entries + head->count), head->text_size))
			store_relaxed(&mappings->seen, number);
	}
	mappings_unlock(mappings);
	errno = error;
	cancel_allow(cancel);
}
