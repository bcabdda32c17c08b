/*
 * pack.c - lays results out one behind the other: a head, the text of a failure with its zero, and
 * at the next multiple of 64 bytes the data.
 *
 * All ranks are of one kind of machine, so numbers travel as they lie in memory. What has come is
 * checked before it is followed: a damaged piece ends the reading, and nothing else.
 */
#include "mpi/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNIT 64 /* results of more than 8 bytes are aligned to this */

struct packed {
	uint64_t position;
	uint64_t size;
	uint64_t text_size; /* with the zero */
	int32_t status, signal, exit_code, worker;
	uint32_t attempts;
	int32_t pid;
};

static uint64_t up(uint64_t size)
{
	return (size + UNIT - 1) & ~(uint64_t)(UNIT - 1);
}

/* Return where the data begin behind a head. */
static uint64_t data_at(uint64_t text_size)
{
	return up(sizeof(struct packed) + text_size);
}

unsigned char *pack_memory(uint64_t size)
{
	void *memory;

	return size <= SIZE_MAX && !posix_memalign(&memory, UNIT, size ? (size_t)size : UNIT) ? memory : NULL;
}

static uint64_t put_result(unsigned char *at, const sheaf_result *result)
{
	struct packed head = {
		.position = result->position,
		.size = result->size,
		.text_size = strlen(result->message) + 1,
		.status = result->status,
		.signal = result->signal,
		.exit_code = result->exit_code,
		.worker = result->worker,
		.attempts = result->attempts,
		.pid = (int32_t)result->pid,
	};
	uint64_t begin = data_at(head.text_size), end = begin + up(result->size);

	memset(at, 0, begin);
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), result->message, head.text_size);
	if (result->size)
		memcpy(at + begin, result->data, result->size);
	memset(at + begin + result->size, 0, end - begin - result->size);
	return end;
}

int pack_results(const sheaf_result *results, size_t n, unsigned char **bytes, uint64_t *size)
{
	uint64_t total = 0, at = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t text = strlen(results[i].message) + 1;

		if (results[i].size > (UINT64_MAX >> 1) - total - text - 3 * (uint64_t)UNIT)
			return -EOVERFLOW;
		total += data_at(text) + up(results[i].size);
	}
	*bytes = pack_memory(total);
	if (!*bytes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		at += put_result(*bytes + at, &results[i]);
	*size = total;
	return 0;
}

bool pack_next(const unsigned char *bytes, uint64_t size, uint64_t *at, sheaf_result *result)
{
	struct packed head;
	uint64_t left = size - *at, begin;
	const char *text;

	if (*at > size || left < sizeof(head))
		return false;
	memcpy(&head, bytes + *at, sizeof(head));
	if (!head.text_size || head.text_size > left - sizeof(head))
		return false;
	begin = data_at(head.text_size);
	if (begin > left || head.size > left - begin || up(head.size) > left - begin)
		return false;
	text = (const char *)bytes + *at + sizeof(head);
	if (text[head.text_size - 1])
		return false;
	*result = (sheaf_result){
		.position = head.position,
		.status = head.status,
		.signal = head.signal,
		.exit_code = head.exit_code,
		.attempts = head.attempts,
		.worker = head.worker,
		.pid = head.pid,
		.data = head.size ? (void *)(uintptr_t)(bytes + *at + begin) : NULL,
		.size = (size_t)head.size,
		.message = text,
	};
	*at += begin + up(head.size);
	return true;
}
