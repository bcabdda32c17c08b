/*
 * cache.c - one file of results that several processes add to.
 *
 * Writers           The process that has the lock of the first byte of the file that has the name.
 *                   It first reads what others have appended, and cuts off what a dead one has left
 *                   behind the last whole record. The second of the last use is written by any
 *                   process, without the lock.
 * Readers           Take no lock. A record is there when its head is whole and the file is long
 *                   enough; no whole record is ever changed or cut off. Whether the payload is
 *                   right is found out when it is read.
 * Deaths            Of a writer: as of a journal's. The kernel drops its lock.
 */
#include "sheaf_resume.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/little.h"
#include "resume/cache_evict.h"
#include "resume/claim.h"
#include "resume/hash.h"
#include "resume/record_write.h"
#include "os/files.h"
#include "os/os.h"
#include "os/sync.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_BYTE 0
#define LOCK_NS UINT64_C(10000000000)
#define LOCK_PAUSE_NS 500000
#define LEAST_BYTES 4096
#define USUAL_BYTES (UINT64_C(1) << 30)
#define MOST_MOVES 100 /* of the name to another file, while one call waits */
#define USE_PERIOD 60  /* seconds */

struct sheaf_cache {
	pthread_mutex_t lock; /* guards all of it */
	pid_t opener;
	int claim;
	char *path;
	uint64_t max_bytes;
	struct record_file file; /* fd -1: it is not open */
	struct cache_index index;
	uint64_t end; /* of the last whole record that the index has */
	sheaf_cache_info info;
};

static int cache_fail(const sheaf_cache *cache, const char *action, int code)
{
	return sheaf_fail(code, "cache %.200s: cannot %s: %s", cache->path, action, strerror(-code));
}

static int cache_enter(sheaf_cache *cache, const char *call)
{
	if (!cache)
		return sheaf_fail(-EINVAL, "%s: cache is NULL", call);
	if (cache->opener != getpid())
		return sheaf_fail(-EPERM, "%s: the cache belongs to process %ld, which has opened it", call,
				  (long)cache->opener);
	pthread_mutex_lock(&cache->lock);
	return 0;
}

/* ---- The file ---- */

static void leave_file(sheaf_cache *cache)
{
	if (cache->file.fd < 0)
		return;
	close(cache->file.fd);
	claim_drop(cache->claim);
	cache_index_clear(&cache->index);
	cache->file.fd = -1;
	cache->end = RECORD_HEADER;
}

static int open_named(sheaf_cache *cache)
{
	struct stat status;
	bool created;
	int fd = claim_open(cache->path, &created, &cache->claim, &status);

	if (fd == -EBUSY)
		return sheaf_fail(fd, "cache %.200s: this process has it open already: share that handle", cache->path);
	if (fd == -ENOTSUP)
		return sheaf_fail(fd, "cache %.200s: is no regular file", cache->path);
	if (fd < 0)
		return cache_fail(cache, "open", fd);
	cache->file.fd = fd;
	return 0;
}

/* Tell whether the name has gone to another file, or to none. */
static bool has_moved(const sheaf_cache *cache)
{
	struct stat named, open;

	return stat(cache->path, &named) || fstat(cache->file.fd, &open) || named.st_ino != open.st_ino ||
	       named.st_dev != open.st_dev;
}

static int lock_once(sheaf_cache *cache)
{
	uint64_t deadline = sheaf_now_ns() + LOCK_NS;
	int r;

	while ((r = os_lock(cache->file.fd, LOCK_BYTE)) == -EAGAIN) {
		if (sheaf_now_ns() >= deadline)
			return sheaf_fail(-ETIMEDOUT, "cache %.200s: another process has been writing for %d s", cache->path,
					  (int)(LOCK_NS / 1000000000u));
		os_sleep_ns(LOCK_PAUSE_NS);
	}
	return r ? cache_fail(cache, "lock", r) : 0;
}

/* Have the file that the name stands for open, and its lock. */
static int lock_named(sheaf_cache *cache)
{
	int r;

	for (int moves = 0; moves < MOST_MOVES; moves++) {
		if (cache->file.fd < 0 && (r = open_named(cache)))
			return r;
		if ((r = lock_once(cache)))
			return r;
		if (!has_moved(cache))
			return 0;
		leave_file(cache);
	}
	return sheaf_fail(-ETIMEDOUT, "cache %.200s: its name goes to another file all the time", cache->path);
}

static void unlock(sheaf_cache *cache)
{
	if (cache->file.fd >= 0)
		os_unlock(cache->file.fd, LOCK_BYTE);
}

