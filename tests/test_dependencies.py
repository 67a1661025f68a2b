"""What pyproject.toml declares is what is imported, in both directions; and no file is read or written as a pickle."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = sorted(file for name in ("layover", "layover_sandbox") for file in (ROOT / "src" / name).rglob("*.py"))
BENCHMARKS, TESTS = sorted((ROOT / "benchmarks").rglob("*.py")), sorted((ROOT / "tests").rglob("*.py"))
OWN = {"layover", "layover_sandbox", "tests", *(name for file in BENCHMARKS for name in (file.stem, file.parent.name))}

DISTRIBUTIONS = {
    "PIL": "pillow",
    "google": "protobuf",
    "markdown_it": "markdown-it-py",
    "re2": "google-re2",
    "ruamel": "ruamel-yaml",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Where the name that is imported is not that of the distribution."""
NOT_DECLARED = {
    "_typeshed": "names for type checkers, which bring it; there is none at run time",
    "pydantic-core": "comes with pydantic, which names the one version of it that fits",
    "triton": "comes with torch's builds for GPUs, which name the one version of it that fits; torch serves without it",
}
"""What is imported and declared nowhere -> why."""
NOT_IMPORTED = {
    "bitsandbytes": "tests of nf4 and int8 need it installed",
    "mypy": "run by `make types`",
    "pre-commit": "run before a commit",
    "pytest-cov": "a plug-in of pytest: `make coverage`",
    "pytest-timeout": "a plug-in of pytest: `timeout` in pyproject.toml",
    "pytest-xdist": "a plug-in of pytest: -n",
    "tensorboard": "tests of curves import its reader where it is installed",
    "ruff": "run by `make lint`",
    "types-psutil": "read by mypy",
}
"""What the extra `dev` declares and nothing imports -> why."""


@cache
def tree_of(file: Path) -> ast.AST:
    return ast.parse(file.read_text(encoding="utf-8"))


def modules(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names of the modules that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def imported(files: Iterable[Path]) -> set[str]:
    """Return the distributions that files import, without Python's own and ours."""
    names = {name.partition(".")[0] for file in files for name in modules(tree_of(file))}
    return {DISTRIBUTIONS.get(name, normal(name)) for name in names - OWN - sys.stdlib_module_names}


def normal(name: str) -> str:
    return name if name.startswith("_") else re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """Return the distributions that extras declare; those of every installation where none is named."""
    of = PROJECT["project"]
    lines = [line for extra in extras for line in of["optional-dependencies"][extra]] if extras else of["dependencies"]
    return {normal(re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0]) for line in lines}


def users_extras() -> list[str]:
    return [name for name in PROJECT["project"]["optional-dependencies"] if name != "dev"]


def test_what_is_imported_is_declared() -> None:
    assert imported(SOURCES) - declared() - declared(*users_extras()) - set(NOT_DECLARED) == set()


def test_what_is_declared_is_imported() -> None:
    assert declared() - imported(SOURCES) == set()
    assert declared(*users_extras()) - imported(SOURCES) == set()


def test_nothing_is_declared_twice() -> None:
    assert declared() & declared(*users_extras()) == set()
    assert declared() & declared("dev") == set()


def test_the_extra_dev_is_what_tests_and_benchmarks_import_besides() -> None:
    """Without `adapters`, which would hold transformers at 4.57 in every checkout."""
    needed = imported([*TESTS, *BENCHMARKS]) - declared() - set(NOT_DECLARED) - {"adapters"}
    assert declared("dev") - set(NOT_IMPORTED) == needed


def test_exceptions_are_needed() -> None:
    assert set(NOT_DECLARED) <= imported(SOURCES) | imported(TESTS)
    assert set(NOT_IMPORTED) <= declared("dev")
    assert not set(NOT_IMPORTED) & imported([*TESTS, *BENCHMARKS])
    assert all(NOT_DECLARED.values())
    assert all(NOT_IMPORTED.values())


def test_mypy_is_told_of_no_module_that_is_not_imported() -> None:
    names = {name for file in SOURCES for name in modules(tree_of(file))}
    roots = {name.partition(".")[0] for name in names}
    patterns = [pattern for override in PROJECT["tool"]["mypy"]["overrides"] for pattern in override["module"]]
    foreign = {pattern.partition(".")[0] for pattern in patterns if not pattern.startswith("layover.")}
    assert foreign - roots == set()
    files = {".".join(file.relative_to(ROOT / "src").with_suffix("").parts) for file in SOURCES}
    assert {pattern for pattern in patterns if pattern.startswith("layover.")} - files == set()


PICKLES = {"pickle", "cPickle", "_pickle", "pickletools", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
CALLS = {f"torch.{module}{verb}" for module in ("", "serialization.", "jit.") for verb in ("save", "load")}
METHODS = {"read_pickle", "to_pickle"}
"""Of pandas, on a value of any name."""


def pickling(tree: ast.AST) -> list[str]:
    """Return what in a file reads or writes pickles: imports, calls by whatever name, and settings that allow them."""
    aliases, said = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {alias.asname: alias.name for alias in node.names if alias.asname}
            said += [alias.name for alias in node.names if alias.name.partition(".")[0] in PICKLES]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            said += [f"{node.module}.{alias.name}" for alias in node.names if _pickles(f"{node.module}.{alias.name}")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root, _, rest = ast.unparse(node).partition(".")
            name = f"{aliases.get(root, root)}.{rest}"
            said += [name] if name in CALLS or node.attr in METHODS else []
        elif isinstance(node, ast.keyword) and node.arg in {"allow_pickle", "weights_only"}:
            said.append(f"{node.arg}={ast.unparse(node.value)}")
    return said


def _pickles(name: str) -> bool:
    return name in CALLS or name.partition(".")[0] in PICKLES


def test_no_pickle_is_read_or_written() -> None:
    said = {file.relative_to(ROOT).as_posix(): pickling(tree_of(file)) for file in [*SOURCES, *BENCHMARKS]}
    assert {name: lines for name, lines in said.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import torch as t\nt.save({}, 'x')",
        "def f():\n    import torch\n    return torch.load('x')",
        "from torch import load",
        "from pickle import loads as read",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "load = torch.load",
        "import pickletools",
        "import torch\nimport torch.utils.data\ntorch.load('x')",
        "import torch.serialization\ntorch.serialization.load('x')",
        "from torch import serialization as files\nfiles.load('x')",
        "import pandas as pd\npd.read_pickle('x')",
        "frame.to_pickle('x')",
    ],
)
def test_a_pickle_is_seen_however_it_is_written(source: str) -> None:
    assert pickling(ast.parse(source))
