/*
 * npz.c - arrays in .npz files: ZIP archives of .npy files.
 *
 * Deaths            As in os/replace.c: a file that is written is what it was before.
 */
#include "data/npz.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/printable.h"
#include "data/crc32.h"
#include "data/npy_format.h"
#include "data/shape.h"
#include "data/zip.h"
#include "os/files.h"
#include "os/os.h"
#include "os/replace.h"
#include "sheaf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENDING ".npy"
#define AT_ONCE ((size_t)256 * 1024)

static bool has_ending(const char *text, const char *ending)
{
	size_t length = strlen(text), size = strlen(ending);

	return length >= size && !strcmp(text + length - size, ending);
}

/* ---- finding ---- */

struct search {
	const char *path, *member; /* NULL: the only one */
	struct zip_file found;
	size_t count; /* arrays so far */
};

/* Is that file the array of that name? NumPy takes names with .npy and without. */
static bool is_named(const struct zip_file *file, const char *member)
{
	size_t length = strlen(member);

	if (file->name_size >= ZIP_NAME)
		return false;
	return !strcmp(file->name, member) || (!strncmp(file->name, member, length) && !strcmp(file->name + length, ENDING));
}

static int look_at_file(const struct zip_file *file, void *context)
{
	struct search *search = context;
	bool wanted = search->member ? is_named(file, search->member) : has_ending(file->name, ENDING);

	if (!wanted)
		return 0;
	/* Of two files with one name the last counts, as for unzip and Python. */
	search->found = *file;
	search->count++;
	return 0;
}

static int check_found(const struct search *search)
{
	const struct zip_file *file = &search->found;

	if (!search->count)
		return sheaf_fail(-ENOENT, "%s: has no array%s%.200s: see sheaf_npz_list()", search->path,
				  search->member ? " " : "", search->member ? search->member : "");
	if (!search->member && search->count > 1)
		return sheaf_fail(-EINVAL, "%s: has %zu arrays: name one in options.member", search->path, search->count);
	if (file->encrypted)
		return sheaf_fail(-ENOTSUP, "%s: %s is encrypted", search->path, file->name);
	if (file->method)
		return sheaf_fail(-ENOTSUP,
				  "%s: %s is compressed: write it by numpy.savez(), not by savez_compressed(), which also "
				  "lets it be mapped",
				  search->path, file->name);
	return 0;
}

int npz_find(int fd, const char *path, const char *member, struct npz_place *place)
{
	struct search search = {.path = path, .member = member};
	int r = zip_each(fd, path, look_at_file, &search);

	if (!r)
		r = check_found(&search);
	if (!r)
		r = zip_find(fd, path, &search.found, &place->at);
	place->size = search.found.size;
	place->crc = search.found.crc;
	return r;
}

int npz_check(int fd, const char *path, const struct npz_place *place)
{
	unsigned char *bytes = malloc(AT_ONCE);
	uint64_t done = 0;
	uint32_t crc = 0;
	int r = 0;

	if (!bytes)
		return sheaf_fail(-ENOMEM, "%s: no memory for %zu bytes", path, AT_ONCE);
	while (done < place->size && !r) {
		size_t wanted = place->size - done < AT_ONCE ? (size_t)(place->size - done) : AT_ONCE;

		if (!(r = os_read_at(fd, place->at + done, bytes, wanted)))
			crc = crc32_update(crc, bytes, wanted);
		done += wanted;
	}
	free(bytes);
	if (r == -ENODATA)
		return sheaf_fail(-EBADMSG, "%s: the archive became shorter while it was read", path);
	if (r)
		return sheaf_fail(r, "%s: cannot read: %s", path, strerror(-r));
	if (crc != place->crc)
		r = sheaf_fail(-EBADMSG, "%s: the array is damaged: its checksum is %08x, and should be %08x", path,
			       (unsigned)crc, (unsigned)place->crc);
	return r;
}

/* ---- listing ---- */

struct listing {
	sheaf_member *members;
	size_t room, count;
};

static int list_file(const struct zip_file *file, void *context)
{
	struct listing *listing = context;
	sheaf_member *member;

	if (!has_ending(file->name, ENDING) && file->name_size < ZIP_NAME)
		return 0;
	if (listing->members && listing->count < listing->room) {
		member = &listing->members[listing->count];
		*member = (sheaf_member){.size = file->size, .compressed = file->method != 0};
		memcpy(member->name, file->name, sizeof(member->name));
		if (file->name_size < ZIP_NAME)
			member->name[file->name_size - strlen(ENDING)] = '\0';
	}
	listing->count++;
	return 0;
}

