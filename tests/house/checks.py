"""checks.py - one function per check, named as --only calls it.

Each takes the tree of sources and the build folder (or None), and yields its findings: (file name,
line number, what is wrong and what to do).
"""
import io
import re
import statistics
import tokenize

import circle
import rooms
import symbols
from source import WORD

FILE_LINES = 500
FUNCTION_LINES = 60
HEADER_LINES = 600
PROSE_COLUMNS = 100

# RING1, or R1. Not labels: signals, versions of C, control characters, encodings, processors.
LABEL = re.compile(r"(?<![\w.%-])[A-Z]{1,12}\d{1,2}(?![\w.]\w|\w|-bit)")
NO_LABEL = re.compile(r"SIGUSR[12]|C\d\d|C1|O[0-3]|UTF\d+|U?INT\d+|SHA1|CRC32|X86|AVX\d|SSE\d")
PARAGRAPH = r"(?m)^ \* %s\b[^\n]*(?:\n \*   +[^\n]*)*"


def includes(tree, build):
    """a file includes only headers of its own room and of the rooms that it stands on"""
    for file in tree.lib:
        if file.room not in rooms.ROOMS:
            yield file.path, 1, f"lib/{file.room}/ is no room: give it a place in tests/house/rooms.py"
            continue
        for number, header in file.includes:
            if not rooms.may_include(file.room, header):
                allowed = ", ".join(rooms.stands_on(file.room)) or "nothing but sheaf.h"
                yield (file.path, number, f"{file.room} includes {header}, but stands on {allowed}: move what it needs down, "
                       "or this up")


def calls(tree, build):
    """no object of a room uses a symbol of a later room"""
    public = set()
    for file in tree.files(["include"], ["*.h"]):
        public |= set(re.findall(r"\b(sheaf_\w+)\(", file.code))
    for user, name, definer in symbols.Symbols(tree, build).edges():
        if user.room not in rooms.ROOMS or definer.room in [user.room] + rooms.stands_on(user.room):
            continue
        headers = [header for header in rooms.stands_on(user.room) if "/" in header]
        declared = any(re.search(rf"\b{name}\(", tree.declared(header)) for header in headers)
        if declared or (name in public and rooms.ROOMS[user.room] is not rooms.BEFORE):
            continue
        yield (user.path, user.line_of(rf"\b{name}\b"), f"{user.room} uses {name}() of {definer.path}, a room that it does not "
               "stand on: move it down, or hand it over as a function")


def circles(tree, build):
    """no circle between files, by includes or by calls (x.c and x.h are one)"""
    included = {}
    for file in tree.lib:
        for number, header in file.includes:
            included.setdefault(file.unit, {}).setdefault(rooms.unit_of("lib/" + header), (file.path, number, header))
    for way in circle.find(included):
        path, number, _ = way[0]
        text = ", ".join(f"{path} includes {header}" for path, _, header in way)
        yield path, number, f"circle of {len(way)} files by includes: {text}: take out what two of them share"
    called = {}
    for user, name, definer in symbols.Symbols(tree, build).edges():
        called.setdefault(user.unit, {}).setdefault(definer.unit, (user, name, definer))
    for way in circle.find(called):
        user, name, _ = way[0]
        text = ", ".join(f"{user.path} uses {name}() of {definer.path}" for user, name, definer in way)
        yield (user.path, user.line_of(rf"\b{name}\b"), f"circle of {len(way)} files by calls: {text}: move one of these "
               "functions, or hand it over")


def weight(tree, build):
    """no file of lib/ is too long, no function, and sheaf.h can be read in one sitting"""
    for file in tree.files(["include"], ["sheaf.h"]):
        if file.length > HEADER_LINES:
            yield (file.path, HEADER_LINES + 1, f"the header has {file.length} lines, at most {HEADER_LINES}: let a page of "
                   "docs/ tell what not every caller needs")
    for file in tree.lib:
        if file.length > FILE_LINES:
            yield (file.path, FILE_LINES + 1, f"the file has {file.length} lines, at most {FILE_LINES}: find the second thing "
                   "that it does")
        for function in file.functions:
            if function.length > FUNCTION_LINES:
                yield (file.path, function.first, f"{function.name}() has {function.length} lines, at most {FUNCTION_LINES}: "
                       "give a part of it a name")


def contents(tree, build):
    """sheaf.h opens with its sections and their functions, in the order in which they follow"""
    for file in tree.files(["include"], ["sheaf.h"]):
        told = _told_contents(file)
        if not told:
            yield file.path, 1, 'the first comment has no "Contents": list each section and its functions there'
            continue
        found = _found_contents(file)
        if list(told) != list(found):
            yield file.path, 1, f"Contents has the sections {', '.join(told)}, but there follow {', '.join(found)}"
        for section in found:
            number, names = told.get(section, (1, []))
            if len(names) != len(found[section]) or not all(map(_means, names, found[section])):
                yield (file.path, number, f"Contents has for {section}: {', '.join(names)}; but there follow: "
                       f"{', '.join(found[section])}")


