"""report.py - makes verdicts, JSON, tables and pictures from what was measured. For sheaf-bench.

The program `measure` writes one line of JSON per case. It has the nanoseconds of each contender
in each round. judge() makes the object from it that sheaf-bench writes with --json. Tables and
pictures need that object alone, so they can be made again from the file.

A ratio divides two figures of the same round. This holds for the ratio of a bound, too: Sheaf's
figure is divided by the least of those that the bound names, in each round anew, so that no
peer is the best one by the luck of a single round.
"""
import json
import math
import statistics
import textwrap
from xml.sax.saxutils import escape

# ---- judging ----


def rounded(value):
    return float('%.6g' % value) if math.isfinite(value) else None


def divided(a, b):
    return a / b if b else math.inf


def spread(values):
    return [rounded(value) for value in (statistics.median(values), min(values), max(values))]


def series_of(case, contender, sheaf):
    """Sum up a contender: its figures in the unit of the case, and its ratios, round by round."""
    value, least, most = spread([ns / case['unit_ns'] for ns in contender['ns']])
    ratio, ratio_min, ratio_max = spread([divided(a, b) for a, b in zip(sheaf, contender['ns'])])
    return {'name': contender['name'], 'value': value, 'min': least, 'max': most,
            'ratio': ratio, 'ratio_min': ratio_min, 'ratio_max': ratio_max}


def judge_bound(case, bound, sheaf, ns):
    """Judge one bound, unless none of those it names was measured. Without a name it is a time."""
    others = [ns[name] for name in bound['of'] if name in ns] if bound['of'] else [[case['unit_ns']] * len(sheaf or [])]
    reached = statistics.median([divided(a, min(b)) for a, b in zip(sheaf, zip(*others))]) if sheaf and others else None
    return {'of': bound['of'], 'most': rounded(bound['most']), 'reached': None if reached is None else rounded(reached),
            'ok': None if reached is None else reached <= bound['most']}


def judge(case):
    """Make the object of --json from a line of `measure`."""
    sheaf = case['contenders'][0].get('ns')
    ns = {one['name']: one['ns'] for one in case['contenders'] if 'ns' in one}
    measured = [one for one in case['contenders'][1:] if 'ns' in one]
    bounds = [judge_bound(case, bound, sheaf, ns) for bound in case['bounds']]
    judged = [bound['ok'] for bound in bounds if bound['ok'] is not None]
    result = {'case': case['case'], 'unit': case['unit']}
    if sheaf:
        result['sheaf'], result['sheaf_min'], result['sheaf_max'] = spread([value / case['unit_ns'] for value in sheaf])
    else:
        result['sheaf'] = None
    limits = [series_of(case, one, sheaf) for one in measured if one['kind'] == 'limit']
    result.update({
        'limit': limits[0]['value'] if limits else None,
        'peers': [series_of(case, one, sheaf) for one in measured if one['kind'] != 'limit'],
        'limits': limits,
        'absent': [{'name': one['name'], 'why': one['absent']} for one in case['contenders'] if 'absent' in one],
        'bound': '; '.join(bound_text(case['unit'], bound) for bound in case['bounds']) or None,
        'ok': all(judged) if judged else None,
        'bounds': bounds})
    result.update({name: case[name] for name in ('workers', 'rounds', 'quick', 'version', 'machine')})
    return result


def count(cases, verdict):
    return sum(bound['ok'] is verdict for case in cases for bound in case['bounds'])


def verdicts(cases):
    return '%d bounds met, %d missed, %d not judged' % (count(cases, True), count(cases, False), count(cases, None))


# ---- words ----


def number(value):
    """Three significant digits and no exponent."""
    if value is None or not math.isfinite(value):
        return 'no number'
    digits = 2
    rest = abs(value)
    while rest >= 10 and digits > 0:
        rest /= 10
        digits -= 1
    while 0 < rest < 1 and digits < 9:
        rest *= 10
        digits += 1
    return '%.*f' % (digits, value)


def fraction(value):
    """The same, but "1/300" for what is less than a tenth."""
    return '1/%.0f' % (1 / value) if value is not None and 0 < value < 0.0995 else number(value)