int sheaf_npz_list(const char *path, sheaf_member *members, size_t room, size_t *count)
{
	struct listing listing = {.members = members, .room = room};
	int fd, r, cancel;

	if (!path || !count)
		return sheaf_fail(-EINVAL, "sheaf_npz_list: path or count is NULL");
	cancel = cancel_refuse();
	if ((fd = os_open(path, O_RDONLY)) < 0) {
		r = sheaf_fail(fd, "sheaf_npz_list: cannot open %.200s: %s", path, strerror(-fd));
	} else {
		r = zip_each(fd, path, list_file, &listing);
		close(fd);
	}
	cancel_allow(cancel);
	if (!r)
		*count = listing.count;
	return r;
}

/* ---- writing ---- */

/* A copy of an array that lies in C order, or in Fortran order; or the array itself. */
struct dense {
	const void *bytes;
	size_t size;
	void *copy;
};

static int make_dense(const sheaf_array *array, struct dense *dense)
{
	size_t index[SHEAF_MAX_DIMENSIONS] = {0}, count = sheaf_array_count(array);
	unsigned char *to;

	*dense = (struct dense){.bytes = array->data, .size = count * array->item_size};
	if (sheaf_array_is_contiguous(array) || shape_is_fortran(array) || !dense->size)
		return 0;
	if (!(dense->copy = to = malloc(dense->size)))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++, to += array->item_size) {
		memcpy(to, sheaf_array_at(array, index), array->item_size);
		for (unsigned d = array->dimensions; d-- > 0;) {
			if (++index[d] < array->shape[d])
				break;
			index[d] = 0;
		}
	}
	dense->bytes = dense->copy;
	return 0;
}

static int write_member(struct zip_writer *zip, const char *name, const sheaf_array *array)
{
	bool fortran = !sheaf_array_is_contiguous(array) && shape_is_fortran(array);
	unsigned char header[NPY_HEADER];
	size_t header_size = npy_format(array, fortran, header);
	char file[ZIP_NAME];
	struct dense dense;
	uint32_t crc;
	int r = make_dense(array, &dense);

	if (r)
		return r;
	snprintf(file, sizeof(file), "%s%s", name, ENDING);
	crc = crc32_update(crc32_update(0, header, header_size), dense.bytes, dense.size);
	r = zip_begin(zip, file, header_size + dense.size, crc);
	if (!r)
		r = os_replace_write(zip->fd, header, header_size);
	if (!r)
		r = os_replace_write(zip->fd, dense.bytes, dense.size);
	free(dense.copy);
	return r;
}

static int check_names(const char *const *names, const sheaf_array *arrays, size_t n)
{
	if (n && (!names || !arrays))
		return sheaf_fail(-EINVAL, "sheaf_npz_save: names or arrays is NULL");
	for (size_t i = 0; i < n; i++) {
		int r = shape_check("sheaf_npz_save", "an array", &arrays[i]);

		if (r)
			return r;
		if (!names[i] || !*names[i] || strlen(names[i]) + sizeof(ENDING) > ZIP_NAME)
			return sheaf_fail(-EINVAL, "sheaf_npz_save: names[%zu] is NULL, empty, or longer than %zu bytes", i,
					  ZIP_NAME - sizeof(ENDING));
		/* The archive says that they are, and Python opens none with one that is not. */
		if (!printable_is_utf8(names[i]))
			return sheaf_fail(-EINVAL, "sheaf_npz_save: names[%zu], %s, is not UTF-8", i, names[i]);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(names[i], names[j]))
				return sheaf_fail(-EINVAL, "sheaf_npz_save: two arrays have the name %s", names[i]);
	}
	return 0;
}

int sheaf_npz_save(const char *path, const char *const *names, const sheaf_array *arrays, size_t n)
{
	int r = check_names(names, arrays, n), cancel;
	struct zip_writer zip = {.fd = -1};
	char part[PATH_MAX];

	if (r || !path)
		return r ? r : sheaf_fail(-EINVAL, "sheaf_npz_save: path is NULL");
	cancel = cancel_refuse();
	zip.fd = r = os_replace_begin(path, part);
	if (r < 0) {
		r = sheaf_fail(r, "sheaf_npz_save: cannot make %.200s: %s", path, os_replace_why(r));
		goto end;
	}
	r = 0;
	for (size_t i = 0; i < n && !r; i++)
		r = write_member(&zip, names[i], &arrays[i]);
	if (!r)
		r = zip_end(&zip);
	zip_forget(&zip);
	if ((r = os_replace_end(zip.fd, part, path, r)))
		r = sheaf_fail(r, "sheaf_npz_save: cannot write %.200s: %s", path, strerror(-r));
end:
	cancel_allow(cancel);
	return r;
}
