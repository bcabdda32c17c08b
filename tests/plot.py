"""plot.py SAMPLES OUT.svg - draws what crash_stream has sampled: memory over tasks.

Each line of SAMPLES has the tasks so far, and MiB: the owner's own memory, its shared memory, and
the heap. Each of these becomes a line of the picture.
"""
import csv
import math
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 300, 56, 20, 40, 44
LINES = (('owner, own memory', '#1b7f4b'), ('owner, shared memory', '#c2571a'), ('heap of the pool', '#2c5aa0'))
INK, GRID = '#555', '#ccc'


def step_of(most):
    """A round number, of which about five make up the axis."""
    power = 10 ** math.floor(math.log10(most / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * 5 >= most)


def text(x, y, words, anchor='middle', color=INK):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>'


def draw(samples):
    tasks, most = samples[-1][0], max(max(row[1:]) for row in samples)
    step = step_of(most)
    top = step * math.ceil(most / step)
    span = HEIGHT - TOP - BOTTOM

    def x(task):
        return LEFT + (WIDTH - LEFT - RIGHT) * task / tasks

    def y(mib):
        return HEIGHT - BOTTOM - span * mib / top

    parts = []
    for i in range(round(top / step) + 1):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(i * step):.1f}" y2="{y(i * step):.1f}" stroke="{GRID}"/>')
        parts.append(text(LEFT - 6, y(i * step) + 4, f'{i * step:g}', 'end'))
    for i in range(5):
        parts.append(text(x(tasks * i / 4), HEIGHT - BOTTOM + 18, f'{tasks * i / 4 / 1e6:.0f}'))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, 'million tasks'))
    parts.append(text(10, TOP - 16, 'MiB', 'start'))
    for column, (name, color) in enumerate(LINES, 1):
        points = ' '.join(f'{x(row[0]):.1f},{y(row[column]):.1f}' for row in samples)
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="1.5" points="{points}"/>')
        parts.append(text(LEFT + 40 + 220 * (column - 1), TOP - 16, name, 'start', color))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
            'font-family="system-ui,sans-serif" font-size="12">\n<title>Memory of a stream</title>\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n' + '\n'.join(parts) + '\n</svg>\n')


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding='ascii') as lines:
        samples = [[float(field) for field in row] for row in csv.reader(lines)]
    with open(sys.argv[2], 'w', encoding='ascii') as out:
        out.write(draw(samples))


if __name__ == '__main__':
    main()