def ratios(series):
    return '%s (%s .. %s)' % tuple(fraction(series[name]) for name in ('ratio', 'ratio_min', 'ratio_max'))


def most_text(bound):
    """What the ratio may be at most: "1.1", or "1/300"."""
    inverse = 1 / bound['most']
    whole = inverse > 9.99 and abs(inverse - round(inverse)) < 1e-3
    return '1/%.0f' % inverse if bound['of'] and whole else '%.4g' % bound['most']


def bound_text(unit, bound):
    """As "<= 1.1 x libgomp", "<= 1/300 multiprocessing.Pool" or "<= 100 ns/task"."""
    most, of = most_text(bound), bound['of']
    if not of:
        return '<= %s %s' % (most, unit)
    return '<= %s%s%s %s' % (most, '' if '/' in most else ' x', ' the least of' if len(of) > 1 else '', ' / '.join(of))


def reached_text(bound):
    return fraction(bound['reached']) if bound['of'] else number(bound['reached'])


def verdict_text(bound):
    return {True: 'ok', False: 'MISSED', None: 'not judged'}[bound['ok']]


def bounds_about(case, name):
    """Return the bounds that name that contender alone; for None, those of nobody or several."""
    return [bound for bound in case['bounds'] if bound['of'] == [name] or (name is None and len(bound['of']) != 1)]


def verdicts_about(case, name):
    """What stands in the line of a contender; in Sheaf's line, for None, with what was reached."""
    words = []
    for bound in bounds_about(case, name):
        if name is not None:
            text = '<= ' + most_text(bound)
        elif bound['ok'] is None:
            text = bound_text(case['unit'], bound)
        else:
            text = '%s: %s' % (bound_text(case['unit'], bound), reached_text(bound))
        words.append('%s %s' % (text, verdict_text(bound)))
    return '; '.join(words)


def run_text(case):
    counts = ['%d %s%s' % (case[name], name[:-1], '' if case[name] == 1 else 's') for name in ('workers', 'rounds')]
    return 'Sheaf %s, %s%s' % (case['version'], ', '.join(counts), ', quick: correctness only' if case['quick'] else '')


def rows_of(case):
    """Yield a case's lines: name, median, least, greatest, ratios, verdicts, why absent."""
    if case['sheaf'] is not None:
        yield 'Sheaf', case['sheaf'], case['sheaf_min'], case['sheaf_max'], '', verdicts_about(case, None), None
    for prefix, kind in ('', 'peers'), ('limit: ', 'limits'):
        for one in case[kind]:
            verdict = verdicts_about(case, one['name'])
            yield prefix + one['name'], one['value'], one['min'], one['max'], ratios(one), verdict, None
    for one in case['absent']:
        yield one['name'], None, None, None, '', '', one['why']


# ---- JSON ----


def to_json(cases):
    """Write an array with an object per case. Each element of a list has a line of its own."""
    texts = []
    for case in cases:
        lines = ['']
        for name, value in case.items():
            text = json.dumps(value, ensure_ascii=False)
            if isinstance(value, list) and value:
                text = '[' + ','.join('\n\t\t\t' + json.dumps(one, ensure_ascii=False) for one in value) + ']'
            if isinstance(value, list) or name in ('bound', 'workers'):
                lines.append('')
            lines[-1] += '%s: %s, ' % (json.dumps(name), text)
        texts.append('\t{' + '\n\t\t'.join(line.rstrip() for line in lines)[:-1] + '}')
    return '[\n' + ',\n'.join(texts) + '\n]\n'


# ---- tables ----


def heading(case):
    return '%s\n%s\n\n%-32s %10s %10s %10s   %-28s %s' % (
        run_text(case), case['machine'], 'case, unit', 'median', 'min', 'max', 'Sheaf / this (min .. max)', 'bounds')


def table(case):
    """Of one case, for a terminal."""
    lines = ['%s, %s' % (case['case'], case['unit'])]
    for name, median, least, most, ratio, verdict, why in rows_of(case):
        figures = 'not measured: ' + why if why else '%10s %10s %10s   %-28s %s' % (
            number(median), number(least), number(most), ratio, verdict)
        lines.append(('  %-30s %s' % (name, figures)).rstrip())
    return '\n'.join(lines)


