/*
 * svg.c - one row per case on a common axis, which shows Sheaf's time divided by another one's: left of 1, Sheaf is faster.
 *
 * A contender is a mark at the median of its ratios, with a line for their range. A bound is a tick in the colour of the contender that it
 * compares with. One that compares with the best of several, or is a time, has a hollow mark of its own; the time is drawn as a contender
 * that takes just that long. What misses its bound is joined to the tick. A mark and its tick share a lane with nothing between them,
 * so the height of a row follows what is in it.
 *
 * One file without scripts. Its colours follow the reader's light or dark mode. No font is measured: widths are estimated generously.
 */
#include "svg.h"
#include "bounds.h"
#include "machine.h"
#include "report.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1080.0
#define MARGIN 24.0
#define LANE 14.0      /* from one lane to the next */
#define APART 13.0     /* between two marks of a lane */
#define LETTER 7.2     /* of the usual text */
#define SMALL 6.6      /* of smaller text */
#define VERDICTS 120.0 /* the column on the right */
#define LEGEND 106.0   /* its first line */
#define FOOT 102.0     /* what is below the rows */
#define MOST_NAMES 64
#define MOST_MARKS (BENCH_MAX_PEERS + BENCH_MAX_LIMITS + BENCH_MAX_BOUNDS)

/* The least and the greatest ratio that has a place on the axis. */
#define LEAST 1e-6
#define GREATEST 1e6

#define FAR 0.1
#define DENSE 4

/* Of peers. Colours and shapes have no common divisor: each pair comes up once. */
#define COLOURS 8

/* c0 to c7 fill, s0 to s7 draw lines; sx and sl draw those of `kinds`. */
static const char style[] =
	"<style>\n"
	"svg{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#1f2328}\n"
	".paper{fill:#fff}.stripe{fill:#f4f6f8}.grid{stroke:#d8dee4}.one{stroke:#1f2328}.quiet{fill:#59636e}\n"
	".small{font-size:12px}.big{font-size:18px;font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}\n"
	".ok{fill:#116329}.missed{fill:#b3261e;font-weight:600}.gap{stroke:#b3261e;stroke-width:3;stroke-opacity:.45}\n"
	".range{stroke-width:2;stroke-opacity:.4}.tick{stroke-width:2}\n"
	".hollow{stroke-width:1.8}.mark{stroke-width:1.2}\n"
	".mark{stroke:#fff}.hollow{fill:#fff}\n"
	".c0{fill:#0b62b0}.c1{fill:#c2500a}.c2{fill:#0a7f5c}.c3{fill:#8e44ad}\n"
	".c4{fill:#957000}.c5{fill:#c2185b}.c6{fill:#00798c}.c7{fill:#6d4c41}\n"
	".s0{stroke:#0b62b0}.s1{stroke:#c2500a}.s2{stroke:#0a7f5c}.s3{stroke:#8e44ad}\n"
	".s4{stroke:#957000}.s5{stroke:#c2185b}.s6{stroke:#00798c}.s7{stroke:#6d4c41}\n"
	".sx{stroke:#1f2328}.sl{stroke:#6e7781}\n"
	"@media (prefers-color-scheme:dark){\n"
	"svg{fill:#e6edf3}\n"
	".paper{fill:#0d1117}.stripe{fill:#161b22}.grid{stroke:#30363d}.one{stroke:#e6edf3}.quiet{fill:#9198a1}\n"
	".ok{fill:#56d364}.missed{fill:#ff7b72}.gap{stroke:#ff7b72}.mark{stroke:#0d1117}.hollow{fill:#0d1117}\n"
	".c0{fill:#58a6ff}.c1{fill:#ff9b57}.c2{fill:#3fd0a0}.c3{fill:#d2a8ff}\n"
	".c4{fill:#e3c341}.c5{fill:#ff80b5}.c6{fill:#4cd3e6}.c7{fill:#cfa58f}\n"
	".s0{stroke:#58a6ff}.s1{stroke:#ff9b57}.s2{stroke:#3fd0a0}.s3{stroke:#d2a8ff}\n"
	".s4{stroke:#e3c341}.s5{stroke:#ff80b5}.s6{stroke:#4cd3e6}.s7{stroke:#cfa58f}\n"
	".sx{stroke:#e6edf3}.sl{stroke:#8b949e}\n"
	"}\n"
	"</style>\n";

