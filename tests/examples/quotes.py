"""quotes.py SOURCE_ROOT - code that the documents quote is in the project's files, word for word.

A fenced block in README.md or below docs/ is a quote if the line before it is <!-- quote: FILE -->, with the path of a file of the
project. The block must be consecutive whole lines of that file. Where newcomers copy code from, in README.md and docs/tutorial/,
every C block must be a quote.
"""
import pathlib
import re
import sys

FENCED = re.compile(r"^(`{3,}|~{3,})[ \t]*(\w*)[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- *quote: *(\S+) *-->\n\Z")
ANY_MARK = re.compile(r"<!-- *quote:")


def check_block(root, mark, language, code, must_quote):
    """Returns what is wrong, or None."""
    if not mark:
        if must_quote and language == "c":
            return "a C block here must quote a file: put <!-- quote: FILE --> on the line before it"
        return None
    path = root / mark.group(1)
    if not path.is_file():
        return "quotes %s, which does not exist" % mark.group(1)
    if not code.strip():
        return "quotes nothing of %s" % mark.group(1)
    if "\n" + code not in "\n" + path.read_text(encoding="utf-8"):
        return "is not in %s as it stands here" % mark.group(1)
    return None


def check_document(root, document):
    """Returns the number of quotes, and the list of what is wrong."""
    text = document.read_text(encoding="utf-8")
    name = document.relative_to(root)
    must_quote = document == root / "README.md" or root / "docs" / "tutorial" in document.parents
    quotes, wrong = 0, []
    for block in FENCED.finditer(text):
        mark = MARK.search(text, 0, block.start())
        quotes += mark is not None
        complaint = check_block(root, mark, block.group(2), block.group(3), must_quote)
        if complaint:
            wrong.append("%s:%d: %s" % (name, text.count("\n", 0, block.start()) + 1, complaint))
    if quotes < len(ANY_MARK.findall(FENCED.sub("", text))):
        wrong.append("%s: a <!-- quote: --> mark is not followed by a block on the next line" % name)
    return quotes, wrong


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    documents = [root / "README.md"] if (root / "README.md").is_file() else []
    documents += sorted((root / "docs").rglob("*.md"))
    quotes, wrong = 0, []
    for document in documents:
        found, complaints = check_document(root, document)
        quotes += found
        wrong += complaints
    print("%d quotes in %d documents, %d wrong" % (quotes, len(documents), len(wrong)))
    for complaint in wrong:
        print(complaint)
    return 1 if wrong or quotes == 0 else 0


sys.exit(main())
