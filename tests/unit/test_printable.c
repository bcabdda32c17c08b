/*
 * test_printable.c - what text of others becomes before a terminal or a log gets it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"

static void expect(const char *text, size_t length, const char *wanted)
{
	char shown[256], again[256];
	size_t written = printable(shown, sizeof(shown), text, length);

	cr_assert_str_eq(shown, wanted);
	cr_assert_eq(written, strlen(wanted));
	cr_assert(printable_already(shown), "%s", shown);
	cr_assert_eq(printable(again, sizeof(again), shown, written), written);
	cr_assert_str_eq(again, wanted, "twice is not once");
}

#define EXPECT(text, wanted) expect(text, sizeof(text) - 1, wanted)

Test(printable, leaves_text_as_it_is)
{
	EXPECT("", "");
	EXPECT("plain text ~ \"'\\%", "plain text ~ \"'\\%");
	EXPECT("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xd7\xa9\xd7\x9c",
	       "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xd7\xa9\xd7\x9c");
}

Test(printable, escapes_what_commands_a_terminal)
{
	EXPECT("\x1b[2J\x07\b\x7f", "\\x1b[2J\\x07\\x08\\x7f");
	EXPECT("a\nb\rc\td", "a\\nb\\rc\\td");
	EXPECT("a\0b", "a\\x00b");
	/*
	 * C1 controls: in UTF-8, and as the bytes that terminals of other encodings take for them.
	 */
	EXPECT("\xc2\x9b"
	       "31m\xc2\x85\x9b"
	       "0m",
	       "\\u009b31m\\u0085\\x9b0m");
}

Test(printable, escapes_what_reorders_or_hides_text)
{
	EXPECT("\xe2\x80\xae"
	       "fdp\xe2\x80\xac",
	       "\\u202efdp\\u202c");
	EXPECT("\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c\xe2\x80\x8f", "\\u2066\\u2069\\u061c\\u200f");
	EXPECT("\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf", "\\u2028\\u200b\\ufeff");
	EXPECT("\xf3\xa0\x81\x81", "\\U000e0041");
}

Test(printable, escapes_bytes_that_are_no_characters)
{
	EXPECT("\xff\xfe\x80", "\\xff\\xfe\\x80");
	EXPECT("\xe2\x82", "\\xe2\\x82");
	EXPECT("\xe2\x82z", "\\xe2\\x82z");
	/* An overlong ESC and slash, a surrogate, and one beyond the last. */
	EXPECT("\xc0\x9b\xe0\x80\xaf", "\\xc0\\x9b\\xe0\\x80\\xaf");
	EXPECT("\xed\xa0\x80\xf4\x90\x80\x80", "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80");
}

Test(printable, is_right_for_every_byte_and_every_character)
{
	char shown[16];

	for (int byte = 0; byte < 256; byte++) {
		char text = (char)byte;
		size_t written = printable(shown, sizeof(shown), &text, 1);

		cr_assert_eq(written == 1, byte >= 0x20 && byte < 0x7f, "%d", byte);
	}
	for (unsigned c = 0x80; c < 0x110000; c++) {
		char text[4];
		size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

		for (size_t i = 0; i < size; i++)
			text[i] = (char)((c >> (6 * (size - 1 - i)) & 0x3f) | 0x80);
		text[0] = (char)((unsigned char)text[0] | (size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0));
		printable(shown, sizeof(shown), text, size);
		cr_assert(printable_already(shown), "U+%04X", c);
		if (c < 0xa0 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
			cr_assert_eq(shown[0], '\\', "U+%04X", c);
	}
}

Test(printable, cuts_before_what_does_not_fit)
{
	char shown[8];

	cr_assert_eq(printable(shown, 4, "abcdef", 6), 3);
	cr_assert_str_eq(shown, "abc");
	cr_assert_eq(printable(shown, 4, "\x1b", 1), 0);
	cr_assert_str_eq(shown, "");
	cr_assert_eq(printable(shown, 5, "\x1b", 1), 4);
	cr_assert_eq(printable(shown, 4, "ab\xc3\xa9", 4), 2);
	cr_assert_eq(printable(shown, 5, "ab\xc3\xa9", 4), 4);
	cr_assert_eq(printable(shown, 1, "a", 1), 0);
	cr_assert_str_eq(shown, "");
}

Test(printable, holds_for_every_message)
{
	cr_assert_eq(sheaf_fail(-EPIPE, "%s: \x1b]0;%s", "a\nb",
				"\xc2\x9b"
				"2J"),
		     -EPIPE);
	cr_assert_str_eq(sheaf_message(), "a\\nb: \\x1b]0;\\u009b2J");
	cr_assert_eq(sheaf_fail(-EPIPE, "again: %s", sheaf_message()), -EPIPE);
	cr_assert_str_eq(sheaf_message(), "again: a\\nb: \\x1b]0;\\u009b2J");
}