/* Around 0,0. */
static const char *const shapes[] = {
	"M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",              /* circle */
	"M-4.4 -4.4h8.8v8.8h-8.8z",                           /* square */
	"M0 -5.4L5.4 4.2H-5.4z",                              /* triangle */
	"M0 -6L6 0L0 6L-6 0z",                                /* diamond */
	"M0 5.4L5.4 -4.2H-5.4z",                              /* triangle on its point */
	"M-2 -5.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5z", /* cross */
	"M-5.6 0L-2.8 -4.8H2.8L5.6 0L2.8 4.8H-2.8z",          /* hexagon */
};

#define SHAPES (sizeof(shapes) / sizeof(*shapes))

/* How a contender looks: a peer by its number in the legend, others by their kind. */
enum look { LOOK_LIMIT = -4, LOOK_SHEAF = -3, LOOK_BEST = -2, LOOK_TIME = -1 };

#define KINDS 4

static const struct {
	const char *name;
	unsigned shape;
	const char *stroke;
} kinds[KINDS] = {
	{"limit of the machine", 0, "sl"},
	{"Sheaf in another form", 1, "sx"},
	{"best of those that a bound names", 2, "sx"},
	{"bound in the unit of the case", 3, "sx"},
};

struct mark {
	const char *name;
	int look;
	double ratio, least, greatest;   /* of all rounds */
	double value;                    /* in the unit of the case; 0: none */
	const struct bench_bound *bound; /* NULL: none, or more than one */
	double start, end;               /* ratios that its lane keeps free for it */
	unsigned lane;
};

struct row {
	const struct bench_outcome *outcome;
	struct mark marks[MOST_MARKS]; /* by start */
	size_t n;
	unsigned lanes;
	double top, height;
};

struct chart {
	FILE *out;
	struct row *rows;
	size_t n;
	const char *names[MOST_NAMES]; /* of the peers, as they first came up */
	size_t names_n;
	bool used[KINDS];
	double left, right; /* of the axis */
	double low, high;   /* its ends, as place() has them */
	double top, bottom; /* of the rows */
};

/* ---- what is where ---- */

/* Logarithmic; below FAR, where a factor of two matters less, DENSE times as dense. */
static double place(double ratio)
{
	double at = log10(fmax(ratio, LEAST)), far = log10(FAR);

	return at >= far ? at : far + (at - far) / DENSE;
}

static double x_of(const struct chart *chart, double ratio)
{
	double at = (place(ratio) - chart->low) / (chart->high - chart->low);

	return chart->left + fmin(fmax(at, 0), 1) * (chart->right - chart->left);
}

static int look_of(struct chart *chart, const char *name)
{
	size_t i = 0;

	while (i < chart->names_n && strcmp(chart->names[i], name) != 0)
		i++;
	/* More names than places share the last one. */
	if (i == MOST_NAMES)
		return MOST_NAMES - 1;
	if (i == chart->names_n)
		chart->names[chart->names_n++] = name;
	return (int)i;
}

static void add_mark(struct chart *chart, struct row *row, struct mark mark)
{
	mark.start = fmin(mark.least, mark.ratio);
	mark.end = fmax(mark.greatest, mark.ratio);
	row->marks[row->n++] = mark;
	if (mark.look < 0)
		chart->used[mark.look - LOOK_LIMIT] = true;
}

static void add_series(struct chart *chart, struct row *row, const struct bench_series *series, size_t n,
		       const struct bench_contender *who, bool limits)
{
	for (size_t i = 0; i < n; i++) {
		const struct bench_summary *in = &series[i].in_units;
		struct mark mark = {.name = series[i].name,
				    .ratio = in->ratio,
				    .least = in->ratio_min,
				    .greatest = in->ratio_max,
				    .value = in->median};

		if (!series[i].name || series[i].absent[0])
			continue;
		mark.look = limits ? LOOK_LIMIT : who[i].is_sheaf ? LOOK_SHEAF : look_of(chart, series[i].name);
		add_mark(chart, row, mark);
	}
}

