"""co_oxidation.py csv SIZE CSV | svg SIZE CSV SVG - checks the output of co_oxidation
independently of its solver.

csv: the coverages are those that a classical Runge-Kutta integration of fixed step reaches from a
clean surface, they solve the
     steady-state equations, and the map has a reactive region and one that CO poisons.
svg: the picture is well-formed and has a cell for each point, darkest where the rate is least, with
labels on axes and bar.
"""
import sys
import xml.etree.ElementTree

K_CO, K_O2, K_DES, K_R = 1.0, 1.0, 0.05, 10.0


def change(p_o2, p_co, x, y):
    empty = 1 - x - y
    reacting = K_R * x * y
    return K_CO * p_co * empty - K_DES * x - reacting, 2 * K_O2 * p_o2 * empty * empty - reacting


def integrate(p_o2, p_co):
    x = y = 0.0
    h = 0.1
    for _ in range(100000):
        a = change(p_o2, p_co, x, y)
        b = change(p_o2, p_co, x + h / 2 * a[0], y + h / 2 * a[1])
        c = change(p_o2, p_co, x + h / 2 * b[0], y + h / 2 * b[1])
        d = change(p_o2, p_co, x + h * c[0], y + h * c[1])
        x += h / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0])
        y += h / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1])
        if max(abs(a[0]), abs(a[1])) < 1e-9:
            return x, y
    sys.exit("p_o2 = %g, p_co = %g: the check itself does not settle" % (p_o2, p_co))


def read_csv(size, path):
    with open(path) as file:
        header, *lines = file.read().splitlines()
    assert header == "p_o2,p_co,theta_co,theta_o,rate", header
    rows = [[float(text) for text in line.split(",")] for line in lines]
    assert len(rows) == size * size, "%d rows" % len(rows)
    for i, row in enumerate(rows):
        assert abs(row[0] - (i % size + 0.5) / size) < 1e-11 and abs(row[1] - (i // size + 0.5) / size) < 1e-11, row
    return rows


def check_numbers(rows):
    for p_o2, p_co, x, y, rate in rows:
        point = "p_o2 = %g, p_co = %g" % (p_o2, p_co)
        assert max(map(abs, change(p_o2, p_co, x, y))) < 1e-9, "%s: not steady" % point
        reached = integrate(p_o2, p_co)
        assert abs(x - reached[0]) < 1e-6 and abs(y - reached[1]) < 1e-6, "%s: %g, %g is not %s" % (point, x, y, reached)
        assert abs(rate - K_R * x * y) < 1e-10, "%s: rate" % point
    assert any(x > 0.9 and rate < 0.01 for _, _, x, _, rate in rows), "no region is poisoned by CO"
    assert any(x < 0.2 and rate > 0.2 for _, _, x, _, rate in rows), "no region is reactive"


def brightness(colour):
    return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def check_picture(rows, size, path):
    name = "{http://www.w3.org/2000/svg}"
    root = xml.etree.ElementTree.parse(path).getroot()
    cells = root.find(name + "g").findall(name + "rect")
    assert [(int(c.get("x")), int(c.get("y"))) for c in cells] == [(i % size, i // size) for i in range(size * size)]
    bright = [brightness(cell.get("fill")) for cell in cells]
    by_rate = [b for _, b in sorted(zip((row[4] for row in rows), bright))]
    assert by_rate == sorted(by_rate) and by_rate[0] < by_rate[-1], "a higher rate is not brighter"
    texts = [text.text for text in root.iter(name + "text")]
    for wanted in ("p_O2", "p_CO", "CO2 molecules", "0.2", "1.0"):
        assert any(wanted in text for text in texts), "no label %s" % wanted
    assert root.find(".//" + name + "linearGradient") is not None, "no colour bar"


kind, size, csv = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if kind == "csv":
    check_numbers(read_csv(size, csv))
else:
    check_picture(read_csv(size, csv), size, sys.argv[4])
