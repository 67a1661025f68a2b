"""The rooms: arrows point downward only, and nothing above or below the torch rooms imports torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[1] / "src"
SOURCE = SOURCES / "layover"
SANDBOX = SOURCES / "layover_sandbox"

ROOMS = (
    "cli",
    "engine",
    "hub",
    "report",
    "steps",
    "training",
    "inference",
    "heads",
    "encoder",
    "estimates",
    "plan",
    "packages",
    "specs",
    "records",
    "label_counts",
    "breakdown",
    "store",
    "recipe",
    "tasks",
    "kinds",
    "data",
    "metrics",
    "perturbations",
    "layover_sandbox",
    "layouts",
    "families",
    "memory",
    "devices",
    "samplers",
    "compositions",
    "objectives",
    "mixers",
    "modules",
    "canonical",
    "identity",
    "stable_random",
    "files",
    "shape",
    "numerics",
    "execution",
    "tracking",
    "class_weights",
    "statistics",
    "settings",
    "escape",
    "registry",
    "plugins",
    "errors",
    "allowed",
    "stopping",
)
"""From the top down: a room imports itself and what lies below."""
RANK = {name: rank for rank, name in enumerate(ROOMS)}
TORCH_ROOMS = {"training", "inference", "heads", "encoder"}
WORKER_FILES = {
    "cli/templates/kind/heads.py",
    "engine/preload.py",
    "hub/pretrained.py",
    "steps/loaded.py",
}
"""Found by name inside a worker process, or imported inside a verb."""
HEAVY = {"torch", "transformers", "datasets", "pandas", "accelerate", "peft", "adapters", "matplotlib"}

FILES = sorted([*SOURCE.rglob("*.py"), *SANDBOX.rglob("*.py")])


def room_of(file: Path) -> str:
    if file.is_relative_to(SANDBOX):
        return SANDBOX.name
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, *, at_run_time: bool) -> set[str]:
    """Return the dotted names that a file imports.

    Args:
        tree: Of the file.
        at_run_time: Leave out what is imported inside a function, or under TYPE_CHECKING.
    """
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if at_run_time and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if at_run_time and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_imports_point_downward(file: Path) -> None:
    room = room_of(file)
    if room in {"__init__", "__main__"}:
        pytest.skip("the package itself and its entry")
    assert room in RANK, f"{room} is no room: name it in ROOMS and in CONTRIBUTING.md"
    for name in imports(ast.parse(file.read_text(encoding="utf-8")), at_run_time=False):
        parts = name.split(".")
        other = parts[0] if parts[0] == SANDBOX.name else parts[1] if parts[0] == "layover" and len(parts) > 1 else ""
        if other in RANK:
            assert RANK[other] >= RANK[room], f"{file.name} ({room}) imports {name}, which lies above it"


def test_files_of_strangers_rest_on_errors_and_on_what_finds_things_alone() -> None:
    below = {"files", "errors", "escape", "registry", "plugins", "allowed", "stopping"}
    files = sorted((SOURCE / "files").glob("*.py"))
    names = {name for file in files for name in imports(ast.parse(file.read_text(encoding="utf-8")), at_run_time=False)}
    rooms = {name.split(".")[1] for name in names if name.startswith("layover.")}
    assert {"errors", "files"} <= rooms <= below


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_no_heavy_import_outside_the_torch_rooms(file: Path) -> None:
    if room_of(file) in TORCH_ROOMS or file in {SOURCE / name for name in WORKER_FILES}:
        return
    heavy = {name.split(".")[0] for name in imports(ast.parse(file.read_text(encoding="utf-8")), at_run_time=True)}
    assert not heavy & HEAVY


@pytest.mark.parametrize("name", sorted(WORKER_FILES))
def test_what_may_import_torch_does(name: str) -> None:
    tree = ast.parse((SOURCE / name).read_text(encoding="utf-8"))
    assert HEAVY & {imported.split(".")[0] for imported in imports(tree, at_run_time=True)}


def name_of(file: Path) -> str:
    """Return the dotted name of a file; a package is its `__init__.py`."""
    parts = file.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files_imported(source: str, name: str, known: Collection[str]) -> set[str]:
    """Return the files of the package that a file imports, wherever in it.

    Args:
        source: Of the file.
        name: Its own.
        known: The names of all files.
    """
    found = set()
    for one in imports(ast.parse(source), at_run_time=False):
        nearest = one if one in known else one.rpartition(".")[0]
        if nearest in known and nearest != name:
            found.add(nearest)
    return found


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the sets of files that import each other, each sorted (Tarjan 1972)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = lowest[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == index[name]:
            place = stack.index(name)
            together = stack[place:]
            del stack[place:]
            if len(together) > 1:
                found.append(sorted(together))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def test_no_file_imports_itself_through_others() -> None:
    """Not even for types, and not inside a function: what two files share has a file below both."""
    names = {name_of(file): file for file in FILES}
    graph = {name: files_imported(file.read_text(encoding="utf-8"), name, names) for name, file in names.items()}
    assert sum(map(len, graph.values())) > len(FILES), "the imports are seen at all"
    assert cycles(graph) == []


def test_cycles_are_seen_wherever_the_import_stands() -> None:
    known = {"layover.a", "layover.b", "layover.c", "layover.c.d"}
    sources = {
        "layover.a": "if TYPE_CHECKING:\n    from layover.b import B",
        "layover.b": "def f():\n    from layover.c import d",
        "layover.c": "import json\nfrom layover.a import x",
        "layover.c.d": "from layover import c",
    }
    graph = {name: files_imported(source, name, known) for name, source in sources.items()}
    assert graph == {
        "layover.a": {"layover.b"},
        "layover.b": {"layover.c.d"},
        "layover.c": {"layover.a"},
        "layover.c.d": {"layover.c"},
    }
    assert cycles(graph) == [["layover.a", "layover.b", "layover.c", "layover.c.d"]]
    assert cycles({**graph, "layover.c": set()}) == []


def loaded_by(name: str, *rooms: str) -> list[str]:
    """Return the files of some rooms that an import loads, in a process of its own."""
    prefixes = tuple(f"layover.{room}" for room in rooms)
    code = f"import {name}, sys; print(*sorted(one for one in sys.modules if one.startswith({prefixes!r})))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_training_knows_no_plan_and_no_recipe() -> None:
    assert loaded_by("layover.training", "plan", "recipe", "steps") == []


def test_the_command_line_and_the_planner_import_no_torch() -> None:
    code = """
import importlib, pkgutil, sys
import layover.cli.commands as commands
for found in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"layover.cli.commands.{found.name}")
import layover.cli.main, layover.cli.progress, layover.recipe, layover.plan, layover.estimates.cost
import layover.plan.collect
import layover.engine.local, layover.report.files, layover.tasks
for name in layover.tasks.names():
    layover.tasks.get(name)
print(sorted({"torch", "transformers", "datasets", "pandas"} & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
