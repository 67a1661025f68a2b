"""The code and its messages use the words of the field: no coined name, no coined phrase."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src"
FILES = sorted(SOURCES.rglob("*.py"))
PAGES = sorted([*SOURCES.rglob("*.jinja"), *(ROOT / "adapters_hub_export").glob("*/README.md")])

NAMES = {"found", "one", "ones", "told", "such", "asked", "what", "said", "mine", "theirs", "gone"}
"""They say nothing about the value that they hold."""
COINED = re.compile(r"trunk|yardstick|summand", re.IGNORECASE)
"""In any identifier or text."""
EARLIER_KEYS = {"trunk_cache"}
"""Keys of recipes of earlier versions: the error about them names them."""
CLASSES = {"Points", "Piece", "States", "Shares", "Told"}
PHRASES = (
    r"\bg(?:o|oes|one|oing) on with\b",
    r"\bleaves? out zero\b",
    r"\bkn(?:ow|ows|ew) nothing of\b",
    r"\bdecides? anything\b",
    r"\bthe clock saw\b",
    r"\bis only asked\b",
    r"\bare only asked\b",
    r"\b[Ww]rites none\b",
    r"\bNone writes\b",
    r"\bsuch (?:that|as) (?:count|name|have|are|is)\b",
    r"\bgives? out\b",
    r"\b(?:is|are|was|were) told\b",
    r"\bwhatever\b",
    r"\banew\b",
    r"^See `[\w.]+`\.?$",
)
PHRASE = re.compile("|".join(PHRASES), re.IGNORECASE)


def names(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of everything that a file names: classes, functions, arguments, variables, attributes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string and comment of a file; the lines of a text are joined by spaces."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in EARLIER_KEYS:
            yield node.lineno, " ".join(node.value.split())
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def coined(source: str) -> list[str]:
    """Return `line: name or text` of every coined word of a file."""
    lines = [f"{line}: {name}" for line, name in names(source) if name in NAMES | CLASSES or COINED.search(name)]
    return lines + [f"{line}: {text}" for line, text in texts(source) if COINED.search(text) or PHRASE.search(text)]


def classes(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the public classes that several files define, and these files; every kind has an `Example` of its own."""
    files: dict[str, list[str]] = {}
    for file, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files.setdefault(node.name, []).append(file)
    return {name: where for name, where in files.items() if len(set(where)) > 1 and name != "Example"}


def test_a_class_name_has_one_meaning() -> None:
    sources = {str(file): file.read_text(encoding="utf-8") for file in FILES if "templates" not in file.parts}
    assert classes(sources) == {}
    assert classes({"a.py": "class Rows: pass", "b.py": "class Rows: pass\nclass _Row: pass"}) == {
        "Rows": ["a.py", "b.py"]
    }


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_coined_phrase_on_a_card(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if COINED.search(line) or PHRASE.search(line)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_no_coined_word(file: Path) -> None:
    assert coined(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "for one in rows: pass",
        "def f(told): pass",
        "class Points: pass",
        "self.what = 1",
        "lowest_trunk = 2",
        "import rows as told",
        "[one for one in rows]",
        "'It is gone\\n on with.'",
        "'The interval leaves out zero.'",
        "f'{name}: a trunk of {n} layers'",
        "x = 1  # whatever it is",
        'def f():\n    """See `Kind.f`."""',
    ],
)
def test_coined_words_are_seen(source: str) -> None:
    assert coined(source)


@pytest.mark.parametrize(
    "source",
    [
        "rows = 1",
        "percentage_points = 2",
        "'percentage points'",
        "'the inputs of one task, such as NLI'",
        "class HiddenStates: pass",
        "renamed = {'trunk_cache': 'hidden_state_cache'}",
        "x = 1  # the whole input",
    ],
)
def test_ordinary_uses_stay(source: str) -> None:
    assert coined(source) == []
