"""new: files to begin with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from layover import plugins
from layover.cli import templates
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
    """Keep each thing a word of its own."""


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
    checkout = _checkout(TASKS, FIXTURES)
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


def _begin(thing: str) -> Callable[..., None]:
    """Return the verb that begins a thing of which there is a template."""

    def command(
        name: Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores.", show_default=False)],
        *,
        package: Annotated[
            Path | None, typer.Option(help="Folder of a package of its own, which is written.", show_default=False)
        ] = None,
        json: JsonOption = False,
    ) -> None:
        groups = templates.groups(thing)
        _check_word(name, thing, {known for group in groups for known in _names_in(group)})
        below, folder = package, templates.in_package(thing, name)
        if below is None:
            folder = templates.in_checkout(thing, name)
            below = _checkout(*(path.parent for path in folder))
        if below is None:
            raise LayoverError(
                f"{Path.cwd()} is in no checkout of Layover, where a {thing} of its own would live; for one of yours "
                f"name the folder of a package to write: layover new {thing} {name} --package FOLDER"
            )
        files = {below / path: text for path, text in folder.items()}
        _write(files)
        if json:
            answer({"files": [str(path) for path in files]})
            return
        for path in folder:
            say(str(path))
        if package is None:
            say(f"an example that works: replace it by your {thing}")
        else:
            say(
                f"an example that works: replace it by your {thing}. Install it where Layover is: pip install -e "
                f"{package}; test it: pytest {package / 'tests'}; `layover list plugins` shows it. Raise its version "
                "in pyproject.toml whenever it computes something else"
            )

    command.__doc__ = f"""Begin a {thing}: an example that works, in the checkout of Layover you stand in.

    With --package it is a package of its own, with a test, that anybody installs beside Layover.
    """
    return command


for _thing in templates.things():
    group.command(_thing)(_begin(_thing))


def _names_in(group: str) -> Iterable[str]:
    """Return the names of a group that are taken; imports nothing of it."""
    folder = Path(__file__).parents[2].joinpath(*plugins.GROUPS[group].split(".")[1:])
    own = (file.stem for file in folder.glob("[!_]*.py"))
    return (*own, *plugins.names(group))


def _check_word(name: str, thing: str, taken: Iterable[str]) -> None:
    """Refuse a name that is none, or that is taken.

    Raises:
        DataError: it says what a name is made of, or which one has it.
    """
    known = {*taken}
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}", name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:LONGEST]
        hint = f"; did you mean {better!r}?" if better and better not in known else ""
        raise DataError(
            f"{name!r} cannot be the name of a {thing}: a letter, then letters, digits and underscores, all of them "
            f"lower-case, {LONGEST} at most{hint}"
        )
    same = sorted(one for one in known if name in {one, one.partition("/")[0]})
    if same:
        raise DataError(f"there is a {thing} {same[0]!r} already; call yours something else")


def _check_name(name: str) -> None:
    """Refuse a name that no task can have, or that one has; see `_check_word`."""
    from layover import tasks
    from layover.recipe import NO_INTERMEDIATE

    if name == NO_INTERMEDIATE:
        raise DataError(f"{name!r} means no intermediate; call the task something else")
    _check_word(name, "task", tasks.names())


def _checkout(*folders: Path) -> Path | None:
    """Return the checkout of Layover that holds the working folder, one with all of some folders."""
    for place in (Path.cwd(), *Path.cwd().parents):
        if all((place / folder).is_dir() for folder in folders):
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
    made: list[Path] = []
    try:
        for path, text in texts.items():
            for folder in (*reversed(path.parent.parents), path.parent):
                if not folder.exists():
                    folder.mkdir()
                    made.append(folder)
            with path.open("x", encoding="utf-8") as stream:
                written.append(path)
                stream.write(text)
    except BaseException:
        for path in written:
            path.unlink()
        for folder in reversed(made):
            folder.rmdir()
        raise
