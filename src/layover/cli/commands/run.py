"""run: run the nodes of a sweep that are not finished."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from layover.cli.console import answer, complain, duration, say, say_pieces
from layover.cli.shared import DEFAULT_STORE, JsonOption, Overrides, RecipeArgument, StoreOption, planned
from layover.errors import StoppedError
from layover.stopping import KEPT, Stop

if TYPE_CHECKING:
    from layover.cli.sweep import SweepRun

ORDER = 30


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes.", show_default="automatic")] = None,
    json: JsonOption = False,
) -> None:
    """Run a sweep; a later run resumes it."""
    try:
        from layover.cli.progress import choose
        from layover.cli.sweep import SweepRun
        from layover.cli.trackers import trackers_of

        prepared = planned(recipe, overrides, store, computes=True)
        with prepared.store.locks.run(complain):
            # the recipe as it was read; later changes of its file apply to the next run
            again = partial(planned, recipe, overrides, store, again=prepared.recipe)
            sweep = SweepRun(prepared, again, trackers_of(prepared.recipe), complain)
            sweep.run(workers, partial(choose, as_json=json))
            _conclude(sweep, json)
    except Stop:
        raise StoppedError(f"stopped; {KEPT}") from None


def _conclude(sweep: SweepRun, as_json: bool) -> None:
    from layover.plan.rounds import waiting

    plan, finished = sweep.prepared.plan, sweep.prepared.store.finished()
    cells, every = sum(cell.is_scored(finished) for cell in plan.cells), len(plan.cells) + len(plan.pending)
    if as_json:
        answer({"event": "summary", "cells": every, "finished": cells,
                "pending": [cell.label for cell in plan.pending],
                "failed": {key: sweep.label(key) for key in sweep.failed},
                "blocked": {key: sweep.label(key) for key in sweep.blocked},
                "undecided": sweep.undecided, "seconds": round(sweep.seconds, 1)})  # fmt: skip
    else:
        from layover.report import rows_of
        from layover.report.summary import summary
        from layover.report.terminal import lines_of

        say_pieces(lines_of(summary(rows_of(plan, sweep.prepared.store))))
        say(f"{cells} of {every} cells finished, in {duration(sweep.seconds)}")
        for line in waiting(plan):
            say(line)
    for key, error in sweep.failed.items():
        complain(f"failed: {sweep.label(key)}: {error} (layover why {key[:12]})")
    if sweep.blocked:
        complain(f"{len(sweep.blocked)} nodes need a failed node and were not run")
    for problem in sweep.undecided.values():
        complain(problem)
    if sweep.failed or sweep.blocked or sweep.undecided:
        sys.exit(1)
