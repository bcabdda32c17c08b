/*
 * text.c - figures for people, and escapes for programs.
 */
#include "text.h"

#include "base/printable.h"

#include <math.h>
#include <string.h>

const char *text_name(char text[TEXT_NAME], const char *name)
{
	printable(text, TEXT_NAME, name, strlen(name));
	return text;
}

const char *text_number(char text[TEXT_SIZE], double value)
{
	int digits = 2;

	if (!isfinite(value)) {
		snprintf(text, TEXT_SIZE, "no number");
		return text;
	}
	for (double rest = fabs(value); rest >= 10 && digits > 0; rest /= 10)
		digits--;
	for (double rest = fabs(value); rest > 0 && rest < 1 && digits < 9; rest *= 10)
		digits++;
	snprintf(text, TEXT_SIZE, "%.*f", digits, value);
	return text;
}

const char *text_ratio(char text[TEXT_SIZE], double value)
{
	if (!(value > 0 && value < 0.0995))
		return text_number(text, value);
	snprintf(text, TEXT_SIZE, "1/%.0f", 1 / value);
	return text;
}

void text_json(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			fprintf(out, "\\u%04x", (unsigned)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

void text_json_number(FILE *out, double value)
{
	if (isfinite(value))
		fprintf(out, "%.6g", value);
	else
		fputs("null", out);
}

void text_xml(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			/* XML has no other control characters, not even escaped ones. */
			fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
		}
	}
}
