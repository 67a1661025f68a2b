"""xtreme-submission: write the predictions of a sweep in the folder layout of XTREME."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import answer, complain, say
from layover.cli.shared import DEFAULT_STORE, JsonOption, Overrides, RecipeArgument, StoreOption, planned

ORDER = 64


def command(
    recipe: RecipeArgument,
    directory: Annotated[Path, typer.Argument(help="A new folder; it must not exist.", show_default=False)],
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Write the test predictions of XTREME's tasks in the format of its leaderboard; one cell per target."""
    from layover.hub.xtreme import lacking, write_submission

    prepared = planned(recipe, overrides, store, needed=True)
    with prepared.store.locks.read("xtreme-submission", complain):
        written = write_submission(prepared.plan, prepared.store, directory)
    if json:
        answer({"files": [str(path) for path in written], "lacking": lacking(prepared.plan)})
        return
    say(f"{directory}: {len(written)} files of {len({path.parent for path in written})} tasks")
    for task, languages in lacking(prepared.plan).items():
        say(f"missing: {task} {' '.join(languages)}")