def markdown(cases):
    lines = [*textwrap.wrap('Machine: %s.' % cases[0]['machine'], 100), run_text(cases[0]) + '.', verdicts(cases) + '.', '',
             '| case | unit | contender | median | range | Sheaf / this (range) | bounds |', '|---|---|---|---:|---:|---:|---|']
    for case in cases:
        first = '`%s` | %s' % (case['case'], case['unit'])
        for name, median, least, most, ratio, verdict, why in rows_of(case):
            figures = 'not measured | | %s |' % why if why else '%s | %s .. %s | %s | %s' % (
                number(median), number(least), number(most), ratio, verdict)
            lines.append('| %s | %s | %s |' % (first, name, figures))
            first = '|'
    return '\n'.join(lines) + '\n'


def markdown_of_cases(cases):
    """What is measured and what has to be reached, of the lines of `measure -l`."""
    lines = ['| case | what is measured | unit | bounds |', '|---|---|---|---|']
    for case in cases:
        bounds = '; '.join(bound_text(case['unit'], bound) for bound in case['bounds'])
        lines.append('| `%s` | %s | %s | %s |' % (case['case'], case['what'], case['unit'], bounds))
    return '\n'.join(lines) + '\n'


# ---- a small table and picture: what a first reader wants to know, no wider than a phone ----

SMALL = [
    ('submit-gather', 'submit a task, gather its result'),
    ('grain-1', 'map, one empty item at a time'),
    ('map-item', 'map, a cube per call'),
    ('map-auto/cube', 'loop, a cube per item'),
    ('first-touch', 'first write to a MiB of an array'),
    ('fork-join-hot', 'empty fan-out and back, all awake'),
    ('fork-join-parked', 'empty fan-out to sleepers and back'),
    ('apply-idle', 'a task to a sleeping pool and back'),
    ('create', 'create, use and destroy a pool'),
    ('kills', '20 µs tasks, shared out, with kills'),
]
# In the order in which they stand.
SMALL_NAMES = {'libgomp': 'OpenMP', 'oneTBB': 'oneTBB', 'multiprocessing.Pool': 'Python Pool',
               'Sheaf, no kills': 'without kills'}


def short_name(series):
    """For those that the small ones show. However a runtime waits, it is the same."""
    name = series['name']
    return SMALL_NAMES.get(name) or SMALL_NAMES.get(name.split(', ')[0])


def small_rows(cases):
    by_name = {case['case']: case for case in cases}
    for name, words in SMALL:
        if name in by_name and by_name[name]['sheaf'] is not None:
            case = by_name[name]
            shown = [(short_name(one), one) for one in case['peers']]
            yield case, words, [one for name in SMALL_NAMES.values() for its, one in shown if its == name]


def time_text(value, unit):
    """In the unit in which it has at most three digits before the point."""
    ns = value * {'ns': 1, 'us': 1e3, 'ms': 1e6}[unit.split('/')[0]]
    for name, size in ('ns', 1), ('µs', 1e3), ('ms', 1e6):
        if ns < 999.5 * size or name == 'ms':
            return '%s %s' % (number(ns / size), name)


def small_markdown(cases):
    lines = ['| what | Sheaf | others |', '|---|---|---|']
    for case, words, others in small_rows(cases):
        text = ', '.join('%s %s' % (short_name(one), time_text(one['value'], case['unit'])) for one in others)
        lines.append('| %s | %s | %s |' % (words, time_text(case['sheaf'], case['unit']), text))
    return '\n'.join(lines) + '\n'


# ---- pictures ----
#
# An axis shows Sheaf's time divided by another one's: left of 1, Sheaf is faster. A contender is a
# mark at the median of its ratios, with a line for their range. A bound is a tick in the colour of
# the contender that it names. A bound that names several, or is a time, has a hollow mark of its
# own: at the ratio to the best of them, or to a contender that would take just that time. A mark
# that misses its bound is joined to the tick. Mark and tick share a lane with nothing between them,
# so the height of a row depends on its marks.
#
# A picture is one file without scripts. Its colours follow the reader's light or dark mode. No font
# is measured here: widths are estimated generously.

