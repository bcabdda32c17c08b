"""judge_named.py NAMED - named.py finds what is wrong in a small project, and nothing else."""
import pathlib
import subprocess
import sys
import tempfile

FILES = {
    "README.md": "# Read [this](docs/reference/checklist.md#tables-and-tests), or [that](https://example.org/none)\n",
    "tests/meson.build": "unit_tests = ['ring', 'pool']\ncrash_tests = ['steps']\n",
    "tests/hosts/meson.build": "host_programs = ['time']\n",
    "tests/faults/meson.build": "executable('faults', 'paths_pool.c')\n",
    "tests/unit/test_ring.c": "Test(ring, keeps_order)\n{\n}\n/* Test(ring, is_gone) */\n",
    "tests/unit/test_lost.c": "Test(lost, is_there)\n{\n}\n",
    "tests/crash/crash_steps.c": '\t{"map, steal", 1},\n\t{"call", 2},\n',
    "tests/hosts/time.c": 'HOST_PROGRAM("time", CASE(workers_stopped), LONG(paused, 60))\n',
    "tests/faults/paths_pool.c": "int x;\n",
    "tests/examples/first.sh": "exit 0\n",
    "docs/examples/first.c": "int main(void) {}\n",
    "docs/reference/checklist.md": """# Tables and tests

Text with `unit/test_ring.c: keeps_order` and a [link](#tables-and-tests).

| what | | shown by |
|---|---|---|
| order | keep | `unit/test_ring.c: keeps_order` |
| both \u00b7 | keep | `crash/crash_steps.c: map, steal`, `crash/crash_steps.c: call` |
| time | keep | `hosts/time.c: workers_stopped`, `hosts/time.c: paused`, `faults/paths_pool.c` |
| program | keep | [first.c](../examples/first.c) |
| queue | later | waits for the queue |
| with `code/that.c: is no test` | adapt | no: not in C |

```c
[no](link), and | no | row |
```
""",
}
TABLE = "docs/reference/checklist.md"
# What is put in the place of what, in which file, and what named.py then says.
BREAKS = [
    (TABLE, "time.c: paused", "time.c: passed", 'md:9: tests/hosts/time.c has no "passed"'),
    (TABLE, "| `unit/test_ring.c: keeps_order`", "| `unit/test_ring.c: is_gone`", 'md:7: tests/unit/test_ring.c has no "is_gone"'),
    (TABLE, "Text with `unit/test_ring.c: keeps_order`", "`unit/test_ring.c: keeps`", 'md:3: tests/unit/test_ring.c has no "keeps"'),
    (TABLE, "steps.c: map, steal", "steps.c: map", 'md:8: tests/crash/crash_steps.c has no "map"'),
    (TABLE, "crash_steps.c: call", "crash_steps.c:call", "md:8: `crash/crash_steps.c:call` is neither"),
    (TABLE, "faults/paths_pool.c", "faults/paths_pond.c", "md:9: tests/faults/paths_pond.c does not exist"),
    (TABLE, "unit/test_ring.c: keeps_order` |", "unit/test_lost.c: is_there` |", "md:7: tests/unit/test_lost.c stands in no"),
    (TABLE, "waits for the queue", "queue", 'md:11: "queue" has neither a test nor a reason'),
    (TABLE, "| queue | later |", "| queue | | later |", "md:11: the row has 4 cells, its table 3"),
    (TABLE, "../examples/first.c", "../examples/second.c", "md:10: the link ../examples/second.c leads nowhere"),
    (TABLE, "(#tables-and-tests)", "(#tables)", "md:3: the link #tables leads to no heading"),
    ("README.md", "#tables-and-tests", "#tables", "README.md:1: the link docs/reference/checklist.md#tables leads to no"),
    ("README.md", "checklist.md", "list.md", "README.md:1: the link docs/reference/list.md#tables-and-tests leads nowhere"),
    ("tests/examples/first.sh", None, None, "md:10: the example ../examples/first.c has no test"),
]


def run(named, changed, old, new):
    with tempfile.TemporaryDirectory(prefix="sheaf-named.") as folder:
        for name, text in FILES.items():
            if name == changed:
                if old is None:
                    continue
                assert old in text, f"{name} has no {old!r}"
                text = text.replace(old, new, 1)
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        done = subprocess.run([sys.executable, "-B", named, folder], stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout


def main():
    code, text = run(sys.argv[1], None, None, None)
    assert code == 0 and "7 tests named in tables, 2 pages with their links: 0 wrong" in text, f"{code}: {text}"
    for changed, old, new, wanted in BREAKS:
        code, text = run(sys.argv[1], changed, old, new)
        assert code == 1 and wanted in text and ": 1 wrong" in text, f"{old} -> {new}: {code}: {text}"
    print(f"{len(BREAKS)} mistakes, all found")
    return 0


sys.exit(main())