def _told_contents(file):
    """{section: (line number, names)} of the paragraph "Contents"; a name may begin with "_"."""
    paragraph = re.search(r"(?m)^ \* Contents\n((?: \*   +\S.*\n)+)", file.head)
    told = {}
    if paragraph:
        first = file.head.count("\n", 0, paragraph.start(1)) + 1
        for number, line in enumerate(paragraph.group(1).splitlines(), first):
            section, names = re.fullmatch(r" \*   (\S+(?: \S+)*)?  +(\S.*)", line).groups()
            if section:
                told[section] = (number, [])
            told[section or list(told)[-1]][1].extend(names.rstrip(",").split(", "))
    return {section: told[section] for section in told if section != "This text"}


def _found_contents(file):
    """{section: names} of the functions, types of functions, and options and results, in order."""
    parts = re.split(r"(?m)^/\* ---- (.+?) ----", file.text)
    declared = re.compile(r"(?m)^SHEAF_API [^(;]*?(sheaf_\w+)\(|^typedef int (sheaf_\w+)\(|^\} (sheaf_\w*(?:options|result));")
    return {section: ["".join(names) for names in declared.findall(text)] for section, text in zip(parts[1::2], parts[2::2])}


def _means(told, name):
    return told == name or told.startswith("_") and name.endswith(told)


def statics(tree, build):
    """no two files of lib/ have static functions of the same name"""
    users = {}
    for file in tree.lib:
        for function in file.functions:
            if function.static:
                users.setdefault(function.name, []).append(function)
    for name, functions in sorted(users.items()):
        paths = [function.file.path for function in functions]
        for function in functions[1:]:
            others = [path for path in paths if path != function.file.path]
            if others and not rooms.are_twins(paths):
                yield (function.file.path, function.first, f"static {name}() is also in {', '.join(sorted(set(others)))}: a "
                       "backtrace could mean either; give one of them another name")


def edges_of(file):
    """{label: line number} of the edges that a file's top comment defines, by "Edges ..."."""
    found = re.search(PARAGRAPH % "Edges", file.head)
    if not found:
        return {}
    text, labels = found.group(), {}
    for label in LABEL.finditer(text):
        before, after = text[:label.start()], text[label.end():]
        name = label.group()
        # At the beginning of a line, or of a sentence with as many blanks behind it.
        begins = re.search(r"(\n \*|Edges|[.;])\s+$", before) and re.match(r"  |,| *->|:| \(", after)
        points = re.search(r"->\s*$", before) and not re.search(rf"\b{re.escape(name)} is in ", text)
        if begins or points:
            labels.setdefault(name, file.head.count("\n", 0, found.start() + label.start()) + 1)
    return labels


def labels(tree, build):
    """promises are "promise 1", not P1; an edge is defined in the Edges paragraph of one file"""
    defined = {}
    for file in tree.lib:
        for label, number in edges_of(file).items():
            if label in defined:
                yield (file.path, number, f"{label} is an edge of {defined[label]} already: give it another name, or say "
                       f'"{label} is in" that file')
            defined.setdefault(label, file.path)
    for file in tree.files(["lib", "include", "tests", "tools"], ["*.[ch]", "*.cc", "*.cpp", "*.pml"]):
        yield from _wrong_labels(file, file.comments, defined if file.path.startswith(("lib/", "include/")) else None)
    for file in _pages(tree):
        text = re.sub(r"`[^`\n]*`", "", _without_code(file.text))
        yield from _wrong_labels(file, text, defined if file.path.startswith("docs/explanation/") else None)


def _wrong_labels(file, text, defined):
    for number, line in enumerate(text.split("\n"), 1):
        for found in LABEL.finditer(line):
            label = found.group()
            if NO_LABEL.fullmatch(label) and not (defined and label in defined):
                continue
            if re.fullmatch(r"P\d+", label):
                yield (file.path, number, f'{label}: say "promise {label[1:]}" if it is one, or give the edge a letter of its '
                       "file")
            elif defined is not None and label not in defined:
                yield (file.path, number, f"{label} is defined nowhere: say what it is, or define it in the Edges paragraph of "
                       "a top comment")


def prose(tree, build):
    """comments and prose stay within 100 columns"""
    folders = ["lib", "include", "tests", "tools", "docs"]
    for file in tree.files(folders, ["*.[ch]", "*.cc", "*.cpp", "*.pml"]):
        yield from _wide_lines(file, file.comments)
    for file in _scripts(tree, folders):
        yield from _wide_lines(file, _script_comments(file))
    for file in _pages(tree):
        yield from _wide_lines(file, _prose_of(file.text))


