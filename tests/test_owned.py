"""What is known of a kind stands in its own file: no other compares its name, or lists it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from layover import kinds

SOURCE = Path(__file__).resolve().parents[1] / "src" / "layover"
OWN_ROOMS = {"kinds", "metrics"}
"""A metric says which kinds it scores."""
OTHER_MEANINGS = {
    ("data/formats/contract_nli.py", "choice"),  # a column of the data
    ("recipe/checks.py", "retrieval"),  # a key of recipes
    ("specs/predict.py", "retrieval"),  # a key of specifications
}


def named(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that code compares with, looks up, or keeps a list of."""
    for node in ast.walk(tree):
        parts: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            parts = list(node.keys)
        elif isinstance(node, (ast.Set, ast.Tuple, ast.List)):
            parts = list(node.elts)
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            parts = list(node.args)
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def test_nothing_but_a_kind_s_own_file_knows_its_name() -> None:
    found = {
        (str(path), text)
        for file in SOURCE.rglob("*.py")
        if (path := file.relative_to(SOURCE)).parts[0] not in OWN_ROOMS
        for text in named(ast.parse(file.read_text(encoding="utf-8")))
        if text in kinds.names()
    }
    assert found == OTHER_MEANINGS


def test_a_name_is_seen_wherever_it_stands() -> None:
    lines = ("x == 'span'", "x in {'span'}", "{'span': 1}", "['span']", "x['span']", "kinds.get('span')")
    assert [list(named(ast.parse(line))) for line in lines] == [["span"]] * len(lines)
