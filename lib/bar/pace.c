/*
 * pace.c - the rate of the last half of the time, from a few marks.
 *
 * Marks are times with the number of items done by then. They begin a twentieth of a second apart.
 * When there is no more room, every second one goes, and from then on they are twice as far apart.
 * So there are always enough of them in each half of the time, however long it is.
 */
#include "sheaf_bar.h"

#include <string.h>

#define MARKS 32u
#define FIRST_STEP_NS 50000000u
#define LEAST_ITEMS 20u

struct mark {
	uint64_t ns, done;
};

struct pace {
	uint64_t step_ns;
	uint64_t count; /* of marks, at least one: the begin */
	struct mark last;
	struct mark marks[MARKS];
};

_Static_assert(sizeof(struct pace) <= sizeof(sheaf_pace), "a pace needs more memory");

void sheaf_pace_begin(sheaf_pace *pace, uint64_t now_ns)
{
	struct pace *p = (struct pace *)pace;

	memset(pace, 0, sizeof(*pace));
	p->step_ns = FIRST_STEP_NS;
	p->last.ns = now_ns;
	p->marks[0] = p->last;
	p->count = 1;
}

/* Make room for a mark: the first one stays, and every second one of the others. */
static void thin_out(struct pace *p)
{
	for (size_t i = 1; 2 * i < MARKS; i++)
		p->marks[i] = p->marks[2 * i];
	p->count = MARKS / 2;
	p->step_ns *= 2;
}

void sheaf_pace_tell(sheaf_pace *pace, uint64_t now_ns, uint64_t done)
{
	struct pace *p = (struct pace *)pace;

	if (now_ns > p->last.ns)
		p->last.ns = now_ns;
	if (done > p->last.done)
		p->last.done = done;
	if (p->last.ns - p->marks[p->count - 1].ns < p->step_ns)
		return;
	if (p->count == MARKS)
		thin_out(p);
	p->marks[p->count++] = p->last;
}

double sheaf_pace_rate(const sheaf_pace *pace)
{
	const struct pace *p = (const struct pace *)pace;
	uint64_t half = (p->last.ns - p->marks[0].ns) / 2;
	unsigned i = (unsigned)p->count - 1;

	while (i && (p->last.ns - p->marks[i].ns < half || p->last.done - p->marks[i].done < LEAST_ITEMS))
		i--;
	if (p->last.ns == p->marks[i].ns)
		return 0;
	return (double)(p->last.done - p->marks[i].done) * 1e9 / (double)(p->last.ns - p->marks[i].ns);
}

double sheaf_pace_left(const sheaf_pace *pace, uint64_t total)
{
	const struct pace *p = (const struct pace *)pace;
	double rate = sheaf_pace_rate(pace);

	if (total <= p->last.done)
		return 0;
	return rate > 0 ? (double)(total - p->last.done) / rate : -1;
}
