/*
 * check.h - conditions that must hold in a test program: the first one that does not ends the
 * program.
 */
#ifndef SHEAF_TESTS_SUPPORT_CHECK_H
#define SHEAF_TESTS_SUPPORT_CHECK_H

/*
 * What a failed check says of the library. CHECK() says nothing more than that something is wrong.
 */
enum harm { HARM_OTHER, HARM_LOST, HARM_DUPLICATED, HARM_HUNG, HARM_LEAKED };

/*
 * Say where and why on stderr, with sheaf_message(), report the harm (report.h), and end the
 * program with exit(1).
 */
_Noreturn void check_fail(enum harm harm, const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((__format__(__printf__, 5, 6)));

#define CHECK_AS(harm, condition, ...)                                                 \
	do {                                                                           \
		if (!(condition))                                                      \
			check_fail(harm, __FILE__, __LINE__, #condition, __VA_ARGS__); \
	} while (0)
#define CHECK(condition, ...) CHECK_AS(HARM_OTHER, condition, __VA_ARGS__)

#endif
