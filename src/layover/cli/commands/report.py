"""report: write the tables of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import answer, complain, say
from layover.cli.shared import DEFAULT_STORE, JsonOption, Overrides, RecipeArgument, StoreOption, planned

ORDER = 60


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tables.", show_default="reports/NAME of the recipe")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the tables of a sweep, finished or not: Markdown, CSV and JSON Lines."""
    from layover.report import rows_of
    from layover.report.files import markdown, write_report

    prepared = planned(recipe, overrides, store, needed=True)
    with prepared.store.locks.read("report", complain):
        rows = rows_of(prepared.plan, prepared.store)
    folder = out or Path("reports") / prepared.plan.recipe.document.name
    written = write_report(prepared.plan, rows, folder)
    if json:
        answer({"files": [str(path) for path in written]})
        return
    say(*markdown(prepared.plan, rows).split("\n"))
    say("written: " + ", ".join(str(path) for path in written))
