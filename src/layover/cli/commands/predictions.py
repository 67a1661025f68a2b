"""predictions: write the predictions of a sweep, example by example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, answer_csv, complain
from layover.cli.files import check_out, whole_file
from layover.cli.shared import DEFAULT_STORE, Cells, RecipeArgument, StoreOption, names_and_overrides, planned
from layover.errors import LayoverError, nearest

if TYPE_CHECKING:
    from layover.plan import Cell, Plan
    from layover.store import Store

ORDER = 62
FORMATS = ("jsonl", "csv")


def command(
    recipe: RecipeArgument,
    cells: Cells = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    out: Annotated[Path | None, typer.Option(help="File for the lines.", show_default="standard output")] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="jsonl or csv.", show_default="by the extension of the file, else jsonl"),
    ] = None,
) -> None:
    """Write the predictions of cells: one example per line, with its id, gold, text, and its own score.

    Without the name of a cell, all finished cells are written. Overrides choose cells, too: sweep.target=[xnli].

    The id comes from the id column of the data (id, idx, guid ...) if its values are unique, else from file and line.
    In retrieval, it is the id of a sentence on the side that the field `side` names; prediction and gold are ids of
    the other side. In mlm, a prediction is the number of hidden tokens, the number of correct ones, and the nats over
    them. Gold and score are null without gold.
    Unfinished cells, and languages without predictions, are left out and reported on standard error; the exit code is
    0 if at least one line was written. A cell that is named must be finished.
    CSV is for spreadsheets: an apostrophe precedes texts that a spreadsheet would run as a formula. JSON Lines keep
    every value unchanged.
    """
    written_as = _format(out, format_)
    if out is not None:
        check_out(out)
    names, overrides = names_and_overrides(cells)
    prepared = planned(recipe, overrides, store)
    lines = _lines(prepared.plan, prepared.store, _cells(prepared.plan, prepared.store, names))
    first = next(lines, None)
    if first is None:
        raise LayoverError("no finished cell has predictions to write; the lines above say why")
    _write(chain([first], lines), out, written_as)


def _format(out: Path | None, wanted: str | None) -> str:
    """Return the wanted format, else the format of the extension."""
    if wanted is not None:
        if wanted not in FORMATS:
            raise LayoverError(f"--format {wanted}: {nearest(wanted, FORMATS)}")
        return wanted
    if out is None:
        return FORMATS[0]
    extension = out.suffix.lower().removeprefix(".")
    if extension not in FORMATS:
        raise LayoverError(f"--out {out}: the name must end in .jsonl or .csv; or choose with --format")
    return extension


def _cells(plan: Plan, store: Store, names: list[str]) -> list[Cell]:
    """Return the named cells, else all finished cells; others are reported on standard error."""
    from layover.plan.named import cell_named
    from layover.plan.rounds import UNCHOSEN

    if names:
        return list(dict.fromkeys(cell_named(plan, name) for name in names))
    finished = store.finished()
    for pending in plan.pending:
        complain(f"left out: {pending.label}: {UNCHOSEN}")
    for cell in plan.cells:
        if cell.score not in finished:
            complain(f"left out: {cell.label} is not finished")
    cells = [cell for cell in plan.cells if cell.score in finished]
    if not cells:
        raise LayoverError("no cell of the sweep is finished, so there is no prediction; start `layover run` first")
    return cells


def _lines(plan: Plan, store: Store, cells: Iterable[Cell]) -> Iterator[dict[str, Any]]:
    """Yield the predictions of cells; languages without predictions are reported on standard error."""
    from layover.plan.nodes import spec_at
    from layover.report.predicted import Predicted
    from layover.specs.score import ScoreSpec

    every = [Predicted.of(cell, spec_at(plan.nodes, cell.score, ScoreSpec), store) for cell in cells]
    for predicted in every:
        for language in predicted.scored.predictions:
            try:
                yield from predicted.lines(language)
            except LayoverError as error:
                complain(f"left out: {error}")


def _write(lines: Iterable[dict[str, Any]], out: Path | None, written_as: str) -> None:
    """Write lines to a file, or to standard output."""
    from layover.escape import csv_file, json_text

    if out is None and written_as == "csv":
        answer_csv(_table(lines))
    elif out is None:
        for line in lines:
            answer(line)
    else:
        with whole_file(out) as file:
            if written_as == "csv":
                with csv_file(file) as write:
                    for row in _table(lines):
                        write(row)
            else:
                with file.open("w", encoding="utf-8") as stream:
                    stream.writelines(f"{json_text(line)}\n" for line in lines)


def _table(lines: Iterable[dict[str, Any]]) -> Iterator[list[object]]:
    """Yield a header with the columns of all kinds, then the rows of a table."""
    rows = list(lines)
    names = list(dict.fromkeys(name for line in rows for name in line))
    yield list(names)
    for line in rows:
        yield [_cell(line, name) for name in names]


def _cell(line: Mapping[str, Any], name: str) -> object:
    """Return the text or number of a cell; lists and objects become JSON."""
    from layover.escape import json_text

    value = line.get(name)
    return json_text(value) if isinstance(value, dict | list | tuple) else value
