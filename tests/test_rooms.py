"""The rooms: arrows point downward only, and nothing above or below the torch rooms imports torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "layover"

ROOMS = (
    ("cli",),
    ("engine",),
    ("sharing",),
    ("report",),
    ("steps",),
    ("training",),
    ("predict",),
    ("neighbours",),
    ("heads",),
    ("encoder",),
    ("batches",),
    ("plan",),
    ("packages",),
    ("specs",),
    ("records",),
    ("store",),
    ("recipe",),
    ("tasks",),
    ("kinds",),
    ("data",),
    ("metrics",),
    ("sandbox",),
    ("layouts",),
    ("memory",),
    ("compositions",),
    ("objectives",),
    ("mixers",),
    ("modules",),
    ("hub_files",),
    ("hub_patience",),
    ("hub_errors",),
    ("hub_settings",),
    ("shape",),
    ("precision",),
    ("execution",),
    ("byte_size",),
    ("settings",),
    ("canonical",),
    ("identity",),
    ("archives",),
    ("escape",),
    ("registry",),
    ("errors",),
    ("allowed",),
    ("disk",),
    ("stopping",),
)
RANK = {name: rank for rank, names in enumerate(ROOMS) for name in names}
TORCH_ROOMS = {"training", "predict", "neighbours", "heads", "encoder", "batches"}
WORKER_FILES = {
    *(f"steps/{name}.py" for name in ("loaded", "import_", "train", "predict", "retrieve", "trained")),
    "engine/preload.py",
    "sharing/pretrained.py",
    "sharing/probe.py",
    "sharing/served.py",
}
"""Found by name inside a worker process, or imported inside a verb."""
HEAVY = {"torch", "transformers", "datasets", "pandas", "accelerate", "peft", "adapters", "matplotlib"}

FILES = sorted(SOURCE.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, *, top_only: bool) -> set[str]:
    """Return the dotted names of imported modules; those under TYPE_CHECKING import nothing at run time."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if top_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_point_downward(file: Path) -> None:
    room = room_of(file)
    if room in {"__init__", "__main__"}:
        pytest.skip("the package itself and its entry")
    assert room in RANK, f"{room} is no room: name it in ROOMS and in CONTRIBUTING.md"
    for name in imports(ast.parse(file.read_text(encoding="utf-8")), top_only=False):
        parts = name.split(".")
        if parts[0] == "layover" and len(parts) > 1 and parts[1] in RANK:
            assert RANK[parts[1]] >= RANK[room], f"{file.name} ({room}) imports {name}, which lies above it"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_no_heavy_import_outside_the_torch_rooms(file: Path) -> None:
    if room_of(file) in TORCH_ROOMS or str(file.relative_to(SOURCE)) in WORKER_FILES:
        return
    heavy = {name.split(".")[0] for name in imports(ast.parse(file.read_text(encoding="utf-8")), top_only=True)}
    assert not heavy & HEAVY


def test_the_command_line_and_the_planner_import_no_torch() -> None:
    code = """
import importlib, pkgutil, sys
import layover.cli.commands as commands
for found in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"layover.cli.commands.{found.name}")
import layover.cli.main, layover.cli.progress, layover.recipe, layover.plan, layover.plan.cost, layover.plan.collect
import layover.engine.local, layover.report.files, layover.tasks
for name in layover.tasks.names():
    layover.tasks.get(name)
print(sorted({"torch", "transformers", "datasets", "pandas"} & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
