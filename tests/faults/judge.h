/*
 * judge.h - how paths judge the library's answers.
 *
 * A failure must have a code that the header documents for correct arguments, and a message. After
 * a fault that happens once the same call succeeds when it is made again: nothing of that kind
 * stops a pool. What a signal interrupted must not show at all.
 */
#ifndef SHEAF_TESTS_FAULTS_JUDGE_H
#define SHEAF_TESTS_FAULTS_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "plan.h"
#include "sheaf.h"

/* Exit codes of a case. */
enum verdict { VERDICT_RIGHT = 0, VERDICT_WRONG = 40, VERDICT_LOST, VERDICT_LEAKED, VERDICT_ABSENT };

_Noreturn void verdict_give(enum verdict verdict, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));

#define RIGHT(condition, verdict, ...)                                \
	do {                                                          \
		if (!(condition))                                     \
			verdict_give(VERDICT_##verdict, __VA_ARGS__); \
	} while (0)

/* The first failure of the attempt; code 0: there was none. */
struct outcome {
	int code;
	const char *call;
	char message[256];
};
extern struct outcome outcome;

/* What the headers document, less what correct arguments cannot bring about. */
enum documented {
	AS_CREATE,
	AS_END,
	AS_ALLOC,
	AS_BATCH,
	AS_SUBMIT,
	AS_NEXT,
	AS_NEWS,
	AS_RUN,
	AS_LOAD,
	AS_WATCH,
	AS_SAVE,
	AS_JOURNAL,
	AS_RESUME,
	AS_CACHE,
	AS_FILE,
	AS_TABLE
};

bool judge_documented(enum documented as, int code);

/* Judge the result of a call, and return it. */
int judge_first(int r, enum documented as, const char *call);
int judge_second(int r, int first, enum documented as, const char *call);

/* @what has failed: not because a call was interrupted. */
void judge_interruption(const char *what);

/*
 * From now on a call that fails must leave as much of the pool's heap in use as there was before
 * it; NULL: no longer. For paths whose tasks take none while such a call is made.
 */
void judge_watch(sheaf_pool *pool);
size_t judge_heap(void);
void judge_heap_unchanged(size_t before, const char *call);

/* Make a call of the library with faults; a second time if it fails. */
#define TRY(r, as, call)                                                      \
	do {                                                                  \
		size_t heap_ = judge_heap();                                  \
		int first_ = (r) = judge_first(LIBRARY(call), as, #call);     \
                                                                              \
		if (first_ < 0) {                                             \
			judge_heap_unchanged(heap_, #call);                   \
			(r) = judge_second(LIBRARY(call), first_, as, #call); \
		}                                                             \
		if ((r) < 0)                                                  \
			judge_heap_unchanged(heap_, #call);                   \
	} while (0)

#endif
