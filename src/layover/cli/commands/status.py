"""status: show the progress of a sweep."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from layover.cli.console import answer, complain, duration, say, table
from layover.cli.shared import DEFAULT_STORE, JsonOption, Overrides, RecipeArgument, StoreOption, meta_of, planned

ORDER = 40


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Show the number of finished cells of each target, and the failed nodes."""
    from layover.estimates.cost import estimate, to_come
    from layover.estimates.eta import seconds_left
    from layover.plan.rounds import waiting, whole
    from layover.steps.artifacts import timed
    from layover.store.locks import GC, RUN

    prepared = planned(recipe, overrides, store)
    if not prepared.store.is_there:
        complain(f"there is no store at {store.absolute()}, so nothing is finished; use --store to name its folder")
    plan, finished = prepared.plan, prepared.store.finished()
    targets = plan.recipe.document.sweep.target
    notes = {key: prepared.store.failures.get(key) for key in plan.nodes if key not in finished}
    failures = {key: note for key, note in notes.items() if note is not None}
    counts = {
        target: [sum(cell.score in finished for cell in plan.cells if cell.target == target),
                 [*(cell.target for cell in plan.cells), *(cell.target for cell in plan.pending)].count(target)]
        for target in targets
    }  # fmt: skip
    at_work = prepared.store.locks.held(RUN, GC)
    running = sum(lock.name == RUN for lock in at_work)
    costs = estimate(whole(plan), meta_of(prepared.store, finished))
    nodes_left = to_come(plan, costs, finished)
    left = seconds_left(whole(plan), costs, nodes_left, partial(timed, prepared.store)) if nodes_left else 0.0
    if json:
        answer(
            {
                "sweeps_running": running,
                "at_work": [asdict(lock.holder) for lock in at_work],
                "cells": counts,
                "pending": [cell.label for cell in plan.pending],
                "seconds_left": left,
                "failed": {key: value["error"] for key, value in failures.items()},
                "damaged": dict(prepared.damaged),
                "older": {"nodes": len(prepared.older), "bytes": sum(prepared.older.values())},
            }
        )
        return
    cells = [[name, str(done), str(total)] for name, (done, total) in counts.items()]
    say(*table(["target", "finished", "cells"], cells))
    nodes = sum(key in finished for key in plan.nodes)
    say(f"work left: {'unknown' if left is None else duration(left)}{', at most' if plan.pending else ''}")
    for note in waiting(plan):
        say(note)
    say(f"{nodes} of {len(plan.nodes)} nodes finished; {_running(running)} on this store")
    for lock in at_work:
        say(f"at work: {lock}")
    for key, failure in failures.items():
        say(f"failed {key[:12]} {failure['node']}: {failure['error']}")


def _running(sweeps: int) -> str:
    """Return the number of runs, in words."""
    return f"{sweeps or 'no'} {'sweep runs' if sweeps < 2 else 'sweeps run'}"
