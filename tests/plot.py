"""plot.py SAMPLES OUT.svg [TITLE] - draws what a test has sampled (support/samples.h).

The first line of SAMPLES names the columns: what the samples are numbered by, then figures with
their units, as in "heap of the pool [MiB]". Figures of one unit share a panel.
"""
import csv
import html
import math
import re
import sys

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 760, 200, 64, 20, 34, 40
COLORS = ('#1b7f4b', '#c2571a', '#2c5aa0', '#8a3fa0', '#b8860b')
INK, GRID = '#555', '#ccc'


def step_of(most):
    """A round number, of which about five make up the axis."""
    power = 10 ** math.floor(math.log10(most / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * 5 >= most)


def text(x, y, words, anchor='middle', color=INK):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{html.escape(words)}</text>'


def draw_panel(top, xs, unit, lines):
    """One panel: @lines are names with their values."""
    most = max(max(values) for _, values in lines) or 1
    step = step_of(most)
    end = step * math.ceil(most / step)
    bottom = top + PANEL
    last = xs[-1] or 1

    def y(value):
        return bottom - PANEL * value / end

    parts = [text(10, top - 12, unit, 'start')]
    for i in range(round(end / step) + 1):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(i * step):.1f}" y2="{y(i * step):.1f}" stroke="{GRID}"/>')
        parts.append(text(LEFT - 6, y(i * step) + 4, f'{i * step:g}', 'end'))
    for i in range(5):
        parts.append(text(LEFT + (WIDTH - LEFT - RIGHT) * i / 4, bottom + 16, f'{last * i / 4:.0f}' if last >= 100 else f'{last * i / 4:.3g}'))
    at = LEFT
    for (name, values), color in zip(lines, COLORS):
        points = ' '.join(f'{LEFT + (WIDTH - LEFT - RIGHT) * x / last:.1f},{y(value):.1f}' for x, value in zip(xs, values))
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="1" points="{points}"/>')
        parts.append(text(at, top - 12, name, 'start', color))
        at += 7 * len(name) + 8
    return parts


def draw(title, header, rows):
    xs = [row[0] for row in rows]
    panels = {}
    for column, name in enumerate(header[1:], 1):
        name, unit = re.fullmatch(r'(.*) \[(.*)\]', name).groups()
        panels.setdefault(unit, []).append((name, [row[column] for row in rows]))
    parts = []
    top = TOP
    for unit, lines in panels.items():
        for first in range(0, len(lines), len(COLORS)):
            parts += draw_panel(top, xs, unit, lines[first:first + len(COLORS)])
            top += PANEL + GAP + TOP
    height = top - TOP
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, height - 6, header[0]))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
            f'font-family="system-ui,sans-serif" font-size="12">\n<title>{html.escape(title)}</title>\n'
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n' + '\n'.join(parts) + '\n</svg>\n')


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding='ascii', newline='') as lines:
        header, *rows = csv.reader(lines)
    rows = [[float(field) for field in row] for row in rows if len(row) == len(header)]
    if not rows:
        sys.exit(f'{sys.argv[1]}: no samples')
    with open(sys.argv[2], 'w', encoding='ascii') as out:
        out.write(draw(sys.argv[3] if len(sys.argv) > 3 else header[0], header, rows))


if __name__ == '__main__':
    main()
