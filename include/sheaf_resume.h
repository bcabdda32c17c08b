/*
 * sheaf_resume.h - jobs that go on where they were killed, and results that are kept on disk.
 *
 * Contents
 *   Identity   sheaf_identity_begin, _add, _add_file
 *   Journal    sheaf_journal_open, _close, _append, _sync, _missing, _read, _each, _get_info
 *   Jobs       sheaf_resume_map, sheaf_resume_for
 *   Files      sheaf_file_replace
 *   Cache      sheaf_cache_open, _close, _get, _put, _get_info
 *
 * Model      A *journal* is a file to which a job appends which positions are done, with the bytes
 *            of their results. It belongs to one *identity*: a hash of the job's input, function,
 *            version and parameters. A job that was killed opens its journal again and does what is
 *            missing. A *cache* is such a file with results of any calls, each under its identity.
 *
 * Kills      A record is whole or not there: it has checksums, which hold for this file and this
 *            place in it alone. What a kill, a full disk or a damaged block leaves is skipped, and
 *            those positions are missing. So nothing wrong is ever read. The format, and what is
 *            left at each step, are in explanation/resume.md.
 *
 * Power      A record that was appended survives the death of any process at once. It survives a
 *            power cut when it has been synced: see sheaf_journal_options.
 *
 * Callers    Any thread of the process that opened a journal or cache; also a task, if it has
 *            opened it, or with SHEAF_THREADS and SHEAF_INLINE. In a forked child each call with
 *            the handle returns -EPERM. One process at a time has a journal open, any number a
 *            cache. Their locks are record locks of the system, which end with their process. If a
 *            process closes another descriptor of the same file, it drops its lock.
 *
 * Returns    As in sheaf.h: >= 0 done, < 0 is -errno, and sheaf_message() says what went wrong.
 */
#ifndef SHEAF_RESUME_H
#define SHEAF_RESUME_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Identity ---- */

#define SHEAF_IDENTITY_TEXT 72 /* bytes, with the zero */

/* Which job it is: 128 bits, and a text for messages. A value: copy it, compare the hash. */
typedef struct sheaf_identity {
	uint64_t hash[2];
	char text[SHEAF_IDENTITY_TEXT];
} sheaf_identity;

/* What of a file tells it from others? */
enum sheaf_content {
	/* its size, the time of its last change, its first and last 64 KiB, and 62 blocks of 4 KiB
	 * between them: a change is missed only if it keeps the time and lies between the blocks */
	SHEAF_SAMPLED = 0,
	SHEAF_FULL = 1, /* its size and all of its bytes, whatever its time says */
};

/**
 * sheaf_identity_begin() - begin with the name of the job's function, and the version of its code
 * sheaf_identity_add() - add a parameter: its name, and @size bytes
 * sheaf_identity_add_file() - add an input file: its content, not its name
 * @identity: out, then changed. Unchanged on failure
 * @name:     text of any length; messages quote the first 60 bytes of a function's
 *
 * Everything counts: the order of the calls, the names, where one value ends. The hash is
 * SipHash-2-4 of 128 bits (Aumasson and Bernstein, 2012) with a key of zeros: it keeps apart what
 * differs by accident, and not what an attacker has made.
 * Return: 0; -EINVAL (NULL); add_file: also -EISDIR, -ENOTSUP (a pipe or a device), -ENOMEM,
 *         -EAGAIN (it changed while it was read), and those of open() and read().
 */
SHEAF_API int sheaf_identity_begin(sheaf_identity *identity, const char *name, uint64_t version);
SHEAF_API int sheaf_identity_add(sheaf_identity *identity, const char *name, const void *bytes, size_t size);
SHEAF_API int sheaf_identity_add_file(sheaf_identity *identity, const char *path, enum sheaf_content content);

/* ---- Journal ---- */

typedef struct sheaf_journal sheaf_journal;

