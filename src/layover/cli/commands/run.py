"""run: do what is not done yet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from layover.cli.console import answer, complain, duration, room, say, table
from layover.cli.device import require
from layover.cli.savings import savings, told
from layover.cli.shared import (
    DEFAULT_STORE,
    JsonOption,
    Overrides,
    Planned,
    RecipeArgument,
    StoreOption,
    meta_of,
    planned,
    with_cache,
)
from layover.errors import StoppedError
from layover.stopping import KEPT, Stop

if TYPE_CHECKING:
    from layover.cli.progress import RunProgress
    from layover.engine.local import LocalEngine
    from layover.estimates.cost import Estimate
    from layover.estimates.remaining import Remaining
    from layover.plan import Node, Plan
    from layover.specs import StepSpec
    from layover.store import Store

ORDER = 30


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes at a time.", show_default="automatic")] = None,
    json: JsonOption = False,
) -> None:
    """Run a sweep; running it again goes on where it stopped."""
    try:
        found = planned(recipe, overrides, store, mends=True)
        with found.store.locks.run(complain):
            # the recipe as it was read: what is changed in its file meanwhile is of the next run
            _run(found, workers, json, partial(planned, recipe, overrides, store, again=found.recipe))
    except Stop:
        raise StoppedError(f"stopped; {KEPT}") from None


def _run(found: Planned, workers: int | None, json: bool, plan_again: Callable[[], Planned]) -> None:
    from layover.cli.progress import choose
    from layover.engine.local import LocalEngine
    from layover.engine.resources import resources
    from layover.errors import ModelError
    from layover.estimates.cost import estimate, to_come
    from layover.plan.absent import lacks
    from layover.plan.rounds import whole

    finished = found.store.finished()
    wanted = found.plan.wanted(finished)
    costs = estimate(whole(found.plan), meta_of(found.store, finished))
    left = to_come(found.plan, costs, finished)
    if lacking := lacks(found.plan, left):
        raise ModelError(lacking)
    peak = max((costs[node.key].peak_bytes or 0 for node in left), default=0)
    execution = found.plan.recipe.document.run
    if wanted:
        require(found.plan.recipe)
    if workers is not None:
        execution = execution.model_copy(update={"workers": workers})
    chosen = resources(execution, int(peak) or None)
    remaining = _remaining(found, wanted, chosen.workers)
    with choose(found.plan, [node.key for node in wanted], remaining, as_json=json) as progress:
        progress.note(
            f"{len(wanted)} of {len(found.plan.nodes)} nodes to run, {chosen.workers} processes with "
            f"{chosen.threads} threads each; largest node about {room(peak) if peak else '?'}"
        )
        for text in [*found.plan.notes, *_set_aside(found)]:
            progress.note(text)
        started = time.monotonic()
        engine = LocalEngine(found.store, execution, chosen.workers, chosen.threads, progress.event)
        try:
            found = _with_exact_sizes(found, engine, progress)
            outcome = engine.run(found.plan)
            while _close_rounds(found, progress):
                found = plan_again()
                progress.go_on(found.plan, [node.key for node in found.plan.wanted(found.store.finished())])
                found = _with_exact_sizes(found, engine, progress)
                outcome = engine.run(found.plan)
        except StoppedError as error:
            unsaved = engine.outcome.unsaved.items()
            lines = [f"no checkpoint of {found.plan.nodes[key].label}: {reason}" for key, reason in unsaved]
            raise StoppedError("\n".join([str(error), *lines])) from None
    _conclude(found, outcome.failed, outcome.blocked, time.monotonic() - started, json)


def _close_rounds(found: Planned, progress: RunProgress) -> bool:
    """Choose in the rounds whose trainings are all finished; return whether there was one, so that the plan grows."""
    from layover.plan.choices import Choices
    from layover.plan.rounds import chooser_of, close

    store = found.store
    closed = close(found.plan.rounds, chooser_of(found.plan.recipe), store, Choices(store.root))
    for one in closed:
        if one.chosen is not None:
            progress.note(f"{one.label}: {one.chosen.value} is chosen, by {one.rule} (layover why {one.key[:12]})")
    return bool(closed)


def _set_aside(found: Planned) -> Iterator[str]:
    """Move the damaged nodes of the plan out of the way; yield a line for each."""
    for key in found.damaged:
        with found.store.claim(key) as mine:
            reason = found.store.set_aside(key) if mine is not None else None  # else another sweep is at it
        if reason is not None:
            where = found.store.damaged.folder
            yield f"damaged: {found.plain.nodes[key].label} ({reason}); it is set aside in {where} and computed again"


def _with_exact_sizes(found: Planned, engine: LocalEngine, progress: RunProgress) -> Planned:
    """Return the plan with hidden states decided about; what that and the time left take to know is run first."""
    from layover.estimates.cost import estimate
    from layover.estimates.hidden_state_cache import first_to_run

    plain, plan, store = found.plain, found.plan, found.store
    finished = store.finished()
    first = first_to_run(plain, finished) if plain.recipe.document.run.hidden_state_cache else []
    first = first or _unsized(plan, store, finished)
    if first:
        failed = engine.run(plain, only={node.key for node in first}).failed
        finished = store.finished()
        plan = with_cache(plain, store, finished)
        left = [node for node in plan.wanted(finished) if node.key not in failed]
        progress.go_on(plan, [node.key for node in left])
    meta = meta_of(store, finished)
    if line := told(savings(plain, plan, estimate(plan, meta), meta, finished)):
        progress.note(line)
    return replace(found, plan=plan)


def _unsized(plan: Plan, store: Store, finished: set[str]) -> list[Node[StepSpec]]:
    """Return the data sets of unknown size that are not tokenized yet: the estimated time needs their sizes."""
    from layover.estimates.cost import estimate

    costs = estimate(plan, meta_of(store, finished))
    return [node for node in plan.wanted(finished) if node.kind == "tokenize" and costs[node.key].tokens is None]


def _remaining(found: Planned, wanted: list[Node[StepSpec]], workers: int) -> Remaining:
    """Return what follows the run and estimates what is left; the speed of earlier runs counts."""
    from layover.estimates.cost import estimate
    from layover.estimates.eta import took
    from layover.estimates.remaining import Remaining
    from layover.steps.artifacts import timed

    store, keys = found.store, [node.key for node in wanted]
    costs = estimate(found.plan, meta_of(store, store.finished()))
    known = took(found.plan, costs, set(found.plan.nodes).difference(keys), partial(timed, store))

    def costs_now(plan: Plan) -> Mapping[str, Estimate]:
        data = (key for key, node in plan.nodes.items() if node.kind == "tokenize")
        return estimate(plan, meta_of(store, {key for key in data if store.has(key)}))

    return Remaining(found.plan, keys, workers, costs_now, known)


def _conclude(found: Planned, failed: dict[str, str], blocked: dict[str, str], seconds: float, as_json: bool) -> None:
    from layover.plan.rounds import waiting

    plan = found.plan
    finished = found.store.finished()
    # a node that failed in an earlier round may be none of the plan any more, if its data have changed since
    labels = {key: plan.nodes[key].label if key in plan.nodes else f"node {key[:12]}" for key in (*failed, *blocked)}
    cells, every = sum(cell.score in finished for cell in plan.cells), len(plan.cells) + len(plan.pending)
    if as_json:
        answer({"event": "summary", "cells": every, "finished": cells,
                "pending": [cell.label for cell in plan.pending],
                "failed": {key: labels[key] for key in failed},
                "blocked": {key: labels[key] for key in blocked}, "seconds": round(seconds, 1)})  # fmt: skip
    else:
        from layover.report import main_table, rows_of
        from layover.report.files import full_methods

        say(*table(*main_table.cells(rows_of(plan, found.store), full_methods(plan))))
        say(f"{cells} of {every} cells finished, in {duration(seconds)}")
        for line in waiting(plan):
            say(line)
    for key, error in failed.items():
        complain(f"failed: {labels[key]}: {error} (layover why {key[:12]})")
    if blocked:
        complain(f"{len(blocked)} nodes need a failed one and were not run")
    if failed or blocked:
        sys.exit(1)
