"""report: the tables of a sweep."""

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
    out: Annotated[Path | None, typer.Option(help="Folder.", show_default="reports/NAME of the recipe")] = None,
    json: JsonOption = False,
) -> None:
    """Write the tables of a sweep, finished or not: Markdown, CSV and JSON Lines."""
    from layover.report import rows_of
    from layover.report.files import markdown, write_report

    found = planned(recipe, overrides, store, needed=True)
    with found.store.locks.read("report", complain):
        rows = rows_of(found.plan, found.store)
    folder = out or Path("reports") / found.plan.recipe.document.name
    written = write_report(found.plan, rows, folder)
    if json:
        answer({"files": [str(path) for path in written]})
        return
    say(*markdown(found.plan, rows).split("\n"))
    say("written: " + ", ".join(str(path) for path in written))
