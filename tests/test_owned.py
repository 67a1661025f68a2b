"""What is known of a kind, a module or a composition stands in its own file; no other lists it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from layover import compositions, kinds, modules

SOURCE = Path(__file__).resolve().parents[1] / "src" / "layover"
OWN_ROOMS = {"kinds", "metrics"}
"""A metric says which kinds it scores."""
OTHER_MEANINGS = {
    ("data/formats/contract_nli.py", "choice"),  # a column of the data
    ("recipe/task_checks.py", "retrieval"),  # a key of recipes
    ("specs/predict.py", "retrieval"),  # a key of specifications
}

OWN_FILES = {"modules", "compositions"}
NO_MODULE = {
    ("recipe/yaml_nodes.py", "merge"),  # a key of YAML
    ("report/main_table.py", "full"),  # a column of the report, as is `none`
}
NAMED = {
    ("plan/stages.py", "stack"),  # what acts on a language's adapter
    ("recipe/language_adapters.py", "warm"),  # how an adapter of a language is trained
}
"""Compositions that are made where a recipe names none."""


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
        if text in kinds.names() and "templates" not in path.parts
    }
    assert found == OTHER_MEANINGS


def test_a_name_is_seen_wherever_it_stands() -> None:
    lines = ("x == 'span'", "x in {'span'}", "{'span': 1}", "['span']", "x['span']", "kinds.get('span')")
    assert [list(named(ast.parse(line))) for line in lines] == [["span"]] * len(lines)


def test_nothing_but_its_own_file_knows_the_name_of_a_module_or_a_composition() -> None:
    """`none` has other meanings, and is the default of what trains nothing."""
    names = {*modules.names(), *compositions.names()} - {"none"}
    found = {
        (str(path), text)
        for file in SOURCE.rglob("*.py")
        if (path := file.relative_to(SOURCE)).parts[0] not in OWN_FILES
        for text in named(ast.parse(file.read_text(encoding="utf-8")))
        if text in names
    }
    assert found == NO_MODULE | NAMED


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names of all that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_but_its_own_room_imports_the_file_of_a_module_or_a_composition() -> None:
    files = {f"layover.modules.{name}" for name in modules.names()}
    files |= {f"layover.compositions.{name}" for name in compositions.names()}
    found = {
        (str(path), name)
        for file in SOURCE.rglob("*.py")
        if (path := file.relative_to(SOURCE)).parts[0] not in OWN_FILES
        for name in imported(ast.parse(file.read_text(encoding="utf-8")))
        if any(f"{name}.".startswith(f"{one}.") for one in files)
    }
    assert found == set()
    assert [*imported(ast.parse("from layover.modules.lora import Lora"))] == ["layover.modules.lora.Lora"]
