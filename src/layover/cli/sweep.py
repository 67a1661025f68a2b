"""A run of the nodes of a sweep that are not finished, for the command line and for Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from layover.cli.console import room
from layover.cli.device import device_for, notes_on
from layover.cli.progress import RunProgress
from layover.cli.room import largest_peak
from layover.cli.savings import savings, savings_line
from layover.cli.shared import Planned, meta_of, with_cache
from layover.engine.callbacks import Callbacks
from layover.engine.local import LocalEngine
from layover.engine.resources import Resources, resources
from layover.errors import ModelError, StoppedError
from layover.tracking import NodeBlocked, NodeFailed, Note, SweepEnded, SweepStarted

if TYPE_CHECKING:
    from layover.devices import DeviceFacts
    from layover.estimates.cost import Estimate
    from layover.estimates.remaining import Remaining
    from layover.execution import Execution
    from layover.plan import Node, Plan
    from layover.plan.choices import Round
    from layover.specs import StepSpec
    from layover.store import Store
    from layover.tracking import Callback

Display = Callable[["Plan", "Collection[str]", "Remaining"], AbstractContextManager[RunProgress]]
"""Plan, keys of the nodes to run, estimator of the remaining time -> the display of a run."""


@dataclass
class SweepRun:
    """A run of a sweep: its current plan, and its outcome so far.

    Args:
        prepared: The plan and the store.
        plan_again: Returns the plan after choices were made.
        callbacks: They receive the events.
        warn: Takes the message about a callback that failed.
    """

    prepared: Planned
    plan_again: Callable[[], Planned]
    callbacks: Sequence[Callback]
    warn: Callable[[str], None]
    failed: dict[str, str] = field(default_factory=dict)
    """Key -> error."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Key -> key of the failed node that it needs."""
    undecided: dict[str, str] = field(default_factory=dict)
    """Key of a round -> the reason why it stays open."""
    seconds: float = 0.0

    def run(self, workers: int | None, display: Display) -> SweepEnded:
        """Run until no node is left; return the last event.

        Args:
            workers: Processes at a time; None chooses them.
            display: Shows the run.

        Raises:
            StoppedError: there was a request to end.
            LayoverError: the sweep cannot begin.
        """
        prepared, started = self.prepared, time.monotonic()
        wanted = prepared.plan.wanted(prepared.store.finished())
        execution, chosen, facts, peak = _on_machine(prepared, wanted, workers)
        remaining = _remaining(prepared, wanted, chosen.workers)
        announcer = Callbacks(prepared.plan, self.callbacks, self.warn)
        stopped = True
        with display(prepared.plan, [node.key for node in wanted], remaining) as shown:
            progress = _Announced(shown, announcer)
            cells = len(prepared.plan.cells) + len(prepared.plan.pending)
            announcer.send(SweepStarted(prepared.plan.recipe.document.name, len(wanted), cells, chosen.workers))
            progress.note(
                f"{len(wanted)} of {len(prepared.plan.nodes)} nodes to run, {chosen.workers} processes with "
                f"{chosen.threads} threads each; largest node about {room(peak) if peak else '?'}"
            )
            try:
                on_device = [] if facts is None else notes_on(prepared.plan.recipe, facts, execution, chosen.workers)
                for text in [*prepared.plan.notes, *on_device, *_set_aside(prepared)]:
                    progress.note(text)
                engine = LocalEngine(prepared.store, execution, chosen.workers, chosen.threads, progress.event)
                self._compute(engine, progress)
                stopped = False
            finally:
                self.seconds = time.monotonic() - started
                ended = self._ended(stopped=stopped)
                announcer.send(ended)
        return ended

    def _compute(self, engine: LocalEngine, progress: RunProgress) -> None:
        try:
            self.prepared = _with_exact_sizes(self.prepared, engine, progress)
            engine.run(self.prepared.plan)
            while _close_rounds(self.prepared, progress, self.undecided):
                self.prepared = self.plan_again()
                plan = self.prepared.plan
                progress.go_on(plan, [node.key for node in plan.wanted(self.prepared.store.finished())])
                self.prepared = _with_exact_sizes(self.prepared, engine, progress)
                engine.run(self.prepared.plan)
        except StoppedError as error:
            unsaved = engine.outcome.unsaved.items()
            lines = [f"no checkpoint of {self.prepared.plan.nodes[key].label}: {reason}" for key, reason in unsaved]
            raise StoppedError("\n".join([str(error), *lines])) from None
        finally:
            self.failed = _without_rejected(self.prepared, engine.outcome.failed)
            self.blocked = dict(engine.outcome.blocked)

    def label(self, key: str) -> str:
        """Return the label of a node; a node that failed in an earlier round may be no longer in the plan."""
        nodes = self.prepared.plan.nodes
        return nodes[key].label if key in nodes else f"node {key[:12]}"

    def _ended(self, *, stopped: bool) -> SweepEnded:
        plan, finished = self.prepared.plan, self.prepared.store.finished()

        def of(key: str) -> tuple[str, str, str]:
            return key, self.label(key), plan.nodes[key].kind if key in plan.nodes else ""

        return SweepEnded(
            plan.recipe.document.name,
            len(plan.cells) + len(plan.pending),
            sum(cell.is_scored(finished) for cell in plan.cells),
            tuple(NodeFailed(*of(key), error) for key, error in self.failed.items()),
            tuple(NodeBlocked(*of(key), cause) for key, cause in self.blocked.items()),
            tuple(self.undecided.values()),
            stopped,
            self.seconds,
        )


class _Announced:
    """A display of a run whose events callbacks receive, too."""

    def __init__(self, display: RunProgress, callbacks: Callbacks) -> None:
        self._display, self._callbacks = display, callbacks

    def note(self, text: str) -> None:
        self._callbacks.send(Note(text))
        self._display.note(text)

    def event(self, event: Mapping[str, Any]) -> None:
        self._callbacks.event(event)
        self._display.event(event)

    def go_on(self, plan: Plan, wanted: Collection[str]) -> None:
        self._callbacks.follow(plan)
        self._display.go_on(plan, wanted)


def _on_machine(
    prepared: Planned, wanted: Sequence[Node[StepSpec]], workers: int | None
) -> tuple[Execution, Resources, DeviceFacts | None, int | None]:
    """Return the execution settings on this machine, its processes, the device and the memory of the largest node.

    Raises:
        LayoverError: the machine lacks the device, or data of the hub are missing.
    """
    from layover.devices import likely_kind
    from layover.estimates.cost import estimate, to_come
    from layover.plan.absent import lacks
    from layover.plan.rounds import whole

    plan, finished = prepared.plan, prepared.store.finished()
    costs = estimate(whole(plan), meta_of(prepared.store, finished))
    left = to_come(plan, costs, finished)
    if lacking := lacks(plan, left):
        raise ModelError(lacking)
    facts = device_for(plan.recipe) if wanted else None
    kind = likely_kind() if facts is None else facts.kind
    execution = plan.recipe.document.run.model_copy(update={"device": kind})
    capability = None if facts is None else facts.capability
    peak = largest_peak([costs[node.key] for node in left], execution, capability)
    if workers is not None:
        execution = execution.model_copy(update={"workers": workers})
    return execution, resources(execution, peak), facts, peak


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
    needed, waiting = set[str](), [*(key for cell in plan.cells for key in cell.scores()), *open_keys]
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
