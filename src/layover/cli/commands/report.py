"""report: write the report of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from layover.cli.console import answer, complain, say, say_pieces
from layover.cli.shared import DEFAULT_STORE, JsonOption, Overrides, RecipeArgument, StoreOption, planned

if TYPE_CHECKING:
    from layover.plan import Plan
    from layover.report import CellRow

ORDER = 60
READ = (".html", ".md", ".tex")
"""Suffixes of the files that people read first."""


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report.", show_default="reports/NAME of the recipe")
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Also write tables.tex, for booktabs.")] = False,
    json: JsonOption = False,
) -> None:
    """Write the report of a sweep, finished or not: HTML, Markdown, pictures, CSV and JSON Lines."""
    from layover.report import rows_of
    from layover.report.files import write_report
    from layover.report.gains import ReportRows

    prepared = planned(recipe, overrides, store, needed=True)
    with prepared.store.locks.read("report", complain):
        family = prepared.plan.recipe.document.report.family
        rows = ReportRows.of(rows_of(prepared.plan, prepared.store), family)
    folder = out or Path("reports") / prepared.plan.recipe.document.name
    written = write_report(prepared.plan, rows, folder, latex=latex)
    if json:
        answer({"files": [str(path) for path in written]})
        return
    _show(prepared.plan, rows)
    for path in written:
        if path.suffix in READ:
            say(f"written: {path}")
    beside = sum(path.suffix not in READ for path in written)
    say(f"         and {beside} files beside them: pictures, CSV and JSON Lines")


def _show(plan: Plan, rows: Sequence[CellRow]) -> None:
    """Show the first table, what it means, the notes of the plan, and what failed."""
    from layover.report.markdown import finished
    from layover.report.summary import explained, summary
    from layover.report.terminal import COLUMNS, lines_of

    table = summary(rows)
    say_pieces(lines_of(table))
    say()
    for line in wrap(f"{finished(plan, rows)} {explained(table)}", COLUMNS):
        say(line)
    for remark in plan.notes:
        say(f"Note: {remark}.")
    for row in rows:
        if row.failure is not None:
            say(f"Failed: {row.cell.label}: {row.failure}")
