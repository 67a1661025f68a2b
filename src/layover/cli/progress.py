"""Live progress: bars on a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from layover.cli.console import answer, duration, say
from layover.plan import Plan
from layover.plan.nodes import RESUMABLE

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

PLAIN_SECONDS = 10.0
"""A plain log tells of a running node at most this often."""

ENOUGH = 0.02
"""Share of the work after which the time that is left can be guessed."""


class Progress(Protocol):
    """Takes the engine's events."""

    def note(self, text: str) -> None: ...

    def event(self, event: Mapping[str, Any]) -> None: ...

    def go_on(self, plan: Plan, weights: Mapping[str, float]) -> None:
        """Follow a plan with more nodes from now on; `weights` are those of the nodes that are still to end."""
        ...


@contextmanager
def choose(plan: Plan, weights: Mapping[str, float], *, as_json: bool) -> Iterator[Progress]:
    """Yield the display that fits where the output goes.

    Args:
        plan: Knows what a node is called.
        weights: Key of each node to be run -> its share of the work, in any unit.
        as_json: For machines.
    """
    if as_json:
        yield JsonProgress(plan)
    elif sys.stdout.isatty():
        live = LiveProgress(plan, weights)
        with live.bars:
            yield live
    else:
        yield PlainProgress(plan, weights)


class JsonProgress:
    """One JSON object a line."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def note(self, text: str) -> None:
        """Write a note."""
        answer({"event": "note", "text": text})

    def go_on(self, plan: Plan, weights: Mapping[str, float]) -> None:  # noqa: ARG002
        """See `Progress.go_on`."""
        self._plan = plan

    def event(self, event: Mapping[str, Any]) -> None:
        """Write an event with the node's label."""
        answer({**event, "label": self._plan.nodes[event["key"]].label})


class _Counting:
    """Counts nodes and guesses the time that is left from the time that went by, and the work that was done in it."""

    def __init__(self, plan: Plan, weights: Mapping[str, float]) -> None:
        self.plan, self.weights, self.total, self.ended = plan, weights, len(weights), 0
        self.work, self.done = sum(weights.values()), 0.0
        self.started = time.monotonic()

    def go_on(self, plan: Plan, weights: Mapping[str, float]) -> None:
        """See `Progress.go_on`; the time that is left is guessed from what comes now."""
        self.plan, self.weights, self.total = plan, weights, self.ended + len(weights)
        self.work, self.done = sum(weights.values()), 0.0
        self.started = time.monotonic()

    def position(self) -> str:
        share = self.done / self.work if self.work else 0.0
        left = (time.monotonic() - self.started) * (1 - share) / share if share >= ENOUGH else None
        return f"[{self.ended}/{self.total}, {duration(left)} left]"

    def aside(self, event: Mapping[str, Any]) -> str:
        """Return the line on a node that turned out to be damaged."""
        self.total += event["key"] not in self.weights
        return f"damaged: {self.plan.nodes[event['key']].label} ({event['reason']}); it is set aside and computed again"

    def ending(self, event: Mapping[str, Any]) -> str:
        self.ended += 1
        self.done += self.weights.get(event["key"], 0.0)  # a damaged node was not known to run
        label, state = self.plan.nodes[event["key"]].label, event["state"]
        if state == "done":
            took = f" in {duration(event['seconds'])}" if "seconds" in event else " by another sweep"
            return f"{self.position()} {label}{took}"
        if state == "failed":
            return f"{self.position()} FAILED {label}: {event['error']}"
        return f"{self.position()} not run, it needs a failed node: {label}"


class PlainProgress(_Counting):
    """Lines, for files and pipes."""

    def __init__(self, plan: Plan, weights: Mapping[str, float]) -> None:
        super().__init__(plan, weights)
        self._told: dict[str, float] = {}

    def note(self, text: str) -> None:
        """Write a note."""
        say(text)

    def event(self, event: Mapping[str, Any]) -> None:
        """Write the end of a node, and now and then where a long one is."""
        key, now = event["key"], time.monotonic()
        if event["event"] == "aside":
            say(self.aside(event))
        elif event["event"] == "end":
            text = self.ending(event)
            if event["state"] != "done" or self.plan.nodes[key].kind != "predict":
                say(text)  # predictions are many and short; the score of their cell follows
        elif event["event"] == "start":
            self._told[key] = now
        elif now - self._told.get(key, now) >= PLAIN_SECONDS:
            self._told[key] = now
            say(f"  {self.plan.nodes[key].label}: {event['done']}/{event['total']} {event['unit']}{_loss(event)}")
        sys.stdout.flush()


class LiveProgress(_Counting):
    """A bar per running node and one for the sweep."""

    def __init__(self, plan: Plan, weights: Mapping[str, float]) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        super().__init__(plan, weights)
        self.bars: Bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeRemainingColumn(),
            transient=True,
        )
        self._overall: TaskID = self.bars.add_task("sweep", total=self.total, speed="nodes")
        self._nodes: dict[str, tuple[TaskID, float]] = {}

    def note(self, text: str) -> None:
        """Write a note above the bars."""
        self.bars.console.print(text, markup=False, highlight=False)

    def go_on(self, plan: Plan, weights: Mapping[str, float]) -> None:
        """See `Progress.go_on`."""
        super().go_on(plan, weights)
        self.bars.update(self._overall, total=self.total)

    def event(self, event: Mapping[str, Any]) -> None:
        """Show an event."""
        key = event["key"]
        if event["event"] == "aside":
            if event.get("needed_by") in self._nodes:
                self.bars.remove_task(self._nodes.pop(event["needed_by"])[0])
            self.note(self.aside(event))
        elif event["event"] == "start":
            label = self.plan.nodes[key].label
            self._nodes[key] = (self.bars.add_task(label, total=None, speed=""), time.monotonic())
        elif event["event"] == "progress" and key in self._nodes:
            bar, started = self._nodes[key]
            speed = event["done"] / max(time.monotonic() - started, 1e-3)
            text = f"{speed:,.0f} {event['unit']}/s{_loss(event)}"
            self.bars.update(bar, completed=event["done"], total=event["total"], speed=text)
        elif event["event"] == "end":
            if key in self._nodes:
                self.bars.remove_task(self._nodes.pop(key)[0])
            text = self.ending(event)
            if event["state"] != "done" or self.plan.nodes[key].kind in RESUMABLE:
                self.note(text)
            self.bars.update(self._overall, completed=self.ended)


def _loss(event: Mapping[str, Any]) -> str:
    return f", loss {event['loss']:.4f}" if event.get("loss") is not None else ""