/* With the lock: begin an empty file, or take the header of one. */
static int begin_file(sheaf_cache *cache)
{
	unsigned char bytes[RECORD_HEADER] = {0};
	struct stat status;
	size_t known;
	int r;

	if (fstat(cache->file.fd, &status))
		return cache_fail(cache, "open", -errno);
	known = status.st_size < RECORD_HEADER ? (size_t)status.st_size : RECORD_HEADER;
	if ((r = os_read_at(cache->file.fd, 0, bytes, known)))
		return cache_fail(cache, "read", r);
	if ((size_t)status.st_size == known && record_is_torn_header(bytes, known)) {
		cache->file.identity = (sheaf_identity){.text = "cache"};
		if ((r = record_begin(&cache->file)) || (r = os_sync_name(cache->path))) {
			record_cut(cache->file.fd, 0);
			return cache_fail(cache, "begin", r);
		}
		return 0;
	}
	r = record_take_header(&cache->file, bytes);
	if (r == -EPROTO)
		return sheaf_fail(r, "cache %.200s: a later version of Sheaf has made it: use that, or another file",
				  cache->path);
	return r ? sheaf_fail(r, "cache %.200s: is no cache, or its header is damaged: if it is one, remove it", cache->path)
		 : 0;
}

static int index_record(void *context, const struct record *record)
{
	return cache_index_add(context, record);
}

/* Take what others have appended. @size: out: the file's, or NULL. */
static int take_new(sheaf_cache *cache, uint64_t *size)
{
	struct record_scan scan;
	struct stat status;
	int r;

	if (fstat(cache->file.fd, &status))
		return cache_fail(cache, "read", -errno);
	r = record_each(&cache->file, cache->end, (uint64_t)status.st_size, false, index_record, &cache->index, &scan);
	/* Also where it ended early: what was taken is not taken twice. */
	cache->end = scan.end;
	if (size)
		*size = (uint64_t)status.st_size;
	return r ? cache_fail(cache, "read", r) : 0;
}

/* The lock, the header, and all records. */
static int begin_writing(sheaf_cache *cache)
{
	uint64_t size;
	int r;

	if ((r = lock_named(cache)))
		return r;
	if (!(r = begin_file(cache)) && !(r = take_new(cache, &size)) && (r = record_cut(cache->file.fd, cache->end)))
		r = cache_fail(cache, "cut", r);
	if (r)
		unlock(cache);
	return r;
}

/* ---- Results ---- */

static uint64_t second_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec;
}

/* A hint for evictions: that it gets lost does no harm. */
static void note_use(sheaf_cache *cache, struct record *record)
{
	uint64_t now = second_now();
	unsigned char bytes[8];

	if (now >= record->used && now - record->used < USE_PERIOD)
		return;
	little_store(bytes, sizeof(bytes), now);
	if (pwrite(cache->file.fd, bytes, sizeof(bytes), (off_t)(record->offset + CACHE_USED_AT)) == (ssize_t)sizeof(bytes))
		record->used = now;
}

/* 1; 0: it is damaged; -errno. */
static int read_result(sheaf_cache *cache, struct record *record, void **bytes, size_t *size)
{
	void *copy;
	int r;

	if (record->size > SIZE_MAX || !(copy = malloc(record->size ? (size_t)record->size : 1)))
		return sheaf_fail(-ENOMEM, "cache %.200s: no memory for %" PRIu64 " bytes", cache->path, record->size);
	if ((r = record_read(&cache->file, record, copy))) {
		free(copy);
		if (r != -EBADMSG && r != -ENODATA)
			return cache_fail(cache, "read", r);
		cache->info.damaged++;
		return 0;
	}
	note_use(cache, record);
	if (!record->size) {
		free(copy);
		copy = NULL;
	}
	*bytes = copy;
	*size = (size_t)record->size;
	return 1;
}

/* Look for it once more in what others have done. */
static int find_again(sheaf_cache *cache, const uint64_t key[2], struct record **record)
{
	int r = 0;

	if (cache->file.fd < 0 || has_moved(cache)) {
		leave_file(cache);
		if (!(r = begin_writing(cache)))
			unlock(cache);
	} else {
		r = take_new(cache, NULL);
	}
	*record = r ? NULL : cache_index_find(&cache->index, key);
	return r;
}

int sheaf_cache_get(sheaf_cache *cache, const sheaf_identity *call, void **bytes, size_t *size)
{
	struct record *record;
	int r, cancel;

	if (!call || !bytes || !size)
		return sheaf_fail(-EINVAL, "sheaf_cache_get: %s is NULL", !call ? "call" : !bytes ? "bytes" : "size");
	cancel = cancel_refuse();
	if (!(r = cache_enter(cache, "sheaf_cache_get"))) {
		record = cache_index_find(&cache->index, call->hash);
		if (!record)
			r = find_again(cache, call->hash, &record);
		if (record)
			r = read_result(cache, record, bytes, size);
		cache->info.hits += r == 1;
		cache->info.misses += r == 0;
		pthread_mutex_unlock(&cache->lock);
	}
	cancel_allow(cancel);
	return r;
}

/* With the lock: have room for a record, in the same file or a new one. */
static int have_room(sheaf_cache *cache, uint64_t length)
{
	uint64_t most = cache->max_bytes / 4 * 3 - RECORD_HEADER, evicted = 0;
	int r;

	/* Others may have filled the new one before this process has its lock. */
	while (cache->end + length > cache->max_bytes) {
		r = cache_evict(&cache->file, &cache->index, cache->path, most > length ? most - length : 0, &evicted);
		if (r) {
			unlock(cache);
			return cache_fail(cache, "make room", r);
		}
		cache->info.evicted += evicted;
		leave_file(cache);
		if ((r = begin_writing(cache)))
			return r;
	}
	return 0;
}

