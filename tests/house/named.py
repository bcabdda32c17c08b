"""named.py ROOT - what the documents name is there: tests, examples, other pages.

In the tables of docs/reference/checklist.md and docs/reference/features.md a test is named as

    `FOLDER/FILE: NAME`   a test of tests/FOLDER/FILE: of unit/ the name in Test(suite, NAME)
                          or MACRO(NAME), elsewhere that of a case or a path
    `FOLDER/FILE`         all of it

Such a file has to stand in the meson.build of its folder or of tests/, or it is never run. Each row
of a table with such a column needs a test, an example, or a reason in words. In all pages, links to
files of the project and to headings of pages have to lead somewhere, and an example has to have its
test.

Each finding is one line "FILE:LINE: what is wrong". The exit code is 1 if there is one.
"""
import pathlib
import re
import sys

TABLES = ["docs/reference/checklist.md", "docs/reference/features.md"]
SHOWN = ["shown by", "Sheaf"]  # heads of the columns that name tests
LEAST_WORDS = 2  # of a reason
FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
NAMED = re.compile(r"([a-z]+)/([\w-]+\.(?:c|cc|sh|py))(?:: (.+))?")


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


def is_listed(root, folder, file):
    """Does a meson.build name it, whole or without the folder's name in front?"""
    stem = file.rsplit(".", 1)[0]
    names = {file, stem, re.sub(r"^[a-z]+_", "", stem), f"{folder}/{file}"}
    for build in [root / "tests/meson.build", root / "tests" / folder / "meson.build"]:
        if build.is_file():
            words = set(re.findall(r"'([^'\n]*)'", build.read_text(encoding="utf-8")))
            if words & names:
                return True
    return False


def fault_of_test(root, folder, file, name):
    """Returns what is wrong with a named test, or None."""
    path = root / "tests" / folder / file
    if not path.is_file():
        return f"tests/{folder}/{file} does not exist"
    if not is_listed(root, folder, file):
        return f"tests/{folder}/{file} stands in no meson.build, so it is never run"
    if name:
        text = without_comments(path.read_text(encoding="utf-8"))
        word = re.escape(name)
        pattern = rf"^[A-Z]\w*\((?:\w+, )?{word}\b" if folder == "unit" else rf'"{word}"|\b[A-Z_]+\({word}\b'
        if not re.search(pattern, text, re.MULTILINE):
            return f'tests/{folder}/{file} has no "{name}"'
    return None


def folders_of(root):
    return {path.name for path in (root / "tests").iterdir() if path.is_dir()} if (root / "tests").is_dir() else set()


def tests_in(text, folders):
    """(folder, file, name) of each named test."""
    found = [NAMED.fullmatch(span) for span in SPAN.findall(text)]
    return [match.groups() for match in found if match and match.group(1) in folders]


def is_shown(cell, folders):
    return tests_in(cell, folders) or LINK.search(cell) or len(SPAN.sub("", cell).split()) >= LEAST_WORDS


def headings_of(page):
    """The anchors of a page, as GitHub makes them."""
    anchors = set()
    for heading in re.findall(r"^#+ +(.*)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchors.add(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-"))
    return anchors


def fault_of_link(root, page, link):
    """Returns what is wrong with a link to a file of the project, or None."""
    if re.match(r"[a-z]+:", link):
        return None
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    if not target.exists():
        return f"the link {link} leads nowhere"
    if anchor and target.suffix == ".md" and anchor not in headings_of(target):
        return f"the link {link} leads to no heading of that page"
    examples = root / "docs/examples"
    if target.suffix == ".c" and examples in target.parents and target.parent.name != "support":
        test = root / "tests/examples" / target.relative_to(examples).with_suffix(".sh")
        if not test.is_file() and not test.parent.with_suffix(".sh").is_file():
            return f"the example {link} has no test: tests/examples/{test.relative_to(root / 'tests/examples')}"
    return None


def check_page(root, page, folders):
    """Yields (line number, what is wrong)."""
    text = FENCED.sub(lambda found: "\n" * found.group().count("\n"), page.read_text(encoding="utf-8"))
    in_tables = str(page.relative_to(root)) in TABLES
    head = []
    for number, line in enumerate(text.split("\n"), 1):
        for link in LINK.findall(SPAN.sub("", line)):
            fault = fault_of_link(root, page, link)
            if fault:
                yield number, fault
        if not in_tables:
            continue
        for span in SPAN.findall(line):
            if span.split("/")[0] in folders and "/" in span and not NAMED.fullmatch(span):
                yield number, f"`{span}` is neither FOLDER/FILE nor FOLDER/FILE: NAME"
        for named in tests_in(line, folders):
            fault = fault_of_test(root, *named)
            if fault:
                yield number, fault
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells or not head:
            head = cells
            continue
        if len(cells) != len(head):
            yield number, f"the row has {len(cells)} cells, its table {len(head)}"
        elif head[-1] in SHOWN and cells[0].strip("-: ") and not is_shown(cells[-1], folders):
            yield number, f'"{cells[0]}" has neither a test nor a reason'


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    folders = folders_of(root)
    pages = sorted(root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))
    wrong, named = [], 0
    for page in pages:
        name = str(page.relative_to(root))
        wrong += [f"{name}:{number}: {what}" for number, what in check_page(root, page, folders)]
        if name in TABLES:
            named += len(tests_in(page.read_text(encoding="utf-8"), folders))
    for line in wrong:
        print(line)
    print(f"{named} tests named in tables, {len(pages)} pages with their links: {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