/* When the records are made to survive a power cut, all that wait by one call of fsync(). */
typedef struct sheaf_journal_options {
	uint64_t sync_ns;  /* by an append so long after the last sync; 0: 1 s; 1: by each append;
			    * SHEAF_FOREVER: when closed, and by sheaf_journal_sync() */
	size_t sync_bytes; /* by an append when so many bytes wait; 0: 64 MiB */
	bool strict;       /* damage is -EBADMSG: else what is damaged is missing */
} sheaf_journal_options;

/**
 * sheaf_journal_open() - open a job's journal, or make it
 * @journal:  out: end it with sheaf_journal_close()
 * @identity: of the job. It is noted in a journal that is made, and compared with that of another
 *
 * Reads the whole file once. Cuts off what a killed writer has left behind the last whole record.
 * What this job did before is skipped by the functions below.
 * Return: 0; -EINVAL (NULL); -EBUSY (another process, or this one, has it open: the message tells
 *         the pid); -ESTALE (it is of another job: the message has both hashes); -EPROTO (a later
 *         version has made it); -EBADMSG (no journal, or a damaged header; with strict any damage);
 *         -ENOTSUP (no regular file); -EMFILE (256 are open); -ENOMEM; -ENOLCK (the file system has
 *         no locks); -ENOSPC, -EIO and others of open(), read(), write(), fsync().
 */
SHEAF_API int sheaf_journal_open(sheaf_journal **journal, const char *path, const sheaf_identity *identity,
				 const sheaf_journal_options *options);

/**
 * sheaf_journal_close() - sync what waits, and free the journal. NULL is fine. No other thread may
 * be using it. Return: 0; -EIO, -ENOSPC (fsync(): what was appended since the last sync may not
 * survive a power cut). The journal is freed in any case; in a forked child, only there.
 */
SHEAF_API int sheaf_journal_close(sheaf_journal *journal);

/**
 * sheaf_journal_append() - note that @count positions from @first on are done
 * @bytes: @size bytes of theirs, which sheaf_journal_read() gives back; size 0: none. Results that
 *         are files: replace the files first (sheaf_file_replace())
 *
 * One write, and a sync if it is due. On failure nothing is noted, and it may be tried again, when
 * there is room.
 * Return: 0; -EINVAL (NULL; count is 0; beyond the last position); -EPERM (a forked child); -EEXIST
 *         (one of them is done already); -EOVERFLOW (64 TiB or more); -ENOMEM; -ENOSPC, -EDQUOT,
 *         -EFBIG, -EIO and others of write(); -EIO (fsync() failed, now or before: what is on the
 *         disk is not known. Close the journal and open it again).
 */
SHEAF_API int sheaf_journal_append(sheaf_journal *journal, uint64_t first, uint64_t count, const void *bytes, size_t size);

/** sheaf_journal_sync() - sync now. Return: 0; -EINVAL, -EPERM; -EIO, -ENOSPC: as append. */
SHEAF_API int sheaf_journal_sync(sheaf_journal *journal);

/**
 * sheaf_journal_missing() - find the first positions from @from on that are not done
 * @end:   positions are those below it
 * @first: out
 * @count: out: how many in a row
 *
 * Return: 1; 0 (all of them are done); -EINVAL, -EPERM.
 */
SHEAF_API int sheaf_journal_missing(sheaf_journal *journal, uint64_t from, uint64_t end, uint64_t *first, uint64_t *count);

/* What was appended by one call. */
typedef struct sheaf_journal_record {
	uint64_t first, count;
	const void *bytes; /* valid until the journal is read from again, by any thread */
	size_t size;
} sheaf_journal_record;

/**
 * sheaf_journal_read() - read the record that has a position
 * sheaf_journal_each() - call a function for each record, by ascending positions
 * @record: out
 * @fn:     it may not call the journal. Another value than 0 ends the walk
 *
 * Return: read: 0; -ENOENT (the position is not done); each: 0, or what the function returned
 *         both: -EINVAL, -EPERM, -ENOMEM; -EBADMSG (the file has changed since it was opened); -EIO
 *         and others of read().
 */
