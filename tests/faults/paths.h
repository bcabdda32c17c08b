/*
 * paths.h - what is done with the library while its calls fail. Each attempt frees all that it
 * made, and leaves its outcome (judge.h).
 */
#ifndef SHEAF_TESTS_FAULTS_PATHS_H
#define SHEAF_TESTS_FAULTS_PATHS_H

#include <stdbool.h>

struct path {
	const char *name;
	void (*prepare)(void); /* before the first attempt, without faults; or NULL */
	void (*attempt)(void);
	bool threaded; /* no process can be killed, so no wake-up is lost */
};

extern const struct path paths[];
extern const unsigned path_count;

/* The files that the data paths read; they go when the program ends. */
void paths_make_files(void);

/*
 * Return the name of a process's segment. @which: 0, or 1 for a segment that a dead process has
 * left.
 */
const char *paths_segment_name(long pid, unsigned which);

void path_take_name(void);
void path_create_default(void);
void path_create_anonymous(void);
void path_create_keep_fds(void);
void path_create_taken(void);
void path_create_over_stale(void);
void path_memory(void);
void path_calls_small(void);
void path_calls_large(void);
void path_arguments(void);
void path_many_batches(void);
void path_priorities(void);
void path_maps(void);
void path_several(void);
void path_apply(void);
void path_worker_dies(void);
void path_worker_dies_in_range(void);
void path_supervisor_dies(void);
void path_owner_dies(void);
void path_close_and_join(void);
void path_terminate(void);
void path_retire_while_running(void);
void path_threads(void);
void path_load_csv(void);
void path_load_npy(void);
void path_load_pipe(void);
void path_save(void);
void path_journal(void);
void path_identity(void);
void path_map_files(void);
void path_archive(void);
void path_resume(void);
void path_replace(void);
void path_cache(void);
void path_table_load(void);
void path_table_pipe(void);
void path_table_save(void);
void path_inspect(void);
void path_trace(void);

#endif
