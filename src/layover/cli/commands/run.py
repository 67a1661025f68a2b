"""run: run the nodes of a sweep that are not finished."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from layover.cli.console import answer, complain, duration, room, say, table
from layover.cli.device import device_for, notes_on
from layover.cli.savings import savings, savings_line
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
    from layover.plan.choices import Round
    from layover.specs import StepSpec
    from layover.store import Store

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
        prepared = planned(recipe, overrides, store, computes=True)
        with prepared.store.locks.run(complain):
            # the recipe as it was read; later changes of its file apply to the next run
            _run(prepared, workers, json, partial(planned, recipe, overrides, store, again=prepared.recipe))
    except Stop:
        raise StoppedError(f"stopped; {KEPT}") from None


def _run(prepared: Planned, workers: int | None, json: bool, plan_again: Callable[[], Planned]) -> None:
    from layover.cli.progress import choose
    from layover.cli.room import largest_peak
    from layover.devices import likely_kind
    from layover.engine.local import LocalEngine
    from layover.engine.resources import resources
    from layover.errors import ModelError
    from layover.estimates.cost import estimate, to_come
    from layover.plan.absent import lacks
    from layover.plan.rounds import whole

    finished = prepared.store.finished()
    wanted = prepared.plan.wanted(finished)
    costs = estimate(whole(prepared.plan), meta_of(prepared.store, finished))
    left = to_come(prepared.plan, costs, finished)
    if lacking := lacks(prepared.plan, left):
        raise ModelError(lacking)
    execution = prepared.plan.recipe.document.run
    facts = device_for(prepared.plan.recipe) if wanted else None
    execution = execution.model_copy(update={"device": likely_kind() if facts is None else facts.kind})
    capability = None if facts is None else facts.capability
    peak = largest_peak([costs[node.key] for node in left], execution, capability)
    if workers is not None:
        execution = execution.model_copy(update={"workers": workers})
    chosen = resources(execution, peak)
    remaining = _remaining(prepared, wanted, chosen.workers)
    with choose(prepared.plan, [node.key for node in wanted], remaining, as_json=json) as progress:
        progress.note(
            f"{len(wanted)} of {len(prepared.plan.nodes)} nodes to run, {chosen.workers} processes with "
            f"{chosen.threads} threads each; largest node about {room(peak) if peak else '?'}"
        )
        on_device = [] if facts is None else notes_on(prepared.plan.recipe, facts, execution, chosen.workers)
        for text in [*prepared.plan.notes, *on_device, *_set_aside(prepared)]:
            progress.note(text)
        started, undecided = time.monotonic(), dict[str, str]()
        engine = LocalEngine(prepared.store, execution, chosen.workers, chosen.threads, progress.event)
        try:
            prepared = _with_exact_sizes(prepared, engine, progress)
            outcome = engine.run(prepared.plan)
            while _close_rounds(prepared, progress, undecided):
                prepared = plan_again()
                progress.go_on(prepared.plan, [node.key for node in prepared.plan.wanted(prepared.store.finished())])
                prepared = _with_exact_sizes(prepared, engine, progress)
                outcome = engine.run(prepared.plan)
        except StoppedError as error:
            unsaved = engine.outcome.unsaved.items()
            lines = [f"no checkpoint of {prepared.plan.nodes[key].label}: {reason}" for key, reason in unsaved]
            raise StoppedError("\n".join([str(error), *lines])) from None
    failed = _without_rejected(prepared, outcome.failed)
    _conclude(prepared, failed, outcome.blocked, undecided, time.monotonic() - started, json)


def _close_rounds(prepared: Planned, progress: RunProgress, undecided: dict[str, str]) -> bool:
    """Choose in every round whose trainings are all finished; return whether there was any, so that the plan grows.

    `undecided` gets the reason why such a round stays open.
    """
    from layover.plan.choices import Choices
    from layover.plan.rounds import close
    from layover.plan.tuning import chooser_of

    store = prepared.store
    closed, problems = close(prepared.plan, chooser_of(prepared.plan.recipe), store, Choices(store.root))
    undecided.update(problems)
    for choice in closed:
        if choice.chosen is not None:
            values = ", ".join(choice.chosen.values)
            progress.note(f"{choice.label}: chosen by {choice.rule}: {values} (layover why {choice.key[:12]})")
            _drop_beginnings(prepared, choice)
    return bool(closed)


def _without_rejected(prepared: Planned, failed: Mapping[str, str]) -> dict[str, str]:
    """Return the failed nodes without trials that diverged, which a choice rejects; a cell may need one, too."""
    from layover.plan.rounds import without_result

    plan = prepared.plan
    open_keys = [key for choice in plan.rounds if choice.chosen is None for key in choice.nodes()]
    needed, waiting = set[str](), [*(cell.score for cell in plan.cells), *open_keys]
    while waiting:
        key = waiting.pop()
        if key not in needed:
            needed.add(key)
            waiting += plan.nodes[key].needs
    lost = without_result(plan.nodes, prepared.store) - needed
    return {key: error for key, error in failed.items() if key not in lost}


def _drop_beginnings(prepared: Planned, choice: Round) -> None:
    """Remove the checkpoints of trainings that a round rejected, and those of the chosen ones after the last round."""
    from layover.plan.nodes import spec_at
    from layover.specs.train import TrainSpec
    from layover.store.files import remove

    specs = {key: spec_at(prepared.plan.nodes, key, TrainSpec) for key in choice.nodes()}
    survivors = {key for candidate in choice.survivors() for key in candidate.nodes}
    for key, spec in specs.items():
        if spec.until is None or key not in survivors:
            with suppress(FileNotFoundError):
                remove(prepared.store.begun(spec.whole.key))


def _set_aside(prepared: Planned) -> Iterator[str]:
    """Set the damaged nodes of the plan aside; yield a message for each."""
    for key in prepared.damaged:
        with prepared.store.claim(key) as claim:
            reason = prepared.store.set_aside(key) if claim is not None else None  # else another sweep holds it
        if reason is not None:
            where = prepared.store.damaged.folder
            label = prepared.plain.nodes[key].label
            yield f"damaged: {label} ({reason}); it is set aside in {where} and computed again"


def _with_exact_sizes(prepared: Planned, engine: LocalEngine, progress: RunProgress) -> Planned:
    """Return the plan with its hidden-state cache; nodes whose sizes the cache and the estimates need run first."""
    from layover.estimates.cost import estimate
    from layover.estimates.hidden_state_cache import first_to_run

    plain, plan, store = prepared.plain, prepared.plan, prepared.store
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
    if line := savings_line(savings(plain, plan, estimate(plan, meta), meta, finished)):
        progress.note(line)
    return replace(prepared, plan=plan)


def _unsized(plan: Plan, store: Store, finished: set[str]) -> list[Node[StepSpec]]:
    """Return the data sets of unknown size that are not tokenized yet; the time estimate needs their sizes."""
    from layover.estimates.cost import estimate

    costs = estimate(plan, meta_of(store, finished))
    return [node for node in plan.wanted(finished) if node.kind == "tokenize" and costs[node.key].tokens is None]


def _remaining(prepared: Planned, wanted: list[Node[StepSpec]], workers: int) -> Remaining:
    """Return the estimator of the remaining time; it uses the speed of earlier runs."""
    from layover.estimates.cost import estimate
    from layover.estimates.eta import took
    from layover.estimates.remaining import Remaining
    from layover.steps.artifacts import timed

    store, keys = prepared.store, [node.key for node in wanted]
    costs = estimate(prepared.plan, meta_of(store, store.finished()))
    known = took(prepared.plan, costs, set(prepared.plan.nodes).difference(keys), partial(timed, store))

    def costs_now(plan: Plan) -> Mapping[str, Estimate]:
        data = (key for key, node in plan.nodes.items() if node.kind == "tokenize")
        return estimate(plan, meta_of(store, {key for key in data if store.has(key)}))

    return Remaining(prepared.plan, keys, workers, costs_now, known)


def _conclude(
    prepared: Planned,
    failed: dict[str, str],
    blocked: dict[str, str],
    undecided: dict[str, str],
    seconds: float,
    as_json: bool,
) -> None:
    from layover.plan.rounds import waiting

    plan = prepared.plan
    finished = prepared.store.finished()
    # a node that failed in an earlier round is no longer in the plan if its data have changed
    labels = {key: plan.nodes[key].label if key in plan.nodes else f"node {key[:12]}" for key in (*failed, *blocked)}
    cells, every = sum(cell.score in finished for cell in plan.cells), len(plan.cells) + len(plan.pending)
    if as_json:
        answer({"event": "summary", "cells": every, "finished": cells,
                "pending": [cell.label for cell in plan.pending],
                "failed": {key: labels[key] for key in failed},
                "blocked": {key: labels[key] for key in blocked},
                "undecided": undecided, "seconds": round(seconds, 1)})  # fmt: skip
    else:
        from layover.report import main_table, rows_of

        say(*table(*main_table.cells(rows_of(plan, prepared.store), plan.recipe.baseline())))
        say(f"{cells} of {every} cells finished, in {duration(seconds)}")
        for line in waiting(plan):
            say(line)
    for key, error in failed.items():
        complain(f"failed: {labels[key]}: {error} (layover why {key[:12]})")
    if blocked:
        complain(f"{len(blocked)} nodes need a failed node and were not run")
    for problem in undecided.values():
        complain(problem)
    if failed or blocked or undecided:
        sys.exit(1)
