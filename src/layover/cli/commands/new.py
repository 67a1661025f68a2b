"""new: write example files to start from."""

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
"""Largest number of letters of a name, so that the lines of a template stay short."""
TASKS, FIXTURES = Path("src/layover/tasks"), Path("tests/tasks/fixtures")
CONTRACT = "python -m pytest -q tests/tasks/test_contract.py -k"

group = typer.Typer(help="Write example files to start from.", no_args_is_help=True)


@group.callback()
def root() -> None:
    """Make each thing a subcommand, even if there is only one."""


@group.command()
def task(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores.", show_default=False)],
    *,
    kind: Annotated[str, typer.Option(help="A kind from `layover list kinds`.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Write a new task for Layover itself: its file and its five-row fixture, which pass the contract tests.

    It writes into the checkout of Layover that contains the working folder. Your own data need no file: declare the
    task in a recipe.
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
    say(f"both files are an example: replace it with your task, then test it: {CONTRACT} {name}")


def _begin(thing: str) -> Callable[..., None]:
    """Return the command that writes the template of a thing."""

    def command(
        name: Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores.", show_default=False)],
        *,
        package: Annotated[
            Path | None, typer.Option(help="Folder for a new, separate package.", show_default=False)
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
                f"{Path.cwd()} is not in a checkout of Layover, which is needed for a {thing} of Layover itself; for "
                f"your own {thing}, write a package: layover new {thing} {name} --package FOLDER"
            )
        files = {below / path: text for path, text in folder.items()}
        _write(files)
        if json:
            answer({"files": [str(path) for path in files]})
            return
        for path in folder:
            say(str(path))
        if package is None:
            say(f"a working example: replace it with your {thing}")
        else:
            say(
                f"a working example: replace it with your {thing}. Install it next to Layover: pip install -e "
                f"{package}; test it: pytest {package / 'tests'}; `layover list plugins` shows it. Raise its version "
                "in pyproject.toml whenever its results change"
            )

    command.__doc__ = f"""Write a new {thing}: a working example, in the checkout of Layover around the working folder.

    With --package it is a separate package, with a test, that is installed next to Layover.
    """
    return command


for _thing in templates.things():
    group.command(_thing)(_begin(_thing))


def _names_in(group: str) -> Iterable[str]:
    """Return the taken names of a group, without importing its modules."""
    folder = Path(__file__).parents[2].joinpath(*plugins.GROUPS[group].split(".")[1:])
    own = (file.stem for file in folder.glob("[!_]*.py"))
    return (*own, *plugins.names(group))


def _check_word(name: str, thing: str, taken: Iterable[str]) -> None:
    """Refuse an invalid or a taken name.

    Raises:
        DataError: with the rule for names, or the taken name.
    """
    known = {*taken}
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}", name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:LONGEST]
        hint = f"; did you mean {better!r}?" if better and better not in known else ""
        raise DataError(
            f"{name!r} cannot be the name of a {thing}: use a lower-case letter, then lower-case letters, digits and "
            f"underscores, at most {LONGEST} in all{hint}"
        )
    same = sorted(other for other in known if name in {other, other.partition("/")[0]})
    if same:
        raise DataError(f"the {thing} {same[0]!r} already exists; use another name")


def _check_name(name: str) -> None:
    """Refuse an invalid or a taken name of a task; see `_check_word`."""
    from layover import tasks
    from layover.recipe import NO_INTERMEDIATE

    if name == NO_INTERMEDIATE:
        raise DataError(f"{name!r} means no intermediate; use another name")
    _check_word(name, "task", tasks.names())


def _checkout(*folders: Path) -> Path | None:
    """Return the nearest folder around the working folder that has all the given folders, or None."""
    for place in (Path.cwd(), *Path.cwd().parents):
        if all((place / folder).is_dir() for folder in folders):
            return place
    return None


def _without_checkout(declaration: str) -> str:
    return (
        f"{Path.cwd()} is not in a checkout of Layover, which holds the files of a task ({TASKS}, {FIXTURES}). Your "
        "own data need no file: declare the task in the recipe, and `layover data check --recipe` reads it.\n\n"
        f"{declaration.rstrip()}"
    )


def _write(texts: Mapping[Path, str]) -> None:
    """Write all files or none; replace no file.

    Raises:
        LayoverError: a file already exists.
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