/* What the bound compares with, if it is no contender but the best of several, or a time. */
static void add_bound(struct chart *chart, struct row *row, const struct bench_bound *bound, double reached)
{
	const struct bench_summary *sheaf = &row->outcome->sheaf.in_units;
	struct mark mark = {.name = kinds[LOOK_BEST - LOOK_LIMIT].name,
			    .look = LOOK_BEST,
			    .ratio = reached,
			    .least = reached,
			    .greatest = reached};

	if (!bound->of[0])
		mark = (struct mark){.name = kinds[LOOK_TIME - LOOK_LIMIT].name,
				     .look = LOOK_TIME,
				     .ratio = reached / bound->most,
				     .least = sheaf->min / bound->most,
				     .greatest = sheaf->max / bound->most,
				     .value = bound->most};
	mark.bound = bound;
	add_mark(chart, row, mark);
}

/* Where the tick is: the bound, as a ratio. */
static double tick_of(const struct bench_bound *bound)
{
	return bound->of[0] ? bound->most : 1;
}

/* The mark that @bound is about. NULL: it was not judged. */
static struct mark *mark_of(struct row *row, const struct bench_bound *bound)
{
	for (size_t i = 0; i < row->n; i++)
		if (row->marks[i].bound ? row->marks[i].bound == bound : bounds_is_about(bound, row->marks[i].name))
			return &row->marks[i];
	return NULL;
}

static int by_start(const void *left, const void *right)
{
	const struct mark *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static void fill_row(struct chart *chart, struct row *row)
{
	const struct bench_case *what = row->outcome->what;

	add_series(chart, row, row->outcome->peers, BENCH_MAX_PEERS, what->peers, false);
	add_series(chart, row, row->outcome->limits, BENCH_MAX_LIMITS, what->limits, true);
	for (size_t i = 0; i < bounds_number(what); i++) {
		const struct bench_judged *judged = &row->outcome->judged[i];
		struct mark *mark;

		if (judged->verdict != BENCH_NOT_JUDGED && bounds_is_about(&what->bounds[i], NULL))
			add_bound(chart, row, &what->bounds[i], judged->reached);
		mark = mark_of(row, &what->bounds[i]);
		if (mark) {
			mark->start = fmin(mark->start, tick_of(&what->bounds[i]));
			mark->end = fmax(mark->end, tick_of(&what->bounds[i]));
		}
	}
	qsort(row->marks, row->n, sizeof(*row->marks), by_start);
}

/* The axis shows all medians and ticks; the range of a mark may end at its ends. */
static void find_range(struct chart *chart)
{
	double least = 0.5, greatest = 2;

	for (size_t i = 0; i < chart->n; i++) {
		const struct row *row = &chart->rows[i];

		for (size_t k = 0; k < row->n; k++) {
			least = fmin(least, row->marks[k].ratio);
			greatest = fmax(greatest, row->marks[k].ratio);
		}
		for (size_t k = 0; k < bounds_number(row->outcome->what); k++) {
			if (row->outcome->judged[k].verdict == BENCH_NOT_JUDGED)
				continue;
			least = fmin(least, tick_of(&row->outcome->what->bounds[k]));
			greatest = fmax(greatest, tick_of(&row->outcome->what->bounds[k]));
		}
	}
	/* Some air, so that no mark lies on an end. */
	chart->low = place(least) - 0.06;
	chart->high = place(fmin(greatest, GREATEST)) + 0.06;
}

/* Each mark goes to the first lane where it has room. */
static void find_lanes(const struct chart *chart, struct row *row)
{
	double ends[MOST_MARKS];

	row->lanes = 0;
	for (size_t i = 0; i < row->n; i++) {
		double start = x_of(chart, row->marks[i].start);
		unsigned lane = 0;

		while (lane < row->lanes && start - ends[lane] < APART)
			lane++;
		if (lane == row->lanes)
			row->lanes++;
		row->marks[i].lane = lane;
		ends[lane] = x_of(chart, row->marks[i].end);
	}
	if (row->lanes == 0)
		row->lanes = 1;
}

static double lane_y(const struct row *row, unsigned lane)
{
	return row->top + row->height / 2 + LANE * (lane - (row->lanes - 1) / 2.0);
}

/* ---- what is drawn ---- */

static void put_stroke(FILE *out, int look)
{
	if (look < 0)
		fputs(kinds[look - LOOK_LIMIT].stroke, out);
	else
		fprintf(out, "s%d", look % COLOURS);
}

static void draw_mark(FILE *out, int look, double x, double y)
{
	size_t shape = look < 0 ? kinds[look - LOOK_LIMIT].shape : (size_t)look % SHAPES;

	if (look < 0)
		fprintf(out, "<path class=\"hollow %s\"", kinds[look - LOOK_LIMIT].stroke);
	else
		fprintf(out, "<path class=\"mark c%d\"", look % COLOURS);
	fprintf(out, " d=\"%s\" transform=\"translate(%.1f %.1f)\"/>", shapes[shape], x, y);
}

/* The words of a mark for who points at it. */
static void draw_title(FILE *out, const struct row *row, const struct mark *mark)
{
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];

	fputs("<title>", out);
	text_xml(out, row->outcome->what->name);
	fputs(", ", out);
	text_xml(out, mark->name);
	if (mark->value > 0) {
		fprintf(out, ": %s ", text_number(a, mark->value));
		text_xml(out, row->outcome->what->unit);
	}
	fprintf(out, ", ratio %s (%s .. %s)</title>", text_ratio(a, mark->ratio), text_ratio(b, mark->least),
		text_ratio(c, mark->greatest));
}