LANE = 14.0  # from one lane to the next
APART = 13.0  # between two marks of a lane
LETTER, SMALL_LETTER = 7.2, 6.6  # widths
LEAST, GREATEST = 1e-6, 1e6  # ratios that have a place on an axis
FAR, DENSE = 0.1, 4  # left of FAR, where a factor of two matters less, an axis is so many times as dense

# c0 to c7 fill, s0 to s7 draw lines; sx and sl draw those of KINDS.
LIGHT = {'ink': '#1f2328', 'paper': '#fff', 'stripe': '#f4f6f8', 'grid': '#d8dee4', 'quiet': '#59636e', 'ok': '#116329',
         'missed': '#b3261e', 'limit': '#6e7781',
         'colours': ['#0b62b0', '#c2500a', '#0a7f5c', '#8e44ad', '#957000', '#c2185b', '#00798c', '#6d4c41']}
DARK = {'ink': '#e6edf3', 'paper': '#0d1117', 'stripe': '#161b22', 'grid': '#30363d', 'quiet': '#9198a1', 'ok': '#56d364',
        'missed': '#ff7b72', 'limit': '#8b949e',
        'colours': ['#58a6ff', '#ff9b57', '#3fd0a0', '#d2a8ff', '#e3c341', '#ff80b5', '#4cd3e6', '#cfa58f']}
COLOURS = len(LIGHT['colours'])


def colour_rules(mode):
    rules = ('svg{fill:%(ink)s}.paper{fill:%(paper)s}.stripe{fill:%(stripe)s}.grid{stroke:%(grid)s}.one{stroke:%(ink)s}\n'
             '.quiet{fill:%(quiet)s}.ok{fill:%(ok)s}.missed{fill:%(missed)s}.gap{stroke:%(missed)s}\n'
             '.mark{stroke:%(paper)s}.hollow{fill:%(paper)s}.sx{stroke:%(ink)s}.sl{stroke:%(limit)s}\n' % mode)
    colours = enumerate(mode['colours'])
    return rules + ''.join('.c%d{fill:%s}.s%d{stroke:%s}\n' % (i, colour, i, colour) for i, colour in colours)


STYLE = ("<style>\nsvg{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}\n"
         '.small{font-size:12px}.big{font-size:18px;font-weight:600}.strong{font-weight:600}\n'
         '.end{text-anchor:end}.middle{text-anchor:middle}.missed{font-weight:600}\n'
         '.gap{stroke-width:3;stroke-opacity:.45}.range{stroke-width:2;stroke-opacity:.4}.tick{stroke-width:2}\n'
         '.hollow{stroke-width:1.8}.mark{stroke-width:1.2}\n' + colour_rules(LIGHT)
         + '@media (prefers-color-scheme:dark){\n' + colour_rules(DARK) + '}\n</style>')

# Around 0,0: circle, square, triangle, diamond, triangle on its point, cross, hexagon. Their number
# and that of the colours have no common divisor, so each pair comes up once.
SHAPES = ['M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z', 'M-4.4 -4.4h8.8v8.8h-8.8z', 'M0 -5.4L5.4 4.2H-5.4z', 'M0 -6L6 0L0 6L-6 0z',
          'M0 5.4L5.4 -4.2H-5.4z', 'M-2 -5.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5z',
          'M-5.6 0L-2.8 -4.8H2.8L5.6 0L2.8 4.8H-2.8z']

# How a contender is drawn: a peer by its number in the legend, others by kind: shape, line, words.
KINDS = {'limit': (0, 'sl', 'limit of the machine'), 'variant': (1, 'sx', 'Sheaf in another form'),
         'best': (2, 'sx', 'best of those that a bound names'), 'time': (3, 'sx', 'bound in the unit of the case')}


def stroke(look):
    return KINDS[look][1] if look in KINDS else 's%d' % (look % COLOURS)


