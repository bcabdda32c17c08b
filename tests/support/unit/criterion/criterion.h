/*
 * criterion.h - the part of Criterion that the unit tests use, for a libc or a machine for which
 * there is no Criterion.
 *
 * The build takes it only there (tests/meson.build). Each test runs in a child, one after the
 * other, in the order of the file; the program speaks TAP. Criterion's own behaviour is kept where
 * tests depend on it: the suite's init runs in front of each test and its fini behind it, but not
 * after a failed assertion or a skip; both of these end the child with its exit handlers. A test's
 * own init or fini runs in place of its suite's. Messages are evaluated only for a failure.
 */
#ifndef SHEAF_TESTS_SUPPORT_UNIT_CRITERION_H
#define SHEAF_TESTS_SUPPORT_UNIT_CRITERION_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A message may be missing, as with Criterion. gcc lets macros of a system header do so. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

#define CR_SKIPPED 77

/* Of a suite or a test. */
struct cr_fixture {
	void (*init)(void);
	void (*fini)(void);
};

struct cr_test {
	const char *suite, *name;
	void (*body)(void);
	struct cr_fixture own;
	struct cr_test *next;
};

struct cr_suite {
	const char *name;
	struct cr_fixture fixture;
	struct cr_suite *next;
};

static struct cr_test *cr_first, **cr_last = &cr_first;
static struct cr_suite *cr_suites;

#define TestSuite(of, ...)                                                              \
	__attribute__((__constructor__)) static void cr_register_suite_##of(void)       \
	{                                                                               \
		static struct cr_suite suite = {.name = #of, .fixture = {__VA_ARGS__}}; \
                                                                                        \
		suite.next = cr_suites;                                                 \
		cr_suites = &suite;                                                     \
	}                                                                               \
	struct cr_fixture

#define Test(of, called, ...)                                                                                  \
	static void cr_body_##of##_##called(void);                                                             \
	__attribute__((__constructor__)) static void cr_register_##of##_##called(void)                         \
	{                                                                                                      \
		static struct cr_test test = {                                                                 \
			.suite = #of, .name = #called, .body = cr_body_##of##_##called, .own = {__VA_ARGS__}}; \
                                                                                                               \
		*cr_last = &test;                                                                              \
		cr_last = &test.next;                                                                          \
	}                                                                                                      \
	static void cr_body_##of##_##called(void)

/* TAP takes only lines that begin with "#" as remarks. */
__attribute__((__format__(__printf__, 3, 4))) _Noreturn static inline void cr_fail(const char *where, const char *what,
										   const char *format, ...)
{
	va_list facts;

	printf("# %s: not %s:", where, what);
	va_start(facts, format);
	vprintf(format, facts);
	va_end(facts);
	putchar('\n');
	exit(1);
}

__attribute__((__format__(__printf__, 1, 2))) _Noreturn static inline void cr_skip_test(const char *format, ...)
{
	va_list facts;

	printf("# ");
	va_start(facts, format);
	vprintf(format, facts);
	va_end(facts);
	putchar('\n');
	exit(CR_SKIPPED);
}

#define CR_LINE_(line) #line
#define CR_LINE(line) CR_LINE_(line)
/* The space takes up the message, which may be missing. */
#define CR_CHECK(condition, what, ...) ((condition) ? (void)0 : cr_fail(__FILE__ ":" CR_LINE(__LINE__), what, " " __VA_ARGS__))

#define cr_assert(condition, ...) CR_CHECK(condition, #condition, __VA_ARGS__)
#define cr_assert_not(condition, ...) CR_CHECK(!(condition), "!(" #condition ")", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) CR_CHECK((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) CR_CHECK((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) CR_CHECK((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) CR_CHECK((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) CR_CHECK((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) CR_CHECK((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...) CR_CHECK((a) == NULL, #a " == NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...) CR_CHECK((a) != NULL, #a " != NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) CR_CHECK(!strcmp(a, b), #a " equals " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) CR_CHECK(strcmp(a, b), #a " differs from " #b, __VA_ARGS__)
#define cr_assert_str_empty(a, ...) CR_CHECK(!*(a), #a " is empty", __VA_ARGS__)
#define cr_assert_str_not_empty(a, ...) CR_CHECK(*(a), #a " is not empty", __VA_ARGS__)

/* The child's status, as of waitpid(). */
static inline int cr_run(const struct cr_test *test)
{
	struct cr_fixture fixture = test->own;
	pid_t pid;
	int status;

	for (const struct cr_suite *suite = cr_suites; suite; suite = suite->next) {
		if (strcmp(suite->name, test->suite))
			continue;
		fixture.init = fixture.init ? fixture.init : suite->fixture.init;
		fixture.fini = fixture.fini ? fixture.fini : suite->fixture.fini;
	}
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (fixture.init)
			fixture.init();
		test->body();
		if (fixture.fini)
			fixture.fini();
		exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : 1 << 8;
}

/* Arguments are for Criterion, and all say what is done here anyway. */
int main(void)
{
	unsigned count = 0, failed = 0;

	for (const struct cr_test *test = cr_first; test; test = test->next)
		count++;
	printf("1..%u\n", count);
	count = 0;
	for (const struct cr_test *test = cr_first; test; test = test->next) {
		int status = cr_run(test);
		bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == CR_SKIPPED, good = !status || skipped;

		if (WIFSIGNALED(status))
			printf("# killed by signal %d\n", WTERMSIG(status));
		failed += !good;
		printf("%s %u - %s::%s%s\n", good ? "ok" : "not ok", ++count, test->suite, test->name,
		       skipped ? " # SKIP" : "");
	}
	return failed > 0;
}

#endif
