"""Templates, one folder per thing: `THING/GROUP.py` for each of its groups of plug-ins, and a test.

Every template works unchanged. NAME is replaced by the thing's name, Camel by the name of its class. The files are
written into a checkout of Layover, or into a separate package with `pyproject.txt` and the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from layover.plugins import GROUPS

HERE = Path(__file__).parent
_GROUP, _TEST, _PROJECT = "layover.", "test.txt", "pyproject.txt"


def things() -> tuple[str, ...]:
    """Return the names of the things that have a template, sorted."""
    return tuple(sorted(folder.name for folder in HERE.iterdir() if (folder / _TEST).is_file()))


def groups(thing: str) -> tuple[str, ...]:
    """Return the groups of plug-ins that a thing belongs to; its main group first."""
    names = sorted(f"{_GROUP}{file.stem}" for file in (HERE / thing).glob("*.py"))
    return tuple(sorted(names, key=lambda group: not group.startswith(f"{_GROUP}{thing}")))


def in_checkout(thing: str, name: str) -> dict[Path, str]:
    """Return path below a checkout -> text, for a thing of Layover itself."""
    return {
        Path("src").joinpath(*GROUPS[group].split("."), f"{name}.py"): _filled(HERE / thing / _file(group), name)
        for group in groups(thing)
    }


def in_package(thing: str, name: str) -> dict[Path, str]:
    """Return path below a folder -> text, for a package with a thing."""
    package = f"layover_{name}"
    files = {Path("src", package, _file(group)): _filled(HERE / thing / _file(group), name) for group in groups(thing)}
    entries = [f'[project.entry-points."{group}"]\n{name} = "{package}.{_stem(group)}"' for group in groups(thing)]
    project = _filled(HERE / _PROJECT, name).replace("THING", thing).replace("ENTRIES", "\n\n".join(entries))
    return {
        Path("pyproject.toml"): project,
        Path("src", package, "__init__.py"): f'"""A {thing} for Layover: {name}."""\n',
        **files,
        Path("tests", f"test_{name}.py"): _filled(HERE / thing / _TEST, name),
    }


def _stem(group: str) -> str:
    return group.removeprefix(_GROUP)


def _file(group: str) -> str:
    return f"{_stem(group)}.py"


def _filled(file: Path, name: str) -> str:
    camel = "".join(word.capitalize() for word in name.split("_"))
    changes: Mapping[str, str] = {"NAME": name, "Camel": camel}
    text = file.read_text(encoding="utf-8")
    for word, new in changes.items():
        text = text.replace(word, new)
    return text