def draw_text(x, y, text, words=''):
    return '<text%s x="%.1f" y="%.1f">%s</text>' % (' class="%s"' % words if words else '', x, y, escape(text))


def draw_mark(look, x, y):
    shape = KINDS[look][0] if look in KINDS else look % len(SHAPES)
    words = 'hollow ' + stroke(look) if look in KINDS else 'mark c%d' % (look % COLOURS)
    return '<path class="%s" d="%s" transform="translate(%.1f %.1f)"/>' % (words, SHAPES[shape], x, y)


def place(ratio):
    """Logarithmic, and dense far on the left."""
    at, far = math.log10(min(max(ratio, LEAST), GREATEST)), math.log10(FAR)
    return at if at >= far else far + (at - far) / DENSE


class Axis:
    def __init__(self, left, right, shown):
        """From left to right, with room for all ratios that are shown and some air."""
        self.left, self.right = left, right
        self.low, self.high = place(min([0.5, *shown])) - 0.06, place(max([2, *shown])) + 0.06

    def x(self, ratio):
        at = (place(GREATEST if ratio is None else ratio) - self.low) / (self.high - self.low)
        return self.left + min(max(at, 0), 1) * (self.right - self.left)

    def draw(self, spans):
        """Yield a line at each 1, 2 and 5 times a power of ten, through all spans from y to y.

        Numbers stand where there is room.
        """
        top, bottom, taken = spans[0][0], spans[-1][1], 0
        for power in range(-6, 7):
            for step in 1, 2, 5:
                value = step * 10.0**power
                if not self.low <= place(value) <= self.high or (step > 1 and value < FAR):
                    continue
                x = self.x(value)
                yield '<path class="%s" d="%s"%s/>' % ('one' if value == 1 else 'grid', ''.join('M%.1f %.1fV%.1f' % (x, *span)
                                                       for span in spans), '' if step == 1 else ' stroke-dasharray="2 4"')
                text = '1/%.0f' % (1 / value) if value < 0.99 else '%.0f' % value
                if x - SMALL_LETTER * len(text) / 2 > taken:
                    yield draw_text(x, top - 8, text, 'quiet small middle')
                    yield draw_text(x, bottom + 18, text, 'quiet small middle')
                    taken = x + SMALL_LETTER * len(text) / 2 + 4


class Mark:
    def __init__(self, name, look, ratio, least, greatest, value=None, bound=None):
        self.name, self.look, self.ratio, self.least, self.greatest = name, look, ratio, least, greatest
        self.value, self.bound = value, bound
        ends = [one for one in (ratio, least, greatest) if one is not None]
        self.start, self.end = min(ends, default=GREATEST), max(ends, default=GREATEST)
        self.lane = 0


