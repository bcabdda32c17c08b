/*
 * trial.h - what stress and crash programs share: a seed that can be given back, random numbers, and how to fail.
 *
 * Usage of each such program: NAME [SEED [AMOUNT...]], or with SEED in the environment. Without one, the seed is made up; it is
 * printed always.
 */
#ifndef SHEAF_TESTS_SUPPORT_TRIAL_H
#define SHEAF_TESTS_SUPPORT_TRIAL_H

#include <stdint.h>

#if defined(__SANITIZE_THREAD__)
#define TRIAL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TRIAL_TSAN 1
#endif
#endif
#ifndef TRIAL_TSAN
#define TRIAL_TSAN 0
#endif

/* The thread sanitizer makes every access some ten times dearer. */
#define TRIAL_SCALED(amount) (TRIAL_TSAN ? ((amount) + 9) / 10 : (amount))

/* The seed: argv[1], or SEED, or of the moment. */
uint64_t trial_seed(int argc, char **argv);

/* The number in argv[index], or @otherwise. Ends the program if it is none. */
uint64_t trial_amount(int argc, char **argv, int index, uint64_t otherwise);

/* Random numbers (SplitMix64), one state per thread. */
struct chance {
	uint64_t state;
};
uint64_t chance_next(struct chance *chance);
uint64_t chance_below(struct chance *chance, uint64_t limit);

/* A value that belongs to a number and to no other: what tasks compute, so that a result in a wrong place is seen. */
uint64_t trial_value(uint64_t number);

/* Sleeps; a signal may end it early. */
void trial_nap(uint64_t ns);

/* Tells where and why, with sheaf_message(), and ends the program with exit(1). */
_Noreturn void trial_fail(const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((__format__(__printf__, 4, 5)));

#define CHECK(condition, ...)                                                    \
	do {                                                                     \
		if (!(condition))                                                \
			trial_fail(__FILE__, __LINE__, #condition, __VA_ARGS__); \
	} while (0)

#endif
