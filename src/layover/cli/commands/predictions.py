"""predictions: what the cells of a sweep answered, example by example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, complain
from layover.cli.files import check_out, whole_file
from layover.cli.shared import DEFAULT_STORE, Overrides, RecipeArgument, StoreOption, planned
from layover.errors import LayoverError

if TYPE_CHECKING:
    from layover.plan import Plan
    from layover.store import Store

ORDER = 62
SUFFIXES = (".jsonl", ".csv")


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    out: Annotated[
        Path | None, typer.Option(help="A .jsonl or .csv file.", show_default="JSON Lines on standard output")
    ] = None,
) -> None:
    """Write the predictions of all finished cells, an example a line, each with its id, its gold and its text.

    The id is that of the data's own column (id, idx, guid ...) where every example has another one, else file and line.
    In retrieval it is that of a sentence on its side, which the field `side` names; prediction and gold are ids of the
    other side. In mlm a prediction is the number of hidden tokens, how many were guessed, and the nats over them.
    Cells that are not finished, and languages without a prediction, are left out and told on standard error; the exit
    code is 0 where anything was written.
    Overrides choose cells: sweep.target=[xnli] sweep.seed=[1]. A .csv file is for people: texts that a spreadsheet
    would run as a formula stand behind an apostrophe there. JSON Lines have every value as it is.
    """
    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise LayoverError(f"--out {out}: its name ends in {' or '.join(SUFFIXES)}")
    if out is not None:
        check_out(out)
    found = planned(recipe, overrides, store)
    lines = _lines(found.plan, found.store)
    first = next(lines, None)
    if first is None:
        raise LayoverError("no cell of the sweep is finished, so there is no prediction; layover run comes first")
    if out is None:
        for line in _again(first, lines):
            answer(line)
    else:
        _write(out, _again(first, lines))


def _lines(plan: Plan, store: Store) -> Iterator[dict[str, Any]]:
    """Yield the predictions of every finished cell; what has none is told on standard error."""
    from layover.hub.predicted import Predicted
    from layover.plan.nodes import spec_at
    from layover.plan.rounds import UNCHOSEN
    from layover.specs.score import ScoreSpec

    finished = store.finished()
    for pending in plan.pending:
        complain(f"not in it: {pending.label}: {UNCHOSEN}")
    for cell in plan.cells:
        if cell.score not in finished:
            complain(f"not in it: {cell.label} is not finished")
            continue
        predicted = Predicted.of(cell, spec_at(plan.nodes, cell.score, ScoreSpec), store)
        for language in predicted.scored.predictions:
            try:
                yield from predicted.lines(language)
            except LayoverError as error:
                complain(f"not in it: {error}")


def _again(first: dict[str, Any], rest: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _write(out: Path, lines: Iterable[dict[str, Any]]) -> None:
    from layover.escape import csv_file, json_text

    with whole_file(out) as file:
        if out.suffix.lower() == ".csv":
            rows = list(lines)  # the columns of all kinds stand in the first line
            names = list(dict.fromkeys(name for line in rows for name in line))
            with csv_file(file) as write:
                write(names)
                for line in rows:
                    write(_cell(line, name) for name in names)
        else:
            with file.open("w", encoding="utf-8") as stream:
                stream.writelines(f"{json_text(line)}\n" for line in lines)


def _cell(line: Mapping[str, Any], name: str) -> object:
    """Return a value as a cell: lists and objects as JSON."""
    from layover.escape import json_text

    value = line.get(name)
    return json_text(value) if isinstance(value, dict | list | tuple) else value