SHEAF_API int sheaf_journal_read(sheaf_journal *journal, uint64_t position, sheaf_journal_record *record);
typedef int sheaf_journal_fn(void *context, const sheaf_journal_record *record);
SHEAF_API int sheaf_journal_each(sheaf_journal *journal, sheaf_journal_fn *fn, void *context);

typedef struct sheaf_journal_info {
	uint64_t positions; /* done */
	uint64_t records;
	uint64_t found;   /* positions that were done when it was opened */
	uint64_t bytes;   /* of the file */
	uint64_t cut;     /* bytes that opening it cut off: a record that was being written */
	uint64_t damaged; /* bytes between whole records that belong to none: damage of the disk */
	uint64_t waiting; /* bytes that a power cut may take */
	uint64_t syncs;   /* calls of fsync() since it was opened */
} sheaf_journal_info;

/** sheaf_journal_get_info() - tell what a journal has. Return: 0; -EINVAL, -EPERM. */
SHEAF_API int sheaf_journal_get_info(sheaf_journal *journal, sheaf_journal_info *info);

/* ---- Jobs ---- */

/* What if a record cannot be appended, as the disk is full? */
enum sheaf_on_full {
	SHEAF_FULL_STOP = 0,  /* the call ends with that error */
	SHEAF_FULL_GO_ON = 1, /* it goes on, and what was not noted would be done again */
};

typedef struct sheaf_resume_options {
	size_t grain; /* of a loop: positions of a task, at most; 0: 1 */
	enum sheaf_on_full on_full;
	uint64_t *unnoted; /* out: how many positions were done and not noted; or NULL */
	/* as of sheaf_map() and sheaf_for(), without first, grain, left, left_size; or NULL */
	const sheaf_map_options *run;
} sheaf_resume_options;

/**
 * sheaf_resume_map() - do what sheaf_map() does, but for positions that a journal has
 * sheaf_resume_for() - the same of sheaf_for(), whose tasks write their results into @out
 * @in, @out: as of sheaf_map(), in shared memory. out_size 0: results are elsewhere, as in files
 *            that the task replaces by sheaf_file_replace()
 * @context:  as of sheaf_for()
 * @journal:  with an identity that stands for all that the results depend on, and for @n and
 *            @out_size, too
 *
 * First the results of positions that are done are copied from the journal to @out. Then tasks do
 * the others, and each is noted as soon as the caller learns that it is done: by one record for
 * neighbours that are done at the same time. Any number of workers may take part each time. The
 * caller makes the records, so sync_ns of the journal holds as long as tasks end. In the end @out
 * has the same bytes as without a kill, if the tasks' results depend on nothing else.
 *
 * Each task has its own position, its context and attempts as in a map. sheaf_task_arg_size() is of
 * no use there. A position that fails is not noted, so it is tried again when the job is. If the
 * worker of a range dies, its positions are done one by one.
 * Return: 0; the status of the lowest position that failed; -ETIME (run->deadline_ns passed);
 *         -EINVAL (also: the journal has a record that does not fit: another n or out_size);
 *         -EFAULT, -EOVERFLOW (as sheaf_map()); the errors of sheaf_journal_append() with
 *         SHEAF_FULL_STOP; those of sheaf_journal_each(), sheaf_batch_create(), sheaf_feed() and
 *         sheaf_next_done().
 */
SHEAF_API int sheaf_resume_map(sheaf_pool *pool, sheaf_journal *journal, sheaf_task_fn *fn, const void *in, size_t in_size,
			       void *out, size_t out_size, size_t n, const sheaf_resume_options *options);
SHEAF_API int sheaf_resume_for(sheaf_pool *pool, sheaf_journal *journal, sheaf_range_fn *fn, void *context, void *out,
			       size_t out_size, size_t n, const sheaf_resume_options *options);

/* ---- Files ---- */