def _wide_lines(file, text):
    for number, line in enumerate(text.split("\n"), 1):
        width = len(line.rstrip().expandtabs(8))
        if width > PROSE_COLUMNS and len(line.split()) > 2:
            yield file.path, number, f"{width} columns of prose, at most {PROSE_COLUMNS}: break the line"


def _pages(tree):
    return [tree.file(path) for path in sorted(tree.root.glob("*.md"))] + tree.files(["docs"], ["*.md"])


def _scripts(tree, folders):
    scripts = tree.files(folders, ["*.sh", "*.py", "*.awk", "meson.build"])
    others = [tree.file(path) for path in sorted((tree.root / "tools").glob("*")) if path.is_file() and not path.suffix]
    others += [tree.file(path) for path in [tree.root / "meson.build", tree.root / ".ci/run"] if path.exists()]
    return scripts + others


def _script_comments(file):
    """The lines of a script that are comments or docstrings, the others blank."""
    lines = file.text.split("\n")
    kept = [line.lstrip().startswith("#") for line in lines]
    if file.path.endswith(".py"):
        for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
            if token.type == tokenize.STRING and token.line.lstrip().startswith('"""'):
                kept[token.start[0] - 1:token.end[0]] = [True] * (token.end[0] - token.start[0] + 1)
    return "\n".join(line if keep else "" for line, keep in zip(lines, kept))


def _without_code(text):
    """A page with blank lines in place of blocks of code."""
    return re.sub(r"(?ms)^ *```.*?^ *```$", lambda found: "\n" * found.group().count("\n"), text)


def _prose_of(text):
    """A page with blank lines in place of code, tables, comments, and links that stand alone."""
    alone = re.compile(r"\s*(\||<!--|\[[^]]*\]: )|[\s*-]*!?\[[^]]*\]\([^)]*\)\S*$")
    return "\n".join("" if alone.match(line) else line for line in _without_code(text).split("\n"))


def heads(tree, build):
    """each .c file begins with a comment; if it writes shared memory, with two more paragraphs"""
    shared = _shared_words(tree)
    for file in tree.lib:
        if not file.path.endswith(".c"):
            continue
        if not file.head:
            yield file.path, 1, "the file begins without a comment: say what it does, and how"
        written = _written_words(file, shared)
        if not written:
            continue
        word, number = written[0]
        for paragraph in "Writers", "Deaths":
            if not re.search(PARAGRAPH % paragraph, file.head):
                yield (file.path, number, f'writes shared memory ({word}), but its top comment has no paragraph "{paragraph}": '
                       "add it")


def _shared_words(tree):
    """The names of the atomic fields of the structs in segment/layout.h and segment/seat.h."""
    headers = [tree.root / "lib/segment" / name for name in ("layout.h", "seat.h")]
    code = "\n".join(tree.file(header).code for header in headers if header.exists())
    words = set()
    for body in re.findall(r"^struct shared_\w+ \{\n(.*?)^\};", code, re.MULTILINE | re.DOTALL):
        for declaration in re.findall(r"_Atomic\b[^;]*;", body):
            words |= {WORD.findall(name)[-1] for name in re.sub(r"\[[^]]*\]", "", declaration).split(",") if WORD.findall(name)}
    return words


def _written_words(file, shared):
    """(name, line number) of each store into a shared word by an operation of base/atomic.h."""
    written = []
    for found in re.finditer(r"\b(?:store|cas|fetch)_[a-z_]+\(&?([^,]*),", file.code):
        target = re.sub(r"\[[^]]*\]$", "", found.group(1).strip())
        field = re.search(r"(?:->|\.)(\w+)$", target)
        if field and field.group(1) in shared:
            written.append((field.group(1), file.code.count("\n", 0, found.start()) + 1))
    return written


CHECKS = {check.__name__: check for check in [includes, calls, circles, weight, contents, statics, labels, prose, heads]}


def figures(tree):
    """Lines of text about the size of lib/."""
    files = sorted((file.length, file.path) for file in tree.lib)
    functions = sorted((function.length, function.name, file.path) for file in tree.lib for function in file.functions)
    lines = [length for length, _ in files]
    lengths = [length for length, _, _ in functions]
    return [f"{len(files)} files of lib/, {sum(lines)} lines: median {statistics.median(lines):g}, longest {files[-1][0]} "
            f"({files[-1][1]})",
            f"{len(functions)} functions: median {statistics.median(lengths):g} lines, longest {functions[-1][0]} "
            f"({functions[-1][1]}() in {functions[-1][2]})"]
