"""bench.py SHEAF_BENCH SOURCE_ROOT - what sheaf-bench reports: tables, JSON, pictures and Markdown
tell the same and are well formed.

The figures of a quick run mean nothing, so any verdict will do if all reports agree on it. What
docs/reference and the README show must be what the program makes of its cases and of
docs/reference/benchmarks.json.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.dom.minidom

CASES = ["grain-1", "kills"]
LAST = re.compile(r"(\d+) bounds met, (\d+) missed, (\d+) not judged")
SVG_ELEMENTS = {"svg", "title", "desc", "style", "rect", "path", "g", "text"}

program, root = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])


def run(*words, code=0):
    """What it prints; with code None, the exit code, too."""
    done = subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    assert code in (None, done.returncode), f"{words}: exit code {done.returncode} instead of {code}: {done.stdout}{done.stderr}"
    return done.stdout if code is not None else (done.stdout, done.returncode)


def is_verdict(value):
    return value is None or isinstance(value, bool)


def overall(verdicts):
    judged = [verdict for verdict in verdicts if verdict is not None]
    return all(judged) if judged else None


def check_json(path, names):
    """Every field of every case; returns how many bounds were met, missed and not judged."""
    cases = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda text: sys.exit(f"{text} is not JSON"))
    assert [case["case"] for case in cases] == names, f"cases {[case['case'] for case in cases]} instead of {names}"
    verdicts = []
    for case in cases:
        assert list(case)[:3] == ["case", "unit", "sheaf"] and case["unit"]
        assert case["sheaf"] > 0 and case["sheaf_min"] <= case["sheaf"] <= case["sheaf_max"]
        assert case["limit"] == (case["limits"][0]["value"] if case["limits"] else None)
        measured = {}
        for series in case["peers"] + case["limits"]:
            assert series["value"] > 0 and series["min"] <= series["value"] <= series["max"], series
            assert series["ratio"] > 0 and series["ratio_min"] <= series["ratio"] <= series["ratio_max"], series
            measured[series["name"]] = series["ratio"]
        absent = {series["name"] for series in case["absent"]}
        assert all(series["why"] for series in case["absent"]) and not absent & set(measured)
        for bound in case["bounds"]:
            assert is_verdict(bound["ok"]) and set(bound["of"]) <= absent | set(measured), bound
            assert bound["most"] > 0 and bound["ok"] == (None if bound["reached"] is None else bound["reached"] <= bound["most"])
            if len(bound["of"]) == 1 and bound["of"][0] in measured:
                assert bound["reached"] == measured[bound["of"][0]], bound
        assert isinstance(case["bound"], str) if case["bounds"] else case["bound"] is None
        assert case["ok"] == overall([bound["ok"] for bound in case["bounds"]])
        assert isinstance(case["workers"], int) and case["rounds"] == 2 and case["quick"] is True
        verdicts += [bound["ok"] for bound in case["bounds"]]
    return verdicts.count(True), verdicts.count(False), verdicts.count(None)


def check_svg(path, names):
    document = xml.dom.minidom.parse(str(path))
    svg = document.documentElement
    elements = document.getElementsByTagName("*")
    assert svg.tagName == "svg" and svg.getAttribute("role") == "img"
    assert {element.tagName for element in elements} <= SVG_ELEMENTS
    ids = [element.getAttribute("id") for element in elements if element.hasAttribute("id")]
    assert sorted(ids) == sorted(svg.getAttribute("aria-labelledby").split()), f"labels {ids}"
    texts = [element.firstChild.data for element in document.getElementsByTagName("text") if element.firstChild]
    assert [text for text in texts if text in names] == names, texts


BEFORE = "the lines <!-- sheaf-bench --markdown other: begin --> and <!-- sheaf-bench --markdown other: end -->\n"


def check_markdown(page, text):
    marked = page.read_text(encoding="utf-8")
    assert marked.startswith(BEFORE + "<") and marked.endswith("after\n"), marked
    rows = [line for line in marked.splitlines() if line.startswith("|")]
    assert len(rows) > 3 and {row.count("|") for row in rows} == {8}, marked
    assert text in marked, marked


def check_against(folder):
    """Two builds by turns: a program with itself, as one of today and as one of JSON alone."""
    old = folder / "sheaf-bench"
    old.write_text(f"#!/bin/sh\nexec '{program}' --alone \"$@\"\n", encoding="utf-8")
    old.chmod(0o755)
    for other in program, old:
        figures = folder / "against.json"
        shown, code = run("--quick", "--rounds=2", "--strict", "--against", str(other), "--json", str(figures), *CASES, code=None)
        results = json.loads(figures.read_text(encoding="utf-8"))
        assert [result["case"].split("/")[0] for result in results] == CASES, shown
        for result in results:
            assert result["ratio_min"] <= result["ratio"] <= result["ratio_max"], result
            assert result["ok"] == (result["ratio"] <= 1.03), result
        slower = sum(not result["ok"] for result in results)
        assert code == (slower > 0) and f"\n{slower} slower than 1.03 x the other" in shown, (code, shown)
    run("--against", str(folder / "nothing"), *CASES, code=1)
    run("--against", program, "--svg", str(folder / "no.svg"), *CASES, code=2)


def check_documents(folder):
    """What the documents show is made of the figures that lie beside them."""
    for words, path, source in [("--json", "docs/reference/benchmarks.json", "benchmarks"),
                                ("--svg", "docs/reference/benchmarks.svg", "benchmarks"),
                                ("--markdown", "docs/reference/benchmarks.md", "benchmarks"),
                                ("--small", "docs/reference/benchmarks-small.svg", "benchmarks"),
                                ("--small", "README.md", "benchmarks"),
                                ("--json", "docs/reference/benchmarks-16.json", "benchmarks-16"),
                                ("--svg", "docs/reference/benchmarks-16.svg", "benchmarks-16"),
                                ("--markdown", "docs/reference/benchmarks-16.md", "benchmarks-16")]:
        figures = f"docs/reference/{source}.json"
        copy = folder / path.rsplit("/", maxsplit=1)[-1]
        shutil.copyfile(root / path, copy)
        run("--from", str(root / figures), words, str(copy))
        assert copy.read_text(encoding="utf-8") == (root / path).read_text(encoding="utf-8"), \
            f"out of date; please run: sheaf-bench --from {figures} {words} {path}"
        if path.endswith(".svg"):
            assert "prefers-color-scheme:dark" in copy.read_text(encoding="utf-8")


def check_peers(folder):
    """Found by PATH, it runs what lies beside it, and nothing that lies where its user is."""
    traps = folder / "bench"
    traps.mkdir(parents=True)
    ran = folder / "ran"
    for name in ["measure", "libgomp", "libomp", "tbb"]:
        for trap in traps / name, folder / name:
            trap.write_text(f"#!/bin/sh\n: >'{ran}'\n")
            trap.chmod(0o755)
    for name in ["pool.py", "report.py", "json.py"]:
        for trap in traps / name, folder / name:
            trap.write_text(f"open({str(ran)!r}, 'w').close()\n")
    path = os.path.dirname(program) + os.pathsep + os.environ["PATH"]
    subprocess.run([os.path.basename(program), "--quick", "--rounds=1", "grain-1"], cwd=folder, env={**os.environ, "PATH": path},
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    assert not ran.exists(), "a program of the current folder was run"


def main():
    cases = run("--list").split()
    names = [name for name in cases if name.split("/")[0] in CASES]
    assert len(set(cases)) == len(cases) and run("--list", *CASES).split() == names, cases
    shown = run("--help")
    assert all(name.split("/")[0] in shown for name in cases)
    assert run("--no-such-option", code=2) == run("no-such-case", code=2) == ""
    refused = subprocess.run([program, "no-such-\x1b[2J\x9b-case"], stderr=subprocess.PIPE, text=True, check=False)
    assert "no-such-\\x1b[2J\\u009b-case" in refused.stderr, refused
    assert "\n| case |" in run("--cases", "/dev/stdout")

    if os.path.exists("/dev/full"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            for option in "--list", "--help":
                done = subprocess.run([program, option], stdout=full, stderr=subprocess.PIPE, text=True)
                assert done.returncode == 1 and "stdout" in done.stderr, f"{option} to a full disk: {done}"

    with tempfile.TemporaryDirectory(prefix="sheaf-bench.") as name:
        folder = pathlib.Path(name)
        figures, drawing, page = folder / "figures.json", folder / "figures.svg", folder / "page.md"
        page.write_text(BEFORE + "<!-- sheaf-bench --markdown other: begin -->\n<!-- sheaf-bench --markdown other: end -->\nafter\n")
        run("--quick", "--json", str(folder), *CASES, code=1)
        shown, code = run("--quick", "--rounds=2", "--strict", "--json", str(figures), "--svg", str(drawing), "--markdown",
                          str(page), "--mark", "other", *CASES, code=None)
        last = LAST.fullmatch(shown.splitlines()[-1])
        assert last and code == (last.group(2) != "0"), f"exit code {code}: {shown}"
        counted = check_json(figures, names)
        assert tuple(map(int, last.groups())) == counted, (shown, counted)
        check_svg(drawing, names)
        check_markdown(page, last.group())

        drawing_again = folder / "again.svg"
        again = run("--from", str(figures), "--svg", str(drawing_again))
        assert again.strip() == shown.strip() and drawing_again.read_bytes() == drawing.read_bytes(), (again, shown)

        check_against(folder)
        check_peers(folder / "somewhere")
        (folder / "documents").mkdir()
        check_documents(folder / "documents")
        copy = folder / "benchmarks.md"
        shutil.copyfile(root / "docs/reference/benchmarks.md", copy)
        # Names beside the file that somebody else has are not in the way.
        squat = 'for suffix in $$ $$.new; do echo taken >"$1.$suffix"; done; exec "$0" --cases "$1"'
        subprocess.run(["sh", "-c", squat, program, copy], check=True)
        assert sorted(path.read_text() for path in folder.glob("benchmarks.md.*")) == ["taken\n"] * 2, os.listdir(folder)
        assert copy.read_text(encoding="utf-8") == (root / "docs/reference/benchmarks.md").read_text(encoding="utf-8"), \
            "the table of cases is out of date; please run: sheaf-bench --cases docs/reference/benchmarks.md"


main()
