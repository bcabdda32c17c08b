/*
 * arguments.h - the command line of stress and crash programs: NAME [SEED [AMOUNT...]], or with
 * SEED in the environment.
 *
 * Without a seed one is made up. It is printed in any case, so that a run can be repeated.
 */
#ifndef SHEAF_TESTS_SUPPORT_ARGUMENTS_H
#define SHEAF_TESTS_SUPPORT_ARGUMENTS_H

#include <stdint.h>

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif
#ifndef THREAD_SANITIZER
#define THREAD_SANITIZER 0
#endif

/* An amount for this build: the thread sanitizer makes every access some ten times dearer. */
#define SCALED_AMOUNT(amount) (THREAD_SANITIZER ? ((amount) + 9) / 10 : (amount))

/*
 * Return argv[1], or SEED of the environment, or a new seed, and print it. End the program if it is
 * no number.
 */
uint64_t seed_argument(int argc, char **argv);

/*
 * Return the number in argv[index], or @otherwise if there is none. End the program if it is no
 * number.
 */
uint64_t amount_argument(int argc, char **argv, int index, uint64_t otherwise);

#endif
