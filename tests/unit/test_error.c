/*
 * test_error.c - codes and texts of failures, and the version.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "sheaf_adapter.h"

Test(error, has_a_sentence_for_every_documented_code)
{
	/* All that the public headers name. */
	static const int codes[] = {
		EINVAL, EPERM,  EEXIST, ENOSPC,          ENOMEM, EAGAIN, ETIMEDOUT, EBUSY,   EPIPE,   ECANCELED, ECHILD,
		EFAULT, EISDIR, ENOENT, EACCES,          ENOSYS, EMFILE, ENFILE,    EBADMSG, ENOTSUP, EOVERFLOW, EOWNERDEAD,
		EROFS,  EPROTO, ESTALE, ENOTRECOVERABLE, ETIME,  ENXIO,  EINTR,     EDEADLK, EBADF,   EMSGSIZE,
	};
	const char *unknown = sheaf_strerror(-123456);

	cr_assert_str_not_empty(unknown);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const char *text = sheaf_strerror(-codes[i]);

		cr_assert_str_not_empty(text);
		cr_assert_str_neq(text, unknown, "%s", strerror(codes[i]));
		cr_assert_eq(text, sheaf_strerror(-codes[i]), "static storage");
		for (size_t j = 0; j < i; j++)
			cr_assert_str_neq(text, sheaf_strerror(-codes[j]));
	}
}

Test(error, has_a_sentence_for_every_number)
{
	cr_assert_str_eq(sheaf_strerror(0), "no error");
	cr_assert_str_eq(sheaf_strerror(EINVAL), sheaf_strerror(-EINVAL));
	cr_assert_str_not_empty(sheaf_strerror(INT_MIN));
	cr_assert_str_not_empty(sheaf_strerror(INT_MAX));
}

Test(error, has_no_message_before_the_first)
{
	cr_assert_not_null(sheaf_message());
	cr_assert_str_empty(sheaf_message());
}

Test(error, keeps_the_last_message)
{
	cr_assert_eq(sheaf_fail(-EBUSY, "first %d", 1), -EBUSY);
	cr_assert_eq(sheaf_fail(-EPIPE, "second %s", "x"), -EPIPE);
	cr_assert_str_eq(sheaf_message(), "second x");
}

Test(error, of_a_library_on_top_is_kept_like_any_other)
{
	cr_assert_eq(sheaf_message_set(-EDOM, "rank %d: \x1b[2m", 3), -EDOM);
	cr_assert_str_eq(sheaf_message(), "rank 3: \\x1b[2m");
}

Test(error, cuts_a_long_message)
{
	char text[5000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	sheaf_fail(-EINVAL, "%s", text);
	cr_assert_gt(strlen(sheaf_message()), 500);
	cr_assert_lt(strlen(sheaf_message()), sizeof(text) - 1);
}

static void *fail_too(void *context)
{
	(void)context;
	if (*sheaf_message())
		return "the thread began with a message";
	sheaf_fail(-EINVAL, "of the thread");
	return NULL;
}

Test(error, messages_belong_to_their_thread)
{
	pthread_t thread;
	void *wrong;

	sheaf_fail(-EINVAL, "of the test");
	cr_assert_eq(pthread_create(&thread, NULL, fail_too, NULL), 0);
	cr_assert_eq(pthread_join(thread, &wrong), 0);
	cr_assert_null(wrong);
	cr_assert_str_eq(sheaf_message(), "of the test");
}

Test(error, version_is_that_of_the_header)
{
	cr_assert_str_eq(sheaf_version(), SHEAF_VERSION);
}

Test(error, clock_does_not_go_back)
{
	uint64_t last = sheaf_now_ns();

	for (int i = 0; i < 1000; i++) {
		uint64_t now = sheaf_now_ns();

		cr_assert_geq(now, last);
		last = now;
	}
}