static void draw_ranges(const struct chart *chart, const struct row *row)
{
	for (size_t i = 0; i < row->n; i++) {
		const struct mark *mark = &row->marks[i];

		fputs("<path class=\"range ", chart->out);
		put_stroke(chart->out, mark->look);
		fprintf(chart->out, "\" d=\"M%.1f %.1fH%.1f\"/>\n", x_of(chart, mark->least), lane_y(row, mark->lane),
			x_of(chart, mark->greatest));
	}
}

static void draw_marks(const struct chart *chart, const struct row *row)
{
	for (size_t i = 0; i < row->n; i++) {
		const struct mark *mark = &row->marks[i];

		fputs("<g>", chart->out);
		draw_title(chart->out, row, mark);
		draw_mark(chart->out, mark->look, x_of(chart, mark->ratio), lane_y(row, mark->lane));
		fputs("</g>\n", chart->out);
	}
}

/* The arrow of a tick points to where the mark has to be. */
static void draw_bounds(const struct chart *chart, struct row *row)
{
	FILE *out = chart->out;

	for (size_t i = 0; i < bounds_number(row->outcome->what); i++) {
		const struct bench_bound *bound = &row->outcome->what->bounds[i];
		const struct bench_judged *judged = &row->outcome->judged[i];
		const struct mark *mark = mark_of(row, bound);
		double x = x_of(chart, tick_of(bound)), y;
		char text[TEXT_SIZE];

		if (!mark)
			continue;
		y = lane_y(row, mark->lane);
		fputs("<g><title>", out);
		text_xml(out, row->outcome->what->name);
		fputs(", bound &lt;= ", out);
		bounds_write_most(out, bound);
		fprintf(out, ": %s, %s</title>", bounds_reached(text, bound, judged), bounds_name(judged->verdict));
		if (judged->verdict == BENCH_MISSED)
			fprintf(out, "<path class=\"gap\" d=\"M%.1f %.1fH%.1f\"/>", x, y, x_of(chart, mark->ratio));
		fputs("<path class=\"tick ", out);
		put_stroke(out, mark->look);
		if (mark->look >= 0)
			fprintf(out, " c%d", mark->look % COLOURS);
		fprintf(out, "\" d=\"M%.1f %.1fv%.1fm0 %.1fm-7 0l6 -3.5v7z\"/></g>\n", x, y - LANE / 2, LANE, -LANE / 2);
	}
}

static void draw_verdict(const struct chart *chart, const struct row *row)
{
	unsigned met = bounds_count(row->outcome, 1, BENCH_MET), missed = bounds_count(row->outcome, 1, BENCH_MISSED);
	const char *class = missed ? "missed" : met ? "ok" : "quiet";

	fprintf(chart->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, chart->right + 18,
		row->top + row->height / 2 + 4.5);
	if (missed)
		fprintf(chart->out, "%u of %u missed", missed, met + missed);
	else if (met)
		fprintf(chart->out, "%u of %u met", met, met);
	else
		fputs(bounds_number(row->outcome->what) ? "not judged" : "no bound", chart->out);
	fputs("</text>\n", chart->out);
}

