/*
 * bounds.c - judges the bounds of a case. Like every ratio, a bound's is taken within each round: Sheaf's figure divided by the least of
 * those named, so that nobody is the best peer with one round's luck alone.
 */
#include "bounds.h"
#include "measure.h"

#include <math.h>
#include <string.h>

size_t bounds_number(const struct bench_case *what)
{
	size_t n = 0;

	while (n < BENCH_MAX_BOUNDS && what->bounds[n].most > 0)
		n++;
	return n;
}

static bool has(const struct bench_contender *contenders, size_t n, const char *name)
{
	for (size_t i = 0; i < n && contenders[i].measure; i++)
		if (strcmp(contenders[i].name, name) == 0)
			return true;
	return false;
}

bool bounds_are_sound(const struct bench_case *what)
{
	for (size_t i = 0; i < bounds_number(what); i++) {
		const char *const *of = what->bounds[i].of;

		for (size_t k = 0; k < BENCH_MAX_OF && of[k]; k++) {
			if (has(what->peers, BENCH_MAX_PEERS, of[k]) || has(what->limits, BENCH_MAX_LIMITS, of[k]))
				continue;
			fprintf(stderr, "sheaf-bench: a bound of %s names %s, which it does not measure\n", what->name, of[k]);
			return false;
		}
	}
	return true;
}

static const struct bench_series *find(const struct bench_series *series, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (series[i].name && !series[i].absent[0] && strcmp(series[i].name, name) == 0)
			return &series[i];
	return NULL;
}

static void judge(struct bench_outcome *outcome, const struct bench_bound *bound, struct bench_judged *judged)
{
	const struct bench_series *of[BENCH_MAX_OF], *one;
	double ratios[BENCH_MAX_ROUNDS];
	size_t n = 0;

	if (outcome->sheaf.absent[0])
		return;
	for (size_t i = 0; i < BENCH_MAX_OF && bound->of[i]; i++) {
		one = find(outcome->peers, BENCH_MAX_PEERS, bound->of[i]);
		if (!one)
			one = find(outcome->limits, BENCH_MAX_LIMITS, bound->of[i]);
		if (one)
			of[n++] = one;
	}
	if (bound->of[0] && n == 0)
		return;
	for (unsigned round = 0; round < outcome->rounds; round++) {
		double least = outcome->what->unit_ns;

		for (size_t i = 0; i < n; i++)
			least = i == 0 ? of[i]->ns[round] : fmin(least, of[i]->ns[round]);
		ratios[round] = outcome->sheaf.ns[round] / least;
	}
	judged->reached = bench_median(ratios, outcome->rounds);
	judged->verdict = judged->reached <= bound->most ? BENCH_MET : BENCH_MISSED;
}

void bounds_judge(struct bench_outcome *outcome)
{
	for (size_t i = 0; i < bounds_number(outcome->what); i++)
		judge(outcome, &outcome->what->bounds[i], &outcome->judged[i]);
}

enum bench_verdict bounds_verdict(const struct bench_outcome *outcome)
{
	if (bounds_count(outcome, 1, BENCH_MISSED) > 0)
		return BENCH_MISSED;
	return bounds_count(outcome, 1, BENCH_MET) > 0 ? BENCH_MET : BENCH_NOT_JUDGED;
}

unsigned bounds_count(const struct bench_outcome *outcomes, size_t n, enum bench_verdict verdict)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < bounds_number(outcomes[i].what); k++)
			count += outcomes[i].judged[k].verdict == verdict;
	return count;
}

bool bounds_is_about(const struct bench_bound *bound, const char *contender)
{
	bool one = bound->of[0] && !bound->of[1];

	return contender ? one && strcmp(bound->of[0], contender) == 0 : !one;
}

/* Said as in "a three-hundredth of". */
static bool is_fraction(const struct bench_bound *bound)
{
	double inverse = 1 / bound->most;

	return bound->of[0] && inverse > 9.99 && fabs(inverse - round(inverse)) < 1e-6;
}

void bounds_write_most(FILE *out, const struct bench_bound *bound)
{
	if (is_fraction(bound))
		fprintf(out, "1/%.0f", 1 / bound->most);
	else
		fprintf(out, "%.4g", bound->most);
}

void bounds_write(FILE *out, const struct bench_case *what, const struct bench_bound *bound)
{
	fputs("<= ", out);
	bounds_write_most(out, bound);
	if (!bound->of[0]) {
		fprintf(out, " %s", what->unit);
		return;
	}
	fprintf(out, "%s%s ", is_fraction(bound) ? "" : " x", bound->of[1] ? " the least of" : "");
	for (size_t i = 0; i < BENCH_MAX_OF && bound->of[i]; i++)
		fprintf(out, "%s%s", i ? " / " : "", bound->of[i]);
}

void bounds_write_all(FILE *out, const struct bench_case *what)
{
	for (size_t i = 0; i < bounds_number(what); i++) {
		if (i)
			fputs("; ", out);
		bounds_write(out, what, &what->bounds[i]);
	}
}

const char *bounds_reached(char text[TEXT_SIZE], const struct bench_bound *bound, const struct bench_judged *judged)
{
	return bound->of[0] ? text_ratio(text, judged->reached) : text_number(text, judged->reached);
}

const char *bounds_name(enum bench_verdict verdict)
{
	return verdict == BENCH_MET ? "ok" : verdict == BENCH_MISSED ? "MISSED" : "not judged";
}
