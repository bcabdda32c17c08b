"""judge.py FINDINGS - findings.py fails for a finding, not for one that is excused, and for an
excuse that excuses nothing."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
SOUND = "int sound(void);\nint sound(void)\n{\n\treturn 0;\n}\n"
FAULTY = "#include <stdlib.h>\nvoid faulty(void *memory);\nvoid faulty(void *memory)\n{\n\tfree(memory);\n\tfree(memory);\n}\n"
EXCUSE = "-Wanalyzer-double-free | lib/faulty.c | free(memory) | only here\n"
STALE = "-Wanalyzer-double-free | lib/sound.c | * | no longer\n"
OTHER = "uninitvar | lib/sound.c | * | of a tool that is not run\n"


def main():
    probe = subprocess.run(["gcc", "-fanalyzer", "-fdiagnostics-path-format=none", "-x", "c", "-fsyntax-only", "/dev/null"],
                           stderr=subprocess.DEVNULL)
    if probe.returncode:
        print("judge.py: skipped: there is no gcc with -fanalyzer")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="sheaf-analyze.") as name:
        folder = pathlib.Path(name)
        excuses = folder / "excuses"
        for part in "lib", "tools":
            (folder / part).mkdir()
        (folder / "lib/sound.c").write_text(SOUND)
        (folder / "compile_commands.json").write_text(json.dumps(
            [{"directory": name, "file": "lib/sound.c", "command": "cc -std=c11 -Ilib -D 'X=1 2' -c lib/sound.c"}]))

        def expect(text, last, code, *parts):
            excuses.write_text(text)
            run = subprocess.run([sys.executable, sys.argv[1], name, name, excuses, "gcc"], stdout=subprocess.PIPE, text=True)
            lines = run.stdout.splitlines()
            assert run.returncode == code and lines[-1] == last, f"{text!r}: exit code {run.returncode}, {run.stdout}"
            for part in parts:
                assert part in run.stdout, f"{text!r}: no {part!r} in {run.stdout}"

        expect("", "1 passed, 0 failed", 0)
        expect(STALE, "1 passed, 1 failed", 1, "no longer excuses anything; please take it out: " + STALE.strip())
        expect(OTHER, "1 passed, 0 failed", 0)
        # A file that the build leaves out is read as its neighbour.
        (folder / "lib/faulty.c").write_text(FAULTY)
        expect("", "1 passed, 1 failed", 1, "lib/faulty.c:6: ", "[-Wanalyzer-double-free]\n    free(memory);")
        expect(EXCUSE, "3 passed, 0 failed", 0)
        expect(EXCUSE + STALE, "3 passed, 1 failed", 1, "no longer excuses anything")
        os.truncate(folder / "lib/faulty.c", 10)
        expect("", "1 passed, 0 failed", 0, "lib/faulty.c: left out")
        # A tool that fails does not pass.
        os.truncate(folder / "lib/sound.c", 20)
        expect("", "0 passed, 1 failed", 1)
    return 0


sys.exit(main())
