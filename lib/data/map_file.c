/*
 * map_file.c - maps arrays that lie in files or in named shared memory.
 */
#include "data/map_file.h"

#include "base/cancel.h"
#include "base/error.h"
#include "data/dtype.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/shape.h"
#include "os/files.h"
#include "os/os.h"
#include "pool/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_absolute(const char *path, char *absolute)
{
	size_t length = strlen(path), before = 0;

	if (*path != '/') {
		if (!getcwd(absolute, PATH_MAX))
			return errno == ERANGE ? -ENAMETOOLONG : -errno;
		before = strlen(absolute);
		absolute[before++] = '/';
	}
	if (before + length >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(absolute + before, path, length + 1);
	return 0;
}

int file_describe(const char *call, const sheaf_layout *layout, struct file_part *part)
{
	sheaf_array *array = &part->array;
	int r = sheaf_array_view(array, (void *)(uintptr_t)1, layout->type, layout->item_size, layout->dimensions,
				 layout->shape);

	if (r)
		return r;
	if (!shape_make(array, layout->dimensions, layout->shape, layout->fortran, &part->size) ||
	    layout->offset > INT64_MAX - part->size)
		return sheaf_fail(-EOVERFLOW, "%s: the layout does not fit in a file", call);
	part->at = layout->offset;
	return 0;
}

int file_map(sheaf_array *array, sheaf_pool *pool, const char *call, struct mapping_file *file, const struct file_part *part)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), before = part->at % page;
	unsigned char *memory;
	int r;

	file->from = part->at - before;
	file->size = before + (part->size ? part->size : 1);
	if ((r = pool_map(pool, call, file, (void **)&memory)))
		return r;
	*array = part->array;
	array->memory = memory;
	array->data = memory + before;
	return 0;
}

int file_unmap(sheaf_pool *pool, void *memory, const struct mapping_file *file)
{
	int r = pool_unmap(pool, "sheaf_array_free", memory);

	if (!r && file->flags & MAPPING_MADE)
		unlink(file->path);
	return r;
}

/* ---- which part ---- */

/* Leave rows, or in Fortran order columns, away. */
static int choose_part(const char *path, const sheaf_file_options *options, struct file_part *part)
{
	sheaf_array *array = &part->array;
	bool fortran = !sheaf_array_is_contiguous(array);
	unsigned d = fortran && array->dimensions ? array->dimensions - 1 : 0;
	size_t all = array->dimensions ? array->shape[d] : 1, row = all ? (size_t)part->size / all : 0, rows;

	if (!options->first && !options->rows)
		return 0;
	if (!array->dimensions || options->first > all || options->rows > all - options->first)
		return sheaf_fail(-EINVAL, "%s: has %zu rows, and options ask for %zu from row %zu on", path, all,
				  options->rows, options->first);
	rows = options->rows ? options->rows : all - options->first;
	part->at += (uint64_t)options->first * row;
	part->size = (uint64_t)rows * row;
	array->shape[d] = rows;
	return 0;
}

static int check_alignment(const char *path, const struct file_part *part)
{
	size_t number = dtype_number_size(part->array.type, part->array.item_size);

	if (number > 1 && part->at % number)
		return sheaf_fail(-ENOTSUP,
				  "%s: the items begin at byte %llu, which is no multiple of their %zu bytes: load them "
				  "instead, by sheaf_array_load()",
				  path, (unsigned long long)part->at, number);
	return 0;
}

/* Find an array by the header of its .npy file. */
static int find_npy(struct input *input, const sheaf_file_options *options, struct file_part *part)
{
	static const sheaf_load_options defaults = {.deadline_ns = 0};
	struct npz_place place;
	struct npy_file file;
	int r = 0;

	if (input_is_archive(input)) {
		r = npz_find(input->fd, input->path, options->member, &place);
		if (!r)
			r = sheaf_input_enter(input, place.at, place.size);
	} else if (options->member) {
		r = sheaf_fail(-EINVAL, "%s: is no .npz file, and options.member is \"%.200s\"", input->path, options->member);
	}
	if (!r && !sheaf_npy_recognize(input))
		r = sheaf_fail(-EBADMSG, "%s: is not an .npy file: its first bytes are not \\x93NUMPY", input->path);
	if (!r)
		r = sheaf_npy_describe(input, &defaults, &file);
	if (r)
		return r;
	if (file.swapped)
		return sheaf_fail(-ENOTSUP, "%s: the items have the other byte order: load them instead, by sheaf_array_load()",
				  input->path);
	*part = (struct file_part){.array = file.array, .at = input->begin + file.values_at, .size = file.size};
	return 0;
}

