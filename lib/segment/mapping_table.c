/*
 * mapping_table.c - the owner maps and unmaps files, and tells all others.
 *
 * Writers           control->mappings, mapping_tables and the tables: the owner, under the lock of
 *                   its mappings. A table is written where the last but one was, so nobody who
 *                   reads the present one is disturbed.
 * Edges             MAP1 and MAP2 are in mappings.c.
 * Deaths            Of the owner: the pool ends.
 *
 * Addresses that were taken for files stay with files: they are used again when one is unmapped. So
 * no process that has not followed yet has a file where others have memory.
 */
#include "segment/mappings.h"

#include "base/atomic.h"
#include "base/number.h"
#include "os/overlay.h"
#include "segment/heap.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- addresses ---- */

/* Give addresses back, and join them with those beside them. There is always room: see below. */
static void give_addresses(struct mappings *mappings, struct addresses given)
{
	struct addresses *free = mappings->free;
	uint32_t i = 0;

	while (i < mappings->free_count && free[i].offset < given.offset)
		i++;
	if (i < mappings->free_count && given.offset + given.size == free[i].offset) {
		free[i].offset = given.offset;
		free[i].size += given.size;
	} else if (i && free[i - 1].offset + free[i - 1].size == given.offset) {
		free[i - 1].size += given.size;
		return;
	} else {
		memmove(&free[i + 1], &free[i], (mappings->free_count - i) * sizeof(*free));
		free[i] = given;
		mappings->free_count++;
		return;
	}
	if (i && free[i - 1].offset + free[i - 1].size == free[i].offset) {
		free[i - 1].size += free[i].size;
		mappings->free_count--;
		memmove(&free[i], &free[i + 1], (mappings->free_count - i) * sizeof(*free));
	}
}

/* Find addresses for @size bytes, a multiple of UNIT. 0, or an error of heap_reserve(). */
static int take_addresses(struct segment *segment, uint64_t size, uint64_t *offset)
{
	struct mappings *mappings = segment->mappings;
	struct addresses *free = mappings->free;

	for (uint32_t i = 0; i < mappings->free_count; i++) {
		if (free[i].size < size)
			continue;
		*offset = free[i].offset;
		free[i].offset += size;
		free[i].size -= size;
		if (!free[i].size) {
			mappings->free_count--;
			memmove(&free[i], &free[i + 1], (mappings->free_count - i) * sizeof(*free));
		}
		return 0;
	}
	return heap_reserve(segment, size, offset);
}

/* ---- the table ---- */

static struct shared_mappings *head_of(struct mappings *mappings)
{
	return (void *)mappings->table;
}

static struct shared_mapping *entries_of(struct mappings *mappings)
{
	return (void *)(head_of(mappings) + 1);
}

static uint64_t table_size(const struct mappings *mappings)
{
	const struct shared_mappings *head = (const void *)mappings->table;

	return sizeof(*head) + head->count * sizeof(struct shared_mapping) + (head->text_size + 7) / 8 * 8;
}

/* Have memory for a table of @size bytes where the next one is written. */
static int make_table_room(struct segment *segment, uint64_t size)
{
	struct mappings *mappings = segment->mappings;
	/* Relaxed, all: the owner alone writes them. */
	uint64_t next = load_relaxed(&segment->control->mappings) + 1, wanted = UNIT, at;
	int r;

	if (size <= mappings->table_sizes[next & 1])
		return 0;
	while (wanted < size)
		wanted *= 2;
	/* The old place is not given back, because somebody may be reading there. */
	if ((r = heap_alloc(segment, heap_new_id(segment), wanted, &at)))
		return r;
	heap_mark_file(segment, at, wanted, true);
	mappings->table_sizes[next & 1] = wanted;
	store_relaxed(&segment->control->mapping_tables[next & 1], at);
	return 0;
}

/* Write the table where the last but one was, and tell. There is room. */
static void publish_table(struct segment *segment)
{
	struct mappings *mappings = segment->mappings;
	const uint64_t *table = (const void *)mappings->table;
	const struct shared_mappings *head = head_of(mappings);
	char *end = (char *)(entries_of(mappings) + head->count) + head->text_size;
	/* Relaxed, both: the owner alone writes them. */
	uint64_t next = load_relaxed(&segment->control->mappings) + 1;
	_Atomic uint64_t *words = segment_at(segment, load_relaxed(&segment->control->mapping_tables[next & 1]));

	/* What fills the last word. */
	memset(end, 0, (size_t)(-head->text_size & 7));
	/* MAP2. Release: else one who reads these words for the last but one could take them. */
	for (uint64_t i = 0; i < table_size(mappings) / sizeof(*table); i++)
		store_release(&words[i], table[i]);
	/* Relaxed: the owner's own, and it has followed. */
	store_relaxed(&mappings->seen, next);
	/* MAP1. Release: else others could read the table before it is whole. */
	store_release(&segment->control->mappings, next);
}

static void append_entry(struct mappings *mappings, const struct shared_mapping *entry, const char *path)
{
	struct shared_mappings *head = head_of(mappings);
	struct shared_mapping *entries = entries_of(mappings);
	char *texts = (char *)(entries + head->count);

	memmove(texts + sizeof(*entry), texts, head->text_size);
	entries[head->count] = *entry;
	entries[head->count].path_at = head->text_size;
	memcpy(texts + sizeof(*entry) + head->text_size, path, entry->path_size);
	head->count++;
	head->text_size += entry->path_size;
	memcpy(mappings->here, entries, head->count * sizeof(*entries));
	mappings->count = (uint32_t)head->count;
}

