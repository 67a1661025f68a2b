"""data: check, count and show the data of tasks."""

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

group = typer.Typer(help="Check, count and show the data of tasks.", no_args_is_help=True)


RecipeOption = Annotated[Path | None, typer.Option(help="Recipe with the tasks, files and data_root to use.")]
RootOption = Annotated[Path | None, typer.Option(help="Folder with the official files; default: the hub.")]


@group.command()
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TASK...] [OVERRIDE...]",
            help="Tasks of `layover list tasks` or of the recipe; `path=value` changes the recipe.",
        ),
    ] = None,
    *,
    recipe: RecipeOption = None,
    data_root: RootOption = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this split; repeat for several.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language; repeat for several.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Directory or hub id; counts the tokens of each row.")] = None,
    show: Annotated[int, typer.Option(min=0, help="Number of examples to print of each file.")] = 3,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Read the data of tasks and compare their numbers with the published ones; exit code 1 if a number differs."""
    from layover.tasks import take_census

    named, overrides = _parted(names or [])
    data = TaskData(recipe, data_root, store, overrides)
    loaded = None if tokenizer is None else _tokenizer(tokenizer)
    answers: list[dict[str, Any]] = []
    for task in data.tasks(named):
        places, missing = data.places(task, split, language)
        labelled = data.labelled(task)
        counted = [
            take_census(labelled, place, published=published, tokenizer=loaded, show=show)
            for place, published in places
        ]
        answers += [census.as_json(labelled, counts) for counts in counted]
        if not json:
            say(*census.lines(labelled, counted, missing))
    if json:
        answer(answers)
    if not all(values["as_published"] for values in answers):
        raise typer.Exit(1)


@group.command()
def overlap(
    task: Annotated[str, typer.Argument(help="Task whose data are searched.")],
    other: Annotated[str, typer.Argument(help="Task whose texts are searched for in these data.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[OVERRIDE...]", help="`path=value` changes the recipe.")
    ] = None,
    *,
    recipe: RecipeOption = None,
    data_root: RootOption = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Count the examples of a task whose text (premise, context, sentence) is also in another task, split by split."""
    from layover.tasks import SPLITS, find_overlap, texts_in

    data = TaskData(recipe, data_root, store, overrides or [])
    first, second = data.task(task), data.task(other)
    (places, _), (other_places, _) = (data.places(each, None, None) for each in (first, second))
    splits = [split for split in SPLITS if any(place.split == split for place, _ in other_places)]
    texts = {split: texts_in(second, (place for place, _ in other_places if place.split == split)) for split in splits}
    overlaps = [(find_overlap(first, place, texts[split]), split) for place, _ in places for split in splits]
    if json:
        answer([_overlap_as_json(each, split) for each, split in overlaps])
        return
    headers = [task, "language", f"{other}", "examples", "shared", "texts", "shared"]
    say(*table(headers, [[str(value) for value in _overlap_as_json(each, split).values()] for each, split in overlaps]))


def _parted(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of tasks, and the overrides (arguments with a `=`)."""
    return [text for text in arguments if "=" not in text], [text for text in arguments if "=" in text]


def _overlap_as_json(overlap: Overlap, split: str) -> dict[str, Any]:
    return {
        "split": overlap.place.split,
        "language": overlap.place.language,
        "other_split": split,
        "examples": overlap.examples,
        "shared_examples": overlap.shared,
        "texts": overlap.texts,
        "shared_texts": overlap.shared_texts,
    }


def _tokenizer(name: str) -> Tokenizer:
    from layover.plan import tokenizers
    from layover_sandbox import encoders

    return tokenizers.load(str(encoders.folder_of(name) or name), None)