/* Find an array by its layout. The file may be longer. */
static int find_layout(int fd, const char *path, const sheaf_layout *layout, struct file_part *part)
{
	struct stat status;
	int r = file_describe("sheaf_array_map", layout, part);

	if (r)
		return r;
	if (fstat(fd, &status))
		return sheaf_fail(-errno, "%s: cannot read: %s", path, strerror(errno));
	if ((uint64_t)status.st_size < part->at + part->size)
		return sheaf_fail(-EBADMSG, "%s: has %llu bytes, and the layout needs %llu", path,
				  (unsigned long long)status.st_size, (unsigned long long)part->at + part->size);
	return 0;
}

/* ---- the call ---- */

/* Open the file as it is to be mapped, if it still is the one whose header was read. */
static int open_mapping(const struct input *input, const char *path, bool writable)
{
	struct os_file_id id;
	int fd = os_open(path, writable ? O_RDWR : O_RDONLY);

	if (fd < 0)
		return sheaf_fail(fd, "sheaf_array_map: cannot open %.200s: %s", path, strerror(-fd));
	if (!os_file_note(input->fd, &id) && os_file_is(fd, &id))
		return fd;
	close(fd);
	return sheaf_fail(-EBADMSG, "%s: was replaced while it was mapped: map it again", path);
}

static int map_path(sheaf_array *array, sheaf_pool *pool, const char *path, const sheaf_file_options *options)
{
	struct mapping_file file = {.fd = -1, .access = (enum mapping_access)options->access};
	struct file_part part = {.at = 0};
	char absolute[PATH_MAX];
	struct input input;
	int r = file_absolute(path, absolute);

	if (r)
		return sheaf_fail(r, "sheaf_array_map: cannot map %.200s: %s", path, strerror(-r));
	if ((r = input_open_regular(&input, pool, path, ", so it cannot be mapped: load it by sheaf_array_load()")))
		return r;
	if (options->layout)
		r = find_layout(input.fd, path, options->layout, &part);
	else
		r = find_npy(&input, options, &part);
	if (!r)
		r = choose_part(path, options, &part);
	if (!r)
		r = check_alignment(path, &part);
	if (!r && (file.fd = open_mapping(&input, absolute, options->access == SHEAF_READ_WRITE)) < 0)
		r = file.fd;
	sheaf_input_close(&input);
	file.path = absolute;
	if (!r && (r = file_map(array, pool, "sheaf_array_map", &file, &part)))
		close(file.fd);
	return r;
}

static int map_name(sheaf_array *array, sheaf_pool *pool, const char *name, const sheaf_file_options *options)
{
	struct mapping_file file = {
		.fd = -1, .path = name, .flags = MAPPING_NAMED, .access = (enum mapping_access)options->access};
	struct file_part part = {.at = 0};
	int r;

	if (!options->layout || options->member)
		return sheaf_fail(-EINVAL, "sheaf_array_map: named memory needs options.layout, and has no members");
	if ((r = os_shm_open(name, options->access == SHEAF_READ_WRITE, &file.fd)))
		return sheaf_fail(r, "sheaf_array_map: cannot open the shared memory %.200s: %s", name, strerror(-r));
	r = find_layout(file.fd, name, options->layout, &part);
	if (!r)
		r = choose_part(name, options, &part);
	if (!r)
		r = check_alignment(name, &part);
	if (!r)
		r = file_map(array, pool, "sheaf_array_map", &file, &part);
	if (r)
		close(file.fd);
	return r;
}

int sheaf_array_map(sheaf_array *array, sheaf_pool *pool, const char *path, const sheaf_file_options *options)
{
	static const sheaf_file_options defaults = {.access = SHEAF_READ_ONLY};
	int r, cancel;

	if (!array || !pool || !path)
		return sheaf_fail(-EINVAL, "sheaf_array_map: array, pool or path is NULL");
	if (!options)
		options = &defaults;
	if ((unsigned)options->access > SHEAF_COPY_ON_WRITE)
		return sheaf_fail(-EINVAL, "sheaf_array_map: options.access is %u, at most %d", (unsigned)options->access,
				  SHEAF_COPY_ON_WRITE);
	if (options->layout && options->member)
		return sheaf_fail(-EINVAL, "sheaf_array_map: options have both a layout and a member: one of them is NULL");
	if ((r = pool_check_owner(pool, "sheaf_array_map")))
		return r;
	cancel = cancel_refuse();
	r = options->named ? map_name(array, pool, path, options) : map_path(array, pool, path, options);
	cancel_allow(cancel);
	return r;
}