static void remove_entry(struct mappings *mappings, uint32_t index)
{
	struct shared_mappings *head = head_of(mappings);
	struct shared_mapping *entries = entries_of(mappings);
	char *texts = (char *)(entries + head->count);
	uint64_t at = entries[index].path_at, size = entries[index].path_size;

	memmove(texts + at, texts + at + size, head->text_size - at - size);
	head->text_size -= size;
	head->count--;
	for (uint32_t i = index; i < head->count; i++) {
		entries[i] = entries[i + 1];
		entries[i].path_at -= size;
		mappings->fds[i] = mappings->fds[i + 1];
	}
	memmove(entries + head->count, texts, head->text_size);
	memcpy(mappings->here, entries, head->count * sizeof(*entries));
	mappings->count = (uint32_t)head->count;
}

/* ---- changes ---- */

static int describe_mapping(struct segment *segment, const struct mapping_file *file, struct shared_mapping *entry)
{
	size_t path_size = strlen(file->path);
	struct stat status;

	if (path_size >= PATH_MAX)
		return -ENAMETOOLONG;
	if (fstat(file->fd, &status))
		return -errno;
	*entry = (struct shared_mapping){
		.serial = load_relaxed(&segment->control->mappings) + 1,
		.size = file->size,
		.from = file->from,
		.device = (uint64_t)status.st_dev,
		.inode = (uint64_t)status.st_ino,
		.fd = file->fd,
		.access = (uint8_t)file->access,
		.flags = (uint8_t)file->flags,
		.path_size = (uint16_t)path_size,
	};
	return 0;
}

static int add_mapping(struct segment *segment, const struct mapping_file *file, uint64_t *offset)
{
	struct os_overlay how = {.writable = file->access != MAPPING_READ,
				 .shared = file->access != MAPPING_PRIVATE,
				 .made = (file->flags & MAPPING_MADE) != 0};
	struct mappings *mappings = segment->mappings;
	struct shared_mapping entry;
	uint64_t size, more;
	int r;

	if (!checked_round_up(file->size, UNIT, &size))
		return -ENOMEM;
	if ((r = describe_mapping(segment, file, &entry)))
		return r;
	more = sizeof(entry) + entry.path_size + 8;
	/* One range more may be free than files are mapped. */
	if (mappings->count + 2 > MOST_MAPPINGS || table_size(mappings) + more > LARGEST_TABLE)
		return -EMFILE;
	if ((r = make_table_room(segment, table_size(mappings) + more)) || (r = take_addresses(segment, size, &entry.offset)))
		return r;
	if ((r = os_overlay(segment_at(segment, entry.offset), entry.size, file->fd, entry.from, how))) {
		give_addresses(mappings, (struct addresses){entry.offset, size});
		return r;
	}
	heap_mark_file(segment, entry.offset, size, true);
	mappings->fds[mappings->count] = file->fd;
	mappings->mapped[mappings->count] = true;
	append_entry(mappings, &entry, file->path);
	publish_table(segment);
	*offset = entry.offset;
	return 0;
}

int mappings_add(struct segment *segment, const struct mapping_file *file, uint64_t *offset)
{
	int r;

	mappings_lock(segment->mappings);
	r = add_mapping(segment, file, offset);
	mappings_unlock(segment->mappings);
	return r;
}

bool mappings_find(const struct segment *segment, uint64_t offset, struct mapping_file *file, char *path)
{
	struct mappings *mappings = segment->mappings;
	uint32_t i = 0;
	bool found;

	mappings_lock(mappings);
	while (i < mappings->count && mappings->here[i].offset != offset)
		i++;
	found = i < mappings->count;
	if (found) {
		const struct shared_mapping *here = &mappings->here[i];
		const char *texts = (const char *)(entries_of(mappings) + mappings->count);

		memcpy(path, texts + here->path_at, here->path_size);
		path[here->path_size] = '\0';
		*file = (struct mapping_file){.fd = mappings->fds[i],
					      .path = path,
					      .flags = here->flags,
					      .access = (enum mapping_access)here->access,
					      .from = here->from,
					      .size = here->size};
	}
	mappings_unlock(mappings);
	return found;
}

static int remove_mapping(struct segment *segment, uint64_t offset)
{
	struct mappings *mappings = segment->mappings;
	struct shared_mapping entry;
	uint32_t i = 0;
	int r;

	while (i < mappings->count && mappings->here[i].offset != offset)
		i++;
	if (i == mappings->count)
		return -EINVAL;
	if ((r = make_table_room(segment, table_size(mappings))))
		return r;
	entry = mappings->here[i];
	os_file_close(mappings->fds[i], &(struct os_file_id){.device = (dev_t)entry.device, .inode = (ino_t)entry.inode});
	remove_entry(mappings, i);
	heap_mark_file(segment, entry.offset, entry.size, false);
	os_cover(segment_at(segment, entry.offset), entry.size);
	publish_table(segment);
	give_addresses(mappings, (struct addresses){entry.offset, round_up(entry.size, UNIT)});
	return 0;
}

int mappings_remove(struct segment *segment, uint64_t offset)
{
	int r;

	mappings_lock(segment->mappings);
	r = remove_mapping(segment, offset);
	mappings_unlock(segment->mappings);
	return r;
}