/* With the lock. */
static int append_result(sheaf_cache *cache, const uint64_t key[2], const void *bytes, size_t size)
{
	const struct record record = {
		.first = key[0], .count = key[1], .size = size, .used = second_now(), .offset = cache->end};
	int r;

	if ((r = record_write(&cache->file, &record, bytes))) {
		record_cut(cache->file.fd, cache->end);
		return cache_fail(cache, "write", r);
	}
	cache->end += record_length(size);
	cache->info.puts++;
	return cache_index_add(&cache->index, &record)
		       ? sheaf_fail(-ENOMEM, "cache %.200s: no memory for its index", cache->path)
		       : 0;
}

static bool has_whole(sheaf_cache *cache, const uint64_t key[2])
{
	struct record *record = cache_index_find(&cache->index, key);
	void *copy;
	bool whole;

	if (!record || record->size > SIZE_MAX || !(copy = malloc(record->size ? (size_t)record->size : 1)))
		return false;
	whole = !record_read(&cache->file, record, copy);
	free(copy);
	return whole;
}

static int put_once(sheaf_cache *cache, const uint64_t key[2], const void *bytes, size_t size)
{
	int r = begin_writing(cache);

	if (r)
		return r;
	if (!has_whole(cache, key)) {
		/* If that fails, the lock is gone. */
		if ((r = have_room(cache, record_length(size))))
			return r;
		r = append_result(cache, key, bytes, size);
	}
	unlock(cache);
	return r;
}

int sheaf_cache_put(sheaf_cache *cache, const sheaf_identity *call, const void *bytes, size_t size)
{
	int r, cancel;

	if (!call || (size && !bytes))
		return sheaf_fail(-EINVAL, "sheaf_cache_put: %s is NULL", call ? "bytes" : "call");
	cancel = cancel_refuse();
	if (!(r = cache_enter(cache, "sheaf_cache_put"))) {
		if (size > cache->max_bytes / 2)
			r = sheaf_fail(-EOVERFLOW, "cache %.200s: %zu bytes are more than half of its %" PRIu64, cache->path,
				       size, cache->max_bytes);
		else
			r = put_once(cache, call->hash, bytes, size);
		pthread_mutex_unlock(&cache->lock);
	}
	cancel_allow(cancel);
	return r;
}

/* ---- Handles ---- */

static void free_cache(sheaf_cache *cache)
{
	pthread_mutex_destroy(&cache->lock);
	cache_index_clear(&cache->index);
	free(cache->path);
	free(cache);
}

/* NULL: no memory. */
static sheaf_cache *new_cache(const char *path, uint64_t max_bytes)
{
	sheaf_cache *cache = calloc(1, sizeof(*cache));
	size_t length = strlen(path);

	if (!cache)
		return NULL;
	if (!(cache->path = malloc(length + 1)) || pthread_mutex_init(&cache->lock, NULL)) {
		free(cache->path);
		free(cache);
		return NULL;
	}
	memcpy(cache->path, path, length + 1);
	cache->opener = getpid();
	cache->max_bytes = max_bytes;
	cache->end = RECORD_HEADER;
	cache->file = (struct record_file){.fd = -1, .kind = RECORD_CACHE};
	return cache;
}

int sheaf_cache_open(sheaf_cache **cache, const char *path, const sheaf_cache_options *options)
{
	uint64_t max_bytes = options && options->max_bytes ? options->max_bytes : USUAL_BYTES;
	sheaf_cache *opened;
	int r, cancel;

	if (!cache || !path)
		return sheaf_fail(-EINVAL, "sheaf_cache_open: %s is NULL", cache ? "path" : "cache");
	if (max_bytes < LEAST_BYTES)
		return sheaf_fail(-EINVAL, "sheaf_cache_open: options.max_bytes is %" PRIu64 ", at least %d", max_bytes,
				  LEAST_BYTES);
	cancel = cancel_refuse();
	if (!(opened = new_cache(path, max_bytes))) {
		r = sheaf_fail(-ENOMEM, "sheaf_cache_open: no memory");
	} else if ((r = begin_writing(opened))) {
		leave_file(opened);
		free_cache(opened);
	} else {
		unlock(opened);
		*cache = opened;
	}
	cancel_allow(cancel);
	return r;
}

void sheaf_cache_close(sheaf_cache *cache)
{
	int cancel;

	if (!cache)
		return;
	cancel = cancel_refuse();
	if (cache->opener == getpid())
		leave_file(cache);
	free_cache(cache);
	cancel_allow(cancel);
}

int sheaf_cache_get_info(sheaf_cache *cache, sheaf_cache_info *info)
{
	int r;

	if (!info)
		return sheaf_fail(-EINVAL, "sheaf_cache_get_info: info is NULL");
	if ((r = cache_enter(cache, "sheaf_cache_get_info")))
		return r;
	*info = cache->info;
	info->entries = cache->index.count;
	info->bytes = cache->end;
	pthread_mutex_unlock(&cache->lock);
	return 0;
}
