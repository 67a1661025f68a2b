"""data: the data of tasks: found, counted, looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli import census
from layover.cli.console import answer, say, table
from layover.cli.shared import DEFAULT_STORE, JsonOption, StoreOption
from layover.cli.task_data import TaskData

if TYPE_CHECKING:
    from layover.data.tokenizer import Tokenizer
    from layover.tasks import Overlap

ORDER = 75

group = typer.Typer(help="The data of tasks: found, counted, looked at.", no_args_is_help=True)


RecipeOption = Annotated[Path | None, typer.Option(help="Take the tasks, files and data_root of a recipe.")]
RootOption = Annotated[Path | None, typer.Option(help="Folder of official files; without it, the hub.")]


@group.command()
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TASK...] [OVERRIDE...]",
            help="Tasks as `layover list tasks` says or the recipe has them; `path=value` changes the recipe.",
        ),
    ] = None,
    *,
    recipe: RecipeOption = None,
    data_root: RootOption = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this one; may stand several times.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this one; may stand several times.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Directory or hub id: how long are the rows in tokens.")] = None,
    show: Annotated[int, typer.Option(min=0, help="Examples to print of each file.")] = 3,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Read the data of tasks and hold their numbers against the published ones; the exit code is 1 if any differs."""
    from layover.tasks import take_census

    named, overrides = _parted(names or [])
    asked = TaskData(recipe, data_root, store, overrides)
    loaded = None if tokenizer is None else _tokenizer(tokenizer)
    answers: list[dict[str, Any]] = []
    for task in asked.tasks(named):
        places, missing = asked.places(task, split, language)
        labelled = asked.labelled(task)
        found = [
            take_census(labelled, place, published=published, tokenizer=loaded, show=show)
            for place, published in places
        ]
        answers += [census.as_json(labelled, one) for one in found]
        if not json:
            say(*census.lines(labelled, found, missing))
    if json:
        answer(answers)
    if not all(one["as_published"] for one in answers):
        raise typer.Exit(1)


@group.command()
def overlap(
    task: Annotated[str, typer.Argument(help="The task whose data are searched.")],
    other: Annotated[str, typer.Argument(help="The task whose texts are looked for in them.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[OVERRIDE...]", help="`path=value` changes the recipe.")
    ] = None,
    *,
    recipe: RecipeOption = None,
    data_root: RootOption = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Count the examples of one task whose text (premise, context, sentence) another task has too, split by split."""
    from layover.tasks import SPLITS, find_overlap, texts_in

    asked = TaskData(recipe, data_root, store, overrides or [])
    one, two = asked.task(task), asked.task(other)
    (mine, _), (theirs, _) = (asked.places(each, None, None) for each in (one, two))
    splits = [split for split in SPLITS if any(place.split == split for place, _ in theirs)]
    texts = {split: texts_in(two, (place for place, _ in theirs if place.split == split)) for split in splits}
    found = [(find_overlap(one, place, texts[split]), split) for place, _ in mine for split in splits]
    if json:
        answer([_overlap_as_json(each, split) for each, split in found])
        return
    headers = [task, "language", f"{other}", "examples", "shared", "texts", "shared"]
    say(*table(headers, [[str(value) for value in _overlap_as_json(each, split).values()] for each, split in found]))


def _parted(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of tasks, and the overrides: those with a `=`."""
    return [one for one in arguments if "=" not in one], [one for one in arguments if "=" in one]


def _overlap_as_json(one: Overlap, split: str) -> dict[str, Any]:
    return {
        "split": one.place.split,
        "language": one.place.language,
        "other_split": split,
        "examples": one.examples,
        "shared_examples": one.shared,
        "texts": one.texts,
        "shared_texts": one.shared_texts,
    }


def _tokenizer(name: str) -> Tokenizer:
    from layover.plan import tokenizers
    from layover_sandbox import encoders

    return tokenizers.load(str(encoders.folder_of(name) or name), None)
