"""findings.py CHECKOUT BUILD EXCUSES TOOL... - has analyzers read lib/ and tools/, and judges
what they find. For tools/analyze.

TOOL is gcc, clang-tidy or cppcheck. Each C file is read as BUILD/compile_commands.json has it
compiled. One that this build leaves out, such as the other system layer, is read as its
neighbour, unless it does not compile so. Prints what the file EXCUSES does not excuse, and each
excuse that excuses nothing. The last line is "N passed, N failed": a file that a tool has
nothing to say of passes, and so does an excuse that is needed. Exit code 1 if anything failed.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

FINDING = re.compile(r"^(/[^:\n]+):(\d+):(?:\d+:)? (?:warning|error|fatal error): (.*) \[([^\]\s]+)\]$", re.MULTILINE)
FOLDERS = ("lib/", "tools/")
CLANG_CHECKS = "-*,bugprone-*,cert-*"

Finding = collections.namedtuple("Finding", "tool path line check text code")


class Excuse:
    """A line CHECK | FILE | CODE | REASON. FILE and CODE may be "*"; CODE is a part of the line
    that is complained about."""

    def __init__(self, number, line):
        parts = [part.strip() for part in line.split(" | ")]
        if len(parts) != 4 or not all(parts):
            sys.exit(f"line {number} of the excuses is not CHECK | FILE | CODE | REASON: {line}")
        self.number, self.line = number, line
        self.check, self.path, self.code, _ = parts
        self.used = False

    def tool(self):
        """Who has a check of this name."""
        if self.check.startswith("-W"):
            return "gcc"
        return "clang-tidy" if self.check.startswith(("bugprone-", "cert-", "clang-")) else "cppcheck"

    def covers(self, finding):
        return (self.check == finding.check and self.path in ("*", finding.path)
                and (self.code == "*" or self.code in finding.code))


def read_excuses(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Excuse(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith("#")]


def flags_of(command, folder):
    """What decides which code there is: definitions, folders of headers, the standard."""
    words = iter(shlex.split(command)[1:])
    flags = []
    for word in words:
        if word in ("-I", "-D", "-U", "-isystem"):
            word += next(words)
        if word.startswith("-I"):
            flags.append("-I" + os.path.normpath(os.path.join(folder, word[2:])))
        elif word.startswith("-isystem"):
            flags += ["-isystem", os.path.normpath(os.path.join(folder, word[8:]))]
        elif word.startswith(("-D", "-U", "-std=")) and "_FORTIFY_SOURCE" not in word:
            flags.append(word)
    return flags


def sources_of(root, build):
    """{path below the checkout: flags} of the C files in FOLDERS."""
    sources = {}
    for command in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = os.path.relpath(os.path.join(command["directory"], command["file"]), root)
        if path.startswith(FOLDERS) and path.endswith(".c"):
            sources.setdefault(path, flags_of(command["command"], command["directory"]))
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*.c")):
            path = str(file.relative_to(root))
            beside = [flags for other, flags in sources.items() if os.path.dirname(other) == os.path.dirname(path)]
            if path in sources:
                continue
            if beside and subprocess.run(["cc", "-fsyntax-only", *beside[0], file], stderr=subprocess.DEVNULL).returncode == 0:
                sources[path] = beside[0]
            else:
                print(f"{path}: left out, as this build leaves it out and it does not compile here")
    return sources


def command_of(tool, path, flags):
    if tool == "gcc":
        return ["gcc", "-fanalyzer", "-O1", "-fdiagnostics-plain-output", "-fdiagnostics-path-format=none", "-c", "-o", "/dev/null",
                *flags, path]
    if tool == "clang-tidy":
        return ["clang-tidy", "--quiet", "--checks=" + CLANG_CHECKS, "--header-filter=.*", path, "--", *flags]
    flags = [flag for flag in flags if flag.startswith(("-D", "-U", "-I"))]
    return ["cppcheck", "--quiet", "--enable=warning,performance,portability", "--std=c11",
            "--template={file}:{line}:{column}: warning: {message} [{id}]", *flags, path]


def line_of(path, number):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").splitlines()[number - 1]
    except (OSError, IndexError):
        return ""


def analyze(tool, root, path, flags):
    """The findings of one tool in one file and its headers, and what went wrong with the tool."""
    run = subprocess.run(command_of(tool, str(root / path), flags), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace")
    found = []
    for file, number, text, checks in FINDING.findall(run.stdout):
        file = os.path.normpath(file)
        inside = os.path.relpath(file, root)
        # clang-tidy has two names for some checks.
        found.append(Finding(tool, file if inside.startswith("..") else inside, int(number), checks.split(",")[0], text,
                             line_of(file, int(number))))
    return found, None if run.returncode == 0 or found else f"{tool} {path}: exit code {run.returncode}: {run.stdout}"


def main():
    root, build, excuses = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    tools = sys.argv[4:]
    excuses = [excuse for excuse in read_excuses(excuses) if excuse.tool() in tools]
    sources = sources_of(root, build)
    found, failed = set(), set()
    # A thread waits for each process.
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = {pool.submit(analyze, tool, root, path, flags): (tool, path)
                for tool in tools for path, flags in sources.items()}
        for run, what in runs.items():
            findings, trouble = run.result()
            found.update(findings)
            if trouble:
                print(trouble)
                failed.add(what)
    for finding in sorted(found):
        covering = [excuse for excuse in excuses if excuse.covers(finding)]
        for excuse in covering:
            excuse.used = True
        if not covering:
            print(f"{finding.path}:{finding.line}: {finding.text} [{finding.check}]\n    {finding.code.strip()}")
            failed.add((finding.tool, finding.path))
    stale = [excuse for excuse in excuses if not excuse.used]
    for excuse in stale:
        print(f"This no longer excuses anything; please take it out: {excuse.line}")
    # What a header is to blame for is in no run of its own.
    bad = len(failed) + len(stale)
    print(f"{len(set(runs.values()) - failed) + len(excuses) - len(stale)} passed, {bad} failed")
    return 1 if bad or not runs else 0


sys.exit(main())
