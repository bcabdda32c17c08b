/*
 * fuzz_inspect.c - a target for libFuzzer: inspects a segment that consists of the input.
 *
 * An input is the length of the file, 8 bytes, and the beginning of its content; the rest is a
 * hole. The file is the shared-memory object that the environment variable SEGMENT names; fuzz.sh
 * removes it. A child holds the owner's lock, so that workers count as alive.
 */
#include "inspect_rules.h"

#include "os/os.h"
#include "segment/plan.h"
#include "support/check.h"
#include "support/children.h"
#include "support/rng.h"
#include "segment/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most); /* libFuzzer's own */

static const char *name;
static int file;

static int hold(void *ready)
{
	CHECK(!os_lock(file, OS_LOCK_OWNER), "no lock");
	CHECK(write(*(int *)ready, "", 1) == 1, "no pipe");
	for (;;)
		pause();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int ends[2], r;
	char byte;

	(void)argc;
	(void)argv;
	name = getenv("SEGMENT");
	CHECK(name, "SEGMENT is not set: to the name of the shared-memory object to use");
	r = os_shm_create(name, &file);
	CHECK(!r && !os_pipe(ends), "%s: %s", name, strerror(-r));
	CHECK(child_start(hold, &ends[1]) > 0 && read(ends[0], &byte, 1) == 1, "no child");
	close(ends[0]);
	close(ends[1]);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shared_header header = {0};
	struct inspection found;
	uint64_t length;

	if (size < sizeof(length))
		return 0;
	memcpy(&length, data, sizeof(length));
	data += sizeof(length);
	size -= sizeof(length);
	/* Systems differ in how long a file may be. */
	if (length > INT64_MAX || ftruncate(file, 0) || ftruncate(file, (off_t)length))
		return 0;
	if (size > length)
		size = (size_t)length;
	CHECK(pwrite(file, data, size, 0) == (ssize_t)size, "pwrite: %s", strerror(errno));
	memcpy(&header, data, size < sizeof(header) ? size : sizeof(header));
	inspect_segment(name, &found);
	CHECK((found.opened == 0) == header_is_lawful(&header, length), "the segment is %s",
	      found.opened ? "refused" : "believed");
	return 0;
}

/* ---- mutations: mostly of words that are read ---- */

static uint64_t some_word(struct rng *rng, const struct shared_header *header)
{
	static const uint64_t values[] = {0, 1, 2, 3, 4, 5, 8, 255, 2048, 4096, 1 << 20, UINT32_MAX, INT64_MAX, UINT64_MAX};

	switch (rng_below(rng, 3)) {
	case 0:
		return values[rng_below(rng, sizeof(values) / sizeof(values[0]))];
	case 1: {
		const uint64_t offsets[] = {header->control, header->seats,    header->ring, header->batches,
					    header->heap,    header->heap_map, header->size};

		return offsets[rng_below(rng, sizeof(offsets) / sizeof(offsets[0]))] + rng_below(rng, 16) * 8;
	}
	default:
		return rng_next(rng) >> rng_below(rng, 64);
	}
}

/* Of one of the parts, unless the header is damaged: then anywhere. */
static uint64_t some_offset(struct rng *rng, const struct shared_header *header, size_t size)
{
	const uint64_t parts[][2] = {
		{0, sizeof(*header)},
		{header->control, sizeof(struct shared_control)},
		{header->seats, 512},
		{header->ring, 512},
		{header->batches, offsetof(struct shared_batch, table)},
		{header->batches + sizeof(struct shared_batch), offsetof(struct shared_batch, table)},
		{header->trace, TRACED_FUNCTIONS * sizeof(struct shared_traced)},
		{header->trace + TRACED_FUNCTIONS * sizeof(struct shared_traced), 4096},
		{header->heap_map, 256},
	};
	size_t part = rng_below(rng, sizeof(parts) / sizeof(parts[0]));
	uint64_t at = parts[part][0] + rng_below(rng, parts[part][1] / 8) * 8;

	return at <= size - 8 && at % 8 == 0 ? at : rng_below(rng, size / 8) * 8;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	struct rng rng = {seed};
	struct shared_header header;
	uint8_t *bytes = data + 8;

	if (size < sizeof(header) + 16 || rng_below(&rng, 4) == 0)
		return LLVMFuzzerMutate(data, size, most);
	memcpy(&header, bytes, sizeof(header));
	for (uint64_t i = 1 + rng_below(&rng, 4); i; i--) {
		uint64_t word = some_word(&rng, &header);

		memcpy(bytes + some_offset(&rng, &header, size - 8), &word, 8);
	}
	/* A header that fits together, of other counts, in a file of its length. */
	if (rng_below(&rng, 8) == 0) {
		memcpy(&header, bytes, sizeof(header));
		header.worker_count = 1 + (uint32_t)rng_below(&rng, 2 * SHEAF_MAX_WORKERS);
		header.ring_size = 1u << rng_below(&rng, 10); /* larger ones take long to read */
		header.batch_count = 1 + (uint32_t)rng_below(&rng, 64);
		header.heap_size = (1 + rng_below(&rng, 64)) * UNIT;
		header.trace_records = rng_below(&rng, 2) ? LEAST_TRAIL << rng_below(&rng, 4) : 0;
		segment_plan(&header);
		memcpy(bytes, &header, sizeof(header));
		memcpy(data, &header.size, 8);
	}
	return size;
}