/**
 * sheaf_file_replace() - give a file these bytes, all at once
 * @path: of the file, which need not exist
 *
 * Writes FILE.part, syncs it, gives it the file's name, and syncs that. So whatever dies, the file
 * has its old bytes or the new ones, also after a power cut. What a dead writer has left of
 * FILE.part is removed by the next one. One process at a time may replace a file; a task may.
 * Return: 0; -EINVAL (NULL), -ENAMETOOLONG, -EFBIG; -EISDIR, -ENOTSUP (no regular file has that
 *         name, so nothing is replaced); and those of open(), write(), fsync() and
 *         rename().
 */
SHEAF_API int sheaf_file_replace(const char *path, const void *bytes, size_t size);

/* ---- Cache ---- */

typedef struct sheaf_cache sheaf_cache;

typedef struct sheaf_cache_options {
	uint64_t max_bytes; /* of the file; 0: 1 GiB; at least 4096 */
} sheaf_cache_options;

/**
 * sheaf_cache_open() - open a file of results, or make it
 * sheaf_cache_close() - close it; NULL is fine, and no other thread may be using it
 * @cache: out: end it with sheaf_cache_close()
 *
 * Any number of processes may have it open, each once: also workers, by an init hook
 * (sheaf_workers.h), or tasks. What one has put, all of them get.
 * Return: 0; -EINVAL (NULL, max_bytes); -EBUSY (this process has it open); -EPROTO (a later version
 *         has made it); -EBADMSG (no cache, or a damaged header: remove it); -ENOTSUP (no regular
 *         file); -EMFILE; -ENOMEM; -ENOLCK; -ETIMEDOUT (as put); and those of open(), read(),
 *         write() and fsync().
 */
SHEAF_API int sheaf_cache_open(sheaf_cache **cache, const char *path, const sheaf_cache_options *options);
SHEAF_API void sheaf_cache_close(sheaf_cache *cache);

/**
 * sheaf_cache_get() - find the result of a call
 * sheaf_cache_put() - keep it
 * @call:  function, version, and all arguments by their bytes, see sheaf_identity_add()
 * @bytes: get: out: a copy to free(); NULL if it has none
 * @size:  get: out
 *
 * When the file would become longer than max_bytes, results go, those first that nobody has got for
 * longest (to about a minute), until a quarter of the room is free. The process that puts writes
 * the others to FILE.part, which becomes the file. If it dies meanwhile, the file is as before.
 * What is damaged is not found. What was put lately may be gone after a power cut. If a result is
 * there already, put does nothing.
 * Return: get: 1; 0 (it is not there). put: 0; -EOVERFLOW (larger than half of max_bytes);
 *         -ETIMEDOUT (another process has been putting for 10 s: perhaps it is stopped); -ENOLCK;
 *         -ENOSPC, -EFBIG, -EIO and others of write(), fsync(), rename()
 *         both: -EINVAL, -EPERM (a forked child), -ENOMEM; those of open(), read().
 */
SHEAF_API int sheaf_cache_get(sheaf_cache *cache, const sheaf_identity *call, void **bytes, size_t *size);
SHEAF_API int sheaf_cache_put(sheaf_cache *cache, const sheaf_identity *call, const void *bytes, size_t size);

typedef struct sheaf_cache_info {
	uint64_t entries; /* that this process knows of */
	uint64_t bytes;   /* of the file */
	uint64_t hits;    /* of this handle, and the following, too */
	uint64_t misses;
	uint64_t puts;    /* results that were not there */
	uint64_t evicted; /* results that it has removed for lack of room */
	uint64_t damaged; /* results that were there, and damaged */
} sheaf_cache_info;

/** sheaf_cache_get_info() - tell what a cache has and was good for. Return: 0; -EINVAL, -EPERM. */
SHEAF_API int sheaf_cache_get_info(sheaf_cache *cache, sheaf_cache_info *info);

#ifdef __cplusplus
}
#endif

#endif
