/*
 * paths.c - the list.
 */
#include "paths.h"

#include <stddef.h>

const struct path paths[] = {
	{.name = "create", .attempt = path_create_default},
	{.name = "create anonymous", .attempt = path_create_anonymous},
	{.name = "create, keeping files", .attempt = path_create_keep_fds},
	{.name = "create, name taken", .prepare = path_take_name, .attempt = path_create_taken},
	{.name = "create, name left by a dead owner", .attempt = path_create_over_stale},
	{.name = "alloc and free", .attempt = path_memory},
	{.name = "submit and gather", .attempt = path_calls_small},
	{.name = "large arguments and results", .attempt = path_calls_large},
	{.name = "arguments in the heap", .attempt = path_arguments},
	{.name = "many batches", .attempt = path_many_batches},
	{.name = "priorities", .attempt = path_priorities},
	{.name = "map", .attempt = path_maps},
	{.name = "several batches", .attempt = path_several},
	{.name = "apply", .attempt = path_apply},
	{.name = "a worker dies", .attempt = path_worker_dies},
	{.name = "a worker dies in a range", .attempt = path_worker_dies_in_range},
	{.name = "the supervisor dies", .attempt = path_supervisor_dies},
	{.name = "the owner dies", .attempt = path_owner_dies},
	{.name = "close and join", .attempt = path_close_and_join},
	{.name = "terminate", .attempt = path_terminate},
	{.name = "retire what runs", .attempt = path_retire_while_running},
	{.name = "threads", .attempt = path_threads, .threaded = true},
	{.name = "load CSV", .attempt = path_load_csv},
	{.name = "load .npy", .attempt = path_load_npy},
	{.name = "load a pipe", .attempt = path_load_pipe},
	{.name = "save .npy", .attempt = path_save},
	{.name = "journal", .attempt = path_journal},
	{.name = "identity", .attempt = path_identity},
	{.name = "map, make and append to .npy", .attempt = path_map_files},
	{.name = "save, list and load .npz", .attempt = path_archive},
	{.name = "resume a map", .attempt = path_resume},
	{.name = "replace a file", .attempt = path_replace},
	{.name = "cache", .attempt = path_cache},
	{.name = "load a table", .attempt = path_table_load},
	{.name = "load a table from a pipe", .attempt = path_table_pipe},
	{.name = "save a table", .attempt = path_table_save},
	{.name = "trace", .attempt = path_trace},
	{.name = "inspect", .prepare = path_take_name, .attempt = path_inspect},
};
const unsigned path_count = sizeof(paths) / sizeof(paths[0]);
