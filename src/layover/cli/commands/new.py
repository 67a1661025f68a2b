"""new: files to begin with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import answer, say
from layover.cli.shared import JsonOption
from layover.errors import DataError, LayoverError, nearest

ORDER = 72
LONGEST = 24
"""Letters of a name; the lines of a template hold it."""
TASKS, FIXTURES = Path("src/layover/tasks"), Path("tests/tasks/fixtures")
CONTRACT = "python -m pytest -q tests/tasks/test_contract.py -k"

group = typer.Typer(help="Files to begin with.", no_args_is_help=True)


@group.callback()
def root() -> None:
    """Keep `task` a word of its own."""


@group.command()
def task(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores.", show_default=False)],
    *,
    kind: Annotated[str, typer.Option(help="As `layover list kinds` names it.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Begin a task of Layover's own: its file and its five-row fixture, an example that keeps the contract already.

    It writes into the checkout of Layover you stand in. For data of your own no file is needed: declare the task in a
    recipe.
    """
    from layover import kinds
    from layover.tasks._templates import filled

    if kind not in kinds.names():
        raise DataError(f"no kind is called {kind!r}; {nearest(kind, kinds.names())}")
    _check_name(name)
    checkout = _checkout()
    if checkout is None:
        declaration = filled(kind, ".yaml", name)
        if json:
            answer({"recipe": declaration})
        else:
            say(*_without_checkout(declaration).split("\n"))
        return
    texts = {TASKS / f"{name}.py": filled(kind, ".py", name), FIXTURES / f"{name}.json": filled(kind, ".json", name)}
    _write({checkout / path: text for path, text in texts.items()})
    if json:
        answer({"files": [str(checkout / path) for path in texts]})
        return
    for path in texts:
        say(str(path))
    say(f"both are an example: replace it by your task, and hold it to the contract: {CONTRACT} {name}")


def _check_name(name: str) -> None:
    """Refuse a name that no task can have, or that one has.

    Raises:
        DataError: it says what a name is made of, or which task has it.
    """
    from layover import tasks
    from layover.recipe import NO_INTERMEDIATE

    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}", name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:LONGEST]
        hint = f"; did you mean {better!r}?" if better and better not in tasks.names() else ""
        raise DataError(
            f"{name!r} cannot be the name of a task: a letter, then letters, digits and underscores, all of them "
            f"lower-case, {LONGEST} at most{hint}"
        )
    if name == NO_INTERMEDIATE:
        raise DataError(f"{name!r} means no intermediate; call the task something else")
    taken = [known for known in tasks.names() if name in {known, known.partition("/")[0]}]
    if taken:
        raise DataError(f"there is a task {taken[0]!r} already; call yours something else")


def _checkout() -> Path | None:
    """Return the checkout of Layover that holds the working folder."""
    for place in (Path.cwd(), *Path.cwd().parents):
        if (place / TASKS).is_dir() and (place / FIXTURES).is_dir():
            return place
    return None


def _without_checkout(declaration: str) -> str:
    return (
        f"{Path.cwd()} is in no checkout of Layover, where a task's files live ({TASKS}, {FIXTURES}). For data of your "
        "own none is needed: declare the task in the recipe, and `layover data check --recipe` reads it.\n\n"
        f"{declaration.rstrip()}"
    )


def _write(texts: Mapping[Path, str]) -> None:
    """Write all of the files or none, and replace nothing.

    Raises:
        LayoverError: one of them exists.
    """
    there = [path for path in texts if path.exists()]
    if there:
        raise LayoverError(f"{there[0]} exists; nothing was written")
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as stream:
                written.append(path)
                stream.write(text)
    except BaseException:
        for path in written:
            path.unlink()
        raise