static void draw_stripe(const struct chart *chart, const struct row *row)
{
	fprintf(chart->out, "<rect class=\"stripe\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", MARGIN - 8,
		row->top, WIDTH - 2 * MARGIN + 16, row->height);
}

static void draw_names(const struct chart *chart, const struct row *row)
{
	const struct bench_outcome *outcome = row->outcome;
	double y = row->top + row->height / 2 + 4.5;
	FILE *out = chart->out;
	char text[TEXT_SIZE];

	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">", MARGIN, y);
	text_xml(out, outcome->what->name);
	fprintf(out, "</text>\n<text class=\"quiet end\" x=\"%.1f\" y=\"%.1f\">", chart->left - 14, y);
	if (outcome->sheaf.absent[0]) {
		fputs("not measured", out);
	} else {
		fprintf(out, "%s ", text_number(text, outcome->sheaf.in_units.median));
		text_xml(out, outcome->what->unit);
	}
	fputs("</text>\n", out);
}

static void draw_number(const struct chart *chart, double value)
{
	double x = x_of(chart, value);
	char text[TEXT_SIZE];

	if (value < 0.99)
		snprintf(text, sizeof(text), "1/%.0f", 1 / value);
	else
		snprintf(text, sizeof(text), "%.0f", value);
	fprintf(chart->out,
		"<text class=\"quiet small middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n"
		"<text class=\"quiet small middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		x, chart->top - 8, text, x, chart->bottom + 18, text);
}

/* A line at each 1, 2 and 5 times a power of ten, with a number where there is room. */
static void draw_axis(const struct chart *chart)
{
	static const double steps[] = {1, 2, 5};
	double decade = (chart->right - chart->left) / (chart->high - chart->low);

	for (int power = (int)log10(LEAST); power <= (int)log10(GREATEST); power++) {
		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
			double value = steps[i] * pow(10, power), x = x_of(chart, value);
			bool one = power == 0 && i == 0;

			if (place(value) < chart->low || place(value) > chart->high || (i > 0 && value < FAR))
				continue;
			fprintf(chart->out, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"%s/>\n", one ? "one" : "grid", x,
				chart->top, chart->bottom, i == 0 ? "" : " stroke-dasharray=\"2 4\"");
			if (i == 0 || decade > 130)
				draw_number(chart, value);
		}
	}
}

/* @out: NULL: only find out where the next line of text may stand, which is returned. */
static double draw_legend(const struct chart *chart, FILE *out, double y)
{
	double x = MARGIN;

	for (int i = 0; i < (int)chart->names_n + KINDS; i++) {
		int look = i < (int)chart->names_n ? i : i - (int)chart->names_n + LOOK_LIMIT;
		const char *name = look < 0 ? kinds[look - LOOK_LIMIT].name : chart->names[look];
		double width = 36 + SMALL * (double)strlen(name);

		if (look < 0 && !chart->used[look - LOOK_LIMIT])
			continue;
		if (x + width > WIDTH - MARGIN) {
			x = MARGIN;
			y += 21;
		}
		if (out) {
			draw_mark(out, look, x + 6, y - 4);
			fprintf(out, "<text class=\"small\" x=\"%.1f\" y=\"%.1f\">", x + 17, y);
			text_xml(out, name);
			fputs("</text>\n", out);
		}
		x += width;
	}
	return y + 21;
}

/* ---- all of it ---- */

static void arrange(struct chart *chart)
{
	size_t longest = 0;
	double y;

	for (size_t i = 0; i < chart->n; i++) {
		size_t length = strlen(chart->rows[i].outcome->what->name);

		fill_row(chart, &chart->rows[i]);
		longest = length > longest ? length : longest;
	}
	chart->left = MARGIN + LETTER * (double)longest + 120;
	chart->right = WIDTH - MARGIN - VERDICTS;
	find_range(chart);
	chart->top = y = draw_legend(chart, NULL, LEGEND) + 22;
	for (size_t i = 0; i < chart->n; i++) {
		struct row *row = &chart->rows[i];

		find_lanes(chart, row);
		row->top = y;
		row->height = LANE * row->lanes + 12;
		y += row->height;
	}
	chart->bottom = y;
}

