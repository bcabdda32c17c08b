"""quotes.py SOURCE_ROOT EXAMPLES - what the documents show of the examples is true, word for word.

SOURCE_ROOT is the project, EXAMPLES the folder of the built examples. A fenced block in README.md
or below docs/ is checked if
the line before it is one of
    <!-- quote: FILE -->            the block is consecutive whole lines of that file of the project
    <!-- output: EXAMPLE OPTION --> the block is what that example prints with those options; "..."
    stands for anything
Where newcomers copy code from, in README.md and docs/tutorial/, every C block must be a quote.
"""
import pathlib
import re
import subprocess
import sys

FENCED = re.compile(r"^(`{3,}|~{3,})[ \t]*(\w*)[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"^<!-- *(quote|output): *(.*?) *-->$\n", re.MULTILINE)


def check_quote(root, path, code):
    """Returns what is wrong, or None."""
    if not (root / path).is_file():
        return "quotes %s, which does not exist" % path
    if not code.strip():
        return "quotes nothing of %s" % path
    if "\n" + code not in "\n" + (root / path).read_text(encoding="utf-8"):
        return "is not in %s as it stands here" % path
    return None


def check_output(examples, command, wanted):
    """Returns what is wrong, or None."""
    name, *options = command.split()
    if not (examples / name).is_file():
        return "shows the output of %s, which is not built" % name
    run = subprocess.run([examples / name, *options], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        return "shows the output of %s, which ended with %d" % (command, run.returncode)
    if not re.fullmatch(".*".join(map(re.escape, wanted.split("..."))), run.stdout, re.DOTALL):
        return "is not what %s prints:\n%s" % (command, run.stdout)
    return None


def check_document(root, examples, document):
    """Returns the number of checked blocks, and the list of what is wrong."""
    text = document.read_text(encoding="utf-8")
    must_quote = document == root / "README.md" or root / "docs" / "tutorial" in document.parents
    marks = {mark.end(): mark for mark in MARK.finditer(text)}
    complaints = []
    blocks = list(FENCED.finditer(text))
    for block in blocks:
        mark = marks.get(block.start())
        complaint = None
        if mark and mark.group(1) == "quote":
            complaint = check_quote(root, mark.group(2), block.group(3))
        elif mark:
            complaint = check_output(examples, mark.group(2), block.group(3))
        elif must_quote and block.group(2) == "c":
            complaint = "is C and no quote; put <!-- quote: FILE --> on the line before it"
        complaints.append((block.start(), complaint))
    for end in marks.keys() - {block.start() for block in blocks}:
        complaints.append((marks[end].start(), "is a mark without a block on the next line"))
    name = document.relative_to(root)
    complaints.sort(key=lambda complaint: complaint[0])
    wrong = ["%s:%d: %s" % (name, text.count("\n", 0, at) + 1, what) for at, what in complaints if what]
    return len(marks), wrong


def main():
    root, examples = map(pathlib.Path, sys.argv[1:])
    documents = [root / "README.md"] if (root / "README.md").is_file() else []
    documents += sorted((root / "docs").rglob("*.md"))
    checked, wrong = 0, []
    for document in documents:
        found, complaints = check_document(root, examples, document)
        checked += found
        wrong += complaints
    print("%d quotes and outputs in %d documents, %d wrong" % (checked, len(documents), len(wrong)))
    for complaint in wrong:
        print(complaint)
    return 1 if wrong or checked == 0 else 0


sys.exit(main())