class Row:
    """A case, and all its marks."""

    def __init__(self, case, series, legend):
        self.case, self.marks, self.ticks = case, [], []
        for look, one in series:
            look = look or legend.setdefault(one['name'], len(legend))
            self.marks.append(Mark(one['name'], look, one['ratio'], one['ratio_min'], one['ratio_max'], one['value']))

    def add_bounds(self):
        """Ticks, and marks for what is no contender but the best of several, or a time."""
        for bound in self.case['bounds']:
            if bound['ok'] is None:
                continue
            tick, reached = bound['most'] if bound['of'] else 1, bound['reached']
            if len(bound['of']) == 1:
                mark = next(one for one in self.marks if one.name == bound['of'][0])
            elif bound['of']:
                mark = Mark(KINDS['best'][2], 'best', reached, reached, reached, bound=bound)
                self.marks.append(mark)
            else:
                ends = [self.case[name] / bound['most'] for name in ('sheaf_min', 'sheaf_max')]
                mark = Mark(KINDS['time'][2], 'time', reached / bound['most'], *ends, bound['most'], bound)
                self.marks.append(mark)
            mark.start, mark.end = min(mark.start, tick), max(mark.end, tick)
            self.ticks.append((bound, tick, mark))

    def arrange(self, axis, top, height=12.0):
        """Give each mark the first lane where it has room."""
        ends = []
        for mark in sorted(self.marks, key=lambda mark: mark.start):
            start = axis.x(mark.start)
            mark.lane = next((i for i, end in enumerate(ends) if start - end >= APART), len(ends))
            ends[mark.lane : mark.lane + 1] = [axis.x(mark.end)]
        self.top, self.lanes = top, max(len(ends), 1)
        self.height = LANE * self.lanes + height
        self.middle = top + self.height / 2

    def y(self, mark):
        return self.middle + LANE * (mark.lane - (self.lanes - 1) / 2)

    def draw(self, axis):
        for mark in self.marks:
            yield '<path class="range %s" d="M%.1f %.1fH%.1f"/>' % (
                stroke(mark.look), axis.x(mark.least), self.y(mark), axis.x(mark.greatest))
        for bound, tick, mark in self.ticks:  # the arrow points to where the mark has to be
            x, y = axis.x(tick), self.y(mark)
            gap = '' if bound['ok'] else '<path class="gap" d="M%.1f %.1fH%.1f"/>' % (x, y, axis.x(mark.ratio))
            fill = '' if mark.look in KINDS else ' c%d' % (mark.look % COLOURS)
            title = '%s, bound <= %s: %s, %s' % (
                self.case['case'], most_text(bound), reached_text(bound), verdict_text(bound))
            yield '<g><title>%s</title>%s<path class="tick %s%s" d="M%.1f %.1fv%.1fm0 %.1fm-7 0l6 -3.5v7z"/></g>' % (
                escape(title), gap, stroke(mark.look), fill, x, y - LANE / 2, LANE, -LANE / 2)
        for mark in self.marks:
            value = '' if mark.value is None else ': %s %s' % (number(mark.value), self.case['unit'])
            words = '%s, %s%s, ratio %s (%s .. %s)' % (
                self.case['case'], mark.name, value, fraction(mark.ratio), fraction(mark.least), fraction(mark.greatest))
            yield '<g><title>%s</title>%s</g>' % (escape(words), draw_mark(mark.look, axis.x(mark.ratio), self.y(mark)))


def draw_legend(entries, width, margin, y):
    """Draw marks and their words, in the lines needed. Return: that, and the next line's y."""
    lines, x = [], margin
    for look, name in entries:
        room = 36 + SMALL_LETTER * len(name)
        if x > margin and x + room > width - margin:
            x, y = margin, y + 21
        lines += [draw_mark(look, x + 6, y - 4), draw_text(x + 17, y, name, 'small')]
        x += room
    return lines, y + 21


def draw_directions(axis, y):
    return [draw_text(axis.x(1) - 10, y, '← Sheaf is faster', 'small end'),
            draw_text(axis.x(1) + 10, y, 'slower →', 'small')]


def describe(rows, words):
    """A file that is drawn as text tells the same as the picture, in short."""
    lines = [words]
    for row in rows:
        marks = ', '.join('%s of %s' % (fraction(mark.ratio), mark.name) for mark in row.marks)
        lines.append('%s: %s.' % (row.case['case'], marks or 'not measured'))
    return '\n'.join(lines)


def document(width, height, name, title, text, body):
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" '
            'aria-labelledby="%s-title %s-text">\n<title id="%s-title">%s</title>\n<desc id="%s-text">%s</desc>\n%s\n'
            '<rect class="paper" width="%.0f" height="%.0f"/>\n%s\n</svg>\n'
            % (width, height, width, height, name, name, name, escape(title), name, escape(text), STYLE, width, height,
               '\n'.join(body)))


def verdict_of(case):
    met, missed = count([case], True), count([case], False)
    if missed:
        return 'missed', '%d of %d missed' % (missed, met + missed)
    if met:
        return 'ok', '%d of %d met' % (met, met)
    return 'quiet', 'not judged' if case['bounds'] else 'no bound'


def shown_ratios(rows):
    """Return all medians and ticks, for which the axis has room. A range may be cut at its ends."""
    values = [[*(mark.ratio for mark in row.marks), *(tick for _, tick, _ in row.ticks)] for row in rows]
    return [value for of_row in values for value in of_row if value]


