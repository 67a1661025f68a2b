"""predictions: write the predictions of a sweep, example by example."""

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
    """Write the predictions of all finished cells: one example per line, with its id, gold and text.

    The id comes from the id column of the data (id, idx, guid ...) if its values are unique, else from file and line.
    In retrieval, it is the id of a sentence on the side that the field `side` names; prediction and gold are ids of
    the other side. In mlm, a prediction is the number of hidden tokens, the number of correct ones, and the nats over
    them.
    Unfinished cells, and languages without predictions, are left out and reported on standard error; the exit code is
    0 if at least one line was written.
    Overrides choose cells: sweep.target=[xnli] sweep.seed=[1]. A .csv file is for spreadsheets: an apostrophe precedes
    texts that a spreadsheet would run as a formula. JSON Lines keep every value unchanged.
    """
    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise LayoverError(f"--out {out}: the name must end in {' or '.join(SUFFIXES)}")
    if out is not None:
        check_out(out)
    prepared = planned(recipe, overrides, store)
    lines = _lines(prepared.plan, prepared.store)
    first = next(lines, None)
    if first is None:
        raise LayoverError("no cell of the sweep is finished, so there is no prediction; start `layover run` first")
    if out is None:
        for line in _again(first, lines):
            answer(line)
    else:
        _write(out, _again(first, lines))


def _lines(plan: Plan, store: Store) -> Iterator[dict[str, Any]]:
    """Yield the predictions of every finished cell; cells without predictions are reported on standard error."""
    from layover.report.predicted import Predicted
    from layover.plan.nodes import spec_at
    from layover.plan.rounds import UNCHOSEN
    from layover.specs.score import ScoreSpec

    finished = store.finished()
    for pending in plan.pending:
        complain(f"left out: {pending.label}: {UNCHOSEN}")
    for cell in plan.cells:
        if cell.score not in finished:
            complain(f"left out: {cell.label} is not finished")
            continue
        predicted = Predicted.of(cell, spec_at(plan.nodes, cell.score, ScoreSpec), store)
        for language in predicted.scored.predictions:
            try:
                yield from predicted.lines(language)
            except LayoverError as error:
                complain(f"left out: {error}")


def _again(first: dict[str, Any], rest: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _write(out: Path, lines: Iterable[dict[str, Any]]) -> None:
    from layover.escape import csv_file, json_text

    with whole_file(out) as file:
        if out.suffix.lower() == ".csv":
            rows = list(lines)  # the header names the columns of all kinds
            names = list(dict.fromkeys(name for line in rows for name in line))
            with csv_file(file) as write:
                write(names)
                for line in rows:
                    write(_cell(line, name) for name in names)
        else:
            with file.open("w", encoding="utf-8") as stream:
                stream.writelines(f"{json_text(line)}\n" for line in lines)


def _cell(line: Mapping[str, Any], name: str) -> object:
    """Return the text or number of a cell; lists and objects become JSON."""
    from layover.escape import json_text

    value = line.get(name)
    return json_text(value) if isinstance(value, dict | list | tuple) else value
