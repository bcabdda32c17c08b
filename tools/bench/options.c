/*
 * options.c - reads the words of the command line, and tells which there are.
 */
#include "options.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The length of the case's name without its variant. */
static size_t family(const struct bench_case *what)
{
	return strcspn(what->name, "/");
}

/* Whether @name is that case or the case that it is a variant of. */
static bool stands_for(const char *name, size_t length, const struct bench_case *what)
{
	return strncmp(what->name, name, length) == 0 && (!what->name[length] || what->name[length] == '/');
}

static bool is_first_of_family(const struct bench_case *const *cases, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (stands_for(cases[i]->name, family(cases[i]), cases[k]))
			return false;
	return true;
}

void options_help(const struct bench_case *const *cases, size_t n)
{
	fputs("usage: sheaf-bench [OPTION...] [CASE...]\n"
	      "\n"
	      "Runs Sheaf, its peers and the machine's own limits by turns, checks every result, and prints medians with "
	      "their\n"
	      "ranges, ratios and bounds.\n"
	      "\n"
	      "  --full           sizes for figures: the default\n"
	      "  --quick          small sizes, to see that everything works: its figures mean nothing\n"
	      "  --workers N      workers of a pool, and threads or processes of a peer; default: the usable CPUs\n"
	      "  --rounds N       rounds, 1 to 99; default: 7, with --quick 3\n"
	      "  --strict         exit with 1 when a bound was missed\n"
	      "  --json FILE      write all figures as JSON\n"
	      "  --svg FILE       draw the ratios and bounds\n"
	      "  --markdown FILE  write the table into FILE, between its lines \"<!-- sheaf-bench --markdown: begin -->\" and\n"
	      "                   \"<!-- sheaf-bench --markdown: end -->\"\n"
	      "  --mark NAME      between \"<!-- sheaf-bench --markdown NAME: begin -->\" and its end: a table per machine\n"
	      "  --cases FILE     run nothing; write what is measured into FILE, between its lines \"<!-- sheaf-bench "
	      "--cases:\n"
	      "                   begin -->\" and \"<!-- sheaf-bench --cases: end -->\"\n"
	      "  --list           run nothing; print the names of the cases, one a line\n"
	      "  --help           this text\n"
	      "\n"
	      "Examples:\n"
	      "  sheaf-bench --quick                          does everything work?\n"
	      "  sheaf-bench grain-1 create                   two cases\n"
	      "  sheaf-bench --workers 4 --rounds 15 map-auto\n"
	      "  sheaf-bench --json figures.json --svg figures.svg\n"
	      "\n"
	      "Cases (default: all). CASE runs all its variants, CASE/VARIANT one:\n",
	      stdout);
	for (size_t i = 0; i < n; i++) {
		size_t length = family(cases[i]);
		const char *separator = "; also /";

		if (!is_first_of_family(cases, i))
			continue;
		printf("  %-20s %s: %s", cases[i]->name, cases[i]->unit, cases[i]->what);
		for (size_t k = i + 1; k < n; k++) {
			if (!stands_for(cases[i]->name, length, cases[k]))
				continue;
			printf("%s%s", separator, cases[k]->name + length + (cases[k]->name[length] == '/'));
			separator = ", /";
		}
		fputs("\n", stdout);
	}
}

static int bad_usage(const char *what, const char *value, const char *advice)
{
	char shown[2][TEXT_NAME];

	fprintf(stderr, "sheaf-bench: %s%s%s: %s (see --help)\n", text_name(shown[0], what), value[0] ? " " : "",
		text_name(shown[1], value), advice);
	return -EINVAL;
}

static int read_count(const char *name, const char *text, unsigned most, unsigned *count)
{
	char advice[64], *end;
	unsigned long value;

	snprintf(advice, sizeof(advice), "give a number from 1 to %u", most);
	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value < 1 || value > most)
		return bad_usage(name, text, advice);
	*count = (unsigned)value;
	return 0;
}

/* It becomes a part of a comment in Markdown. */
static int read_mark(const char *text, const char **mark)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	if (!text[0] || text[strspn(text, allowed)] || strlen(text) > OPTIONS_LONGEST_MARK)
		return bad_usage("--mark", text, "give a short name of letters, digits and _");
	*mark = text;
	return 0;
}

static int read_file_name(const char *name, const char *text, const char **file)
{
	*file = text;
	return text[0] ? 0 : bad_usage(name, "", "give a file name");
}

/* The value of "--name VALUE" or "--name=VALUE" if that is what @at points to; moves @at to its last word. */
static const char *value_of(const char *name, char ***at)
{
	size_t length = strlen(name);

	if (strncmp(**at, name, length) != 0)
		return NULL;
	if ((**at)[length] == '=')
		return **at + length + 1;
	if ((**at)[length])
		return NULL;
	if (!(*at)[1])
		return "";
	return *++*at;
}

static int choose(struct options *options, const char *name, const struct bench_case *const *cases, size_t n)
{
	bool some = false;

	for (size_t i = 0; i < n; i++) {
		if (!stands_for(name, strlen(name), cases[i]))
			continue;
		options->chosen[i] = true;
		some = true;
	}
	return some ? 0 : bad_usage("unknown case", name, "choose from the list");
}

/* Options without a value. */
static bool read_flag(struct options *options, const char *word)
{
	if (strcmp(word, "--quick") == 0)
		options->settings.quick = true;
	else if (strcmp(word, "--full") == 0)
		options->settings.quick = false;
	else if (strcmp(word, "--strict") == 0)
		options->strict = true;
	else if (strcmp(word, "--list") == 0)
		options->list = true;
	else if (strcmp(word, "--help") == 0)
		options->help = true;
	else
		return false;
	return true;
}

/* Moves @at to the last word of the option. */
static int read_option(struct options *options, char ***at)
{
	const char *value;

	if (read_flag(options, **at))
		return 0;
	if ((value = value_of("--workers", at)))
		return read_count("--workers", value, SHEAF_MAX_WORKERS, &options->settings.workers);
	if ((value = value_of("--rounds", at)))
		return read_count("--rounds", value, BENCH_MAX_ROUNDS, &options->settings.rounds);
	if ((value = value_of("--json", at)))
		return read_file_name("--json", value, &options->json);
	if ((value = value_of("--svg", at)))
		return read_file_name("--svg", value, &options->svg);
	if ((value = value_of("--markdown", at)))
		return read_file_name("--markdown", value, &options->markdown);
	if ((value = value_of("--mark", at)))
		return read_mark(value, &options->mark);
	if ((value = value_of("--cases", at)))
		return read_file_name("--cases", value, &options->cases);
	return bad_usage("unknown option", **at, "choose from the list");
}

int options_read(struct options *options, char **words, const struct bench_case *const *cases, size_t n)
{
	bool some = false, only_cases = false;
	int r = 0;

	*options = (struct options){.mark = ""};
	options->settings.workers = sheaf_usable_cpus();
	options->settings.progress = isatty(STDERR_FILENO);
	for (; *words && r == 0; words++) {
		if (only_cases || (*words)[0] != '-') {
			r = choose(options, *words, cases, n);
			some = true;
		} else if (strcmp(*words, "--") == 0) {
			only_cases = true;
		} else {
			r = read_option(options, &words);
		}
	}
	if (options->settings.rounds == 0)
		options->settings.rounds = options->settings.quick ? 3 : 7;
	for (size_t i = 0; i < n; i++) {
		options->chosen[i] |= !some;
		options->settings.cases += options->chosen[i];
	}
	return r;
}