def svg(cases):
    """All cases, their contenders and bounds."""
    width, margin, peers, rows = 1080.0, 24.0, {}, []
    for case in cases:
        series = [('variant' if one['name'].startswith('Sheaf') else None, one) for one in case['peers']]
        rows.append(Row(case, series + [('limit', one) for one in case['limits']], peers))
        rows[-1].add_bounds()
    used = {mark.look for row in rows for mark in row.marks}
    entries = [(i, name) for name, i in peers.items()] + [(kind, words[2]) for kind, words in KINDS.items() if kind in used]
    longest = max((len(case['case']) for case in cases), default=0)
    axis = Axis(margin + LETTER * longest + 120, width - margin - 120, shown_ratios(rows))
    legend, y = draw_legend(entries, width, margin, 106)
    top = y = y + 22
    for row in rows:
        row.arrange(axis, y)
        y += row.height
    body = [draw_text(margin, 36, "Sheaf's time, divided by that of the others", 'big')]
    if cases:
        body += [draw_text(margin, 58, run_text(cases[0]) + '; ' + verdicts(cases), 'quiet'),
                 draw_text(margin, 77, cases[0]['machine'], 'quiet small')]
    body += legend
    for row in rows[::2]:
        body.append('<rect class="stripe" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>'
                    % (margin - 8, row.top, width - 2 * margin + 16, row.height))
    body += axis.draw([(top, y)])
    for row in rows:
        case, base = row.case, row.middle + 4.5
        figure = 'not measured' if case['sheaf'] is None else '%s %s' % (number(case['sheaf']), case['unit'])
        words, verdict = verdict_of(case)
        body += [draw_text(margin, base, case['case']), draw_text(axis.left - 14, base, figure, 'quiet end'), *row.draw(axis),
                 draw_text(axis.right + 18, base, verdict, words)]
    body += [*draw_directions(axis, y + 40),
             draw_text(margin, y + 66, 'Mark: median of the ratios of all rounds; line: their range. Tick with an arrow: a '
                       'bound, in the colour of the mark that has to be on its left; red: missed.', 'quiet small'),
             draw_text(margin, y + 84, 'Left of 1/10 the axis is %d times as dense.' % DENSE, 'quiet small')]
    text = ("Sheaf's time divided by that of each other contender, median of the rounds: less than 1 means that Sheaf is "
            'faster. %s.' % verdicts(cases))
    return document(width, y + 102, 'sheaf-bench', 'Sheaf beside its peers', describe(rows, text), body)


def small_svg(cases):
    """At most ten cases and the best known peers, without bounds: readable at a phone's width."""
    width, margin, legend, rows = 380.0, 14.0, {}, []
    for case, words, others in small_rows(cases):
        rows.append((Row(case, [(None, dict(one, name=short_name(one))) for one in others], legend), words))
    axis = Axis(margin + 4, width - margin - 4, shown_ratios([row for row, _ in rows]))
    drawn, y = draw_legend([(i, name) for name, i in legend.items()], width, margin, 54)
    top = y = y + 12
    body = [draw_text(margin, 28, "Sheaf's time / that of the others", 'big'), *drawn]
    for row, _ in rows:
        row.arrange(axis, y + 22)
        y += row.height + 22
    body += ['<rect class="stripe" x="0" y="%.1f" width="%.1f" height="%.1f"/>' % (row.top - 22, width, row.height + 22)
             for row, _ in rows[::2]]
    body += axis.draw([(top, top), *((row.top, row.top + row.height) for row, _ in rows), (y, y)])
    for row, words in rows:
        case = row.case
        body += [draw_text(margin, row.top - 4, words, 'strong'),
                 draw_text(width - margin, row.top - 4, time_text(case['sheaf'], case['unit']), 'quiet end'), *row.draw(axis)]
    body += draw_directions(axis, y + 38)
    text = describe([row for row, _ in rows],
                    "Sheaf's time divided by that of the others: less than 1 means that Sheaf is faster.")
    return document(width, y + 52, 'sheaf-bench-small', 'Sheaf beside its peers, in short', text, body)