/* A file that is drawn as text tells the same as the picture, in short. */
static void describe(const struct chart *chart, const struct bench_outcome *outcomes)
{
	char text[TEXT_SIZE];
	FILE *out = chart->out;

	fputs("<desc id=\"sheaf-bench-text\">Sheaf's time divided by that of each other contender, median of the rounds: less "
	      "than 1 "
	      "means that Sheaf is faster. ",
	      out);
	report_verdicts(out, outcomes, chart->n);
	fputs(".", out);
	for (size_t i = 0; i < chart->n; i++) {
		const struct row *row = &chart->rows[i];

		fputs("\n", out);
		text_xml(out, row->outcome->what->name);
		fputs(":", out);
		for (size_t k = 0; k < row->n; k++) {
			fprintf(out, "%s %s of ", k ? "," : "", text_ratio(text, row->marks[k].ratio));
			text_xml(out, row->marks[k].name);
		}
		fputs(row->n ? "." : " not measured.", out);
	}
	fputs("</desc>\n", out);
}

static void draw_line(FILE *out, const char *class, double y, const char *text)
{
	fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, MARGIN, y);
	text_xml(out, text);
	fputs("</text>\n", out);
}

static void draw_heading(const struct chart *chart, const struct bench_settings *settings, const struct bench_outcome *outcomes)
{
	char run[512] = "", machine[512] = "";
	FILE *line = fmemopen(run, sizeof(run) - 1, "w");

	if (line) {
		machine_write_run(line, settings);
		fputs("; ", line);
		report_verdicts(line, outcomes, chart->n);
		fclose(line);
	}
	line = fmemopen(machine, sizeof(machine) - 1, "w");
	if (line) {
		machine_write(line);
		fclose(line);
	}
	draw_line(chart->out, "big", 36, "Sheaf's time, divided by that of the others");
	draw_line(chart->out, "quiet", 58, run);
	draw_line(chart->out, "quiet small", 77, machine);
}

static void draw_footing(const struct chart *chart)
{
	double x = x_of(chart, 1), y = chart->bottom + 40;

	fprintf(chart->out,
		"<text class=\"small end\" x=\"%.1f\" y=\"%.1f\">&#8592; Sheaf is faster</text>\n"
		"<text class=\"small\" x=\"%.1f\" y=\"%.1f\">slower &#8594;</text>\n",
		x - 10, y, x + 10, y);
	draw_line(chart->out, "quiet small", y + 26,
		  "Mark: median of the ratios of all rounds; line: their range. Tick with an arrow: a bound, in the colour of "
		  "the mark "
		  "that has to be on its left; red: missed.");
	draw_line(chart->out, "quiet small", y + 44, "Left of 1/10 the axis is four times as dense.");
}

void svg_write(FILE *out, const struct bench_settings *settings, const struct bench_outcome *outcomes, size_t n)
{
	struct chart chart = {.out = out, .n = n, .rows = calloc(n ? n : 1, sizeof(*chart.rows))};

	if (!chart.rows)
		chart.n = 0;
	for (size_t i = 0; i < chart.n; i++)
		chart.rows[i].outcome = &outcomes[i];
	arrange(&chart);
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
		"role=\"img\" "
		"aria-labelledby=\"sheaf-bench-title sheaf-bench-text\">\n"
		"<title id=\"sheaf-bench-title\">Sheaf beside its peers</title>\n",
		WIDTH, chart.bottom + FOOT, WIDTH, chart.bottom + FOOT);
	describe(&chart, outcomes);
	fputs(style, out);
	fprintf(out, "<rect class=\"paper\" width=\"%.0f\" height=\"%.0f\"/>\n", WIDTH, chart.bottom + FOOT);
	draw_heading(&chart, settings, outcomes);
	draw_legend(&chart, out, LEGEND);
	for (size_t i = 0; i < chart.n; i += 2)
		draw_stripe(&chart, &chart.rows[i]);
	draw_axis(&chart);
	for (size_t i = 0; i < chart.n; i++) {
		draw_names(&chart, &chart.rows[i]);
		draw_ranges(&chart, &chart.rows[i]);
		draw_bounds(&chart, &chart.rows[i]);
		draw_marks(&chart, &chart.rows[i]);
		draw_verdict(&chart, &chart.rows[i]);
	}
	draw_footing(&chart);
	fputs("</svg>\n", out);
	free(chart.rows);
}
