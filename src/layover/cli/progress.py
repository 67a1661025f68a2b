"""Live progress: bars on a terminal, plain lines elsewhere, JSON Lines with --json."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from layover.cli.bars import Bars
from layover.cli.console import answer, duration, say
from layover.cli.streams import heed_reader
from layover.estimates.remaining import Remaining
from layover.plan import Plan
from layover.stopping import KEPT

if TYPE_CHECKING:
    from layover.cli.bars import Bar

PLAIN_SECONDS = 10.0
"""A plain log reports a running node at most this often."""

WHOLE = 1000
"""Length of the bar of the sweep: its value is this, times the finished share of the work."""


class RunProgress(Protocol):
    """A display of the engine's events."""

    def note(self, text: str) -> None: ...

    def event(self, event: Mapping[str, Any]) -> None: ...

    def go_on(self, plan: Plan, wanted: Collection[str]) -> None:
        """Switch to a plan with more nodes; `wanted` are the keys of its nodes that are still to run."""
        ...


@contextmanager
def choose(plan: Plan, wanted: Collection[str], remaining: Remaining, *, as_json: bool) -> Iterator[RunProgress]:
    """Yield the display that fits the output.

    Args:
        plan: The plan with the labels of the nodes.
        wanted: Keys of the nodes to run.
        remaining: Estimates the remaining time.
        as_json: Write JSON Lines.
    """
    if as_json:
        yield JsonProgress(plan)
    elif sys.stdout.isatty():
        live = LiveProgress(plan, wanted, remaining)
        with live.bars:
            yield live
    else:
        yield PlainProgress(plan, wanted, remaining)


class JsonProgress:
    """One JSON object per line."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def note(self, text: str) -> None:
        """Write a note."""
        answer({"event": "note", "text": text})
        heed_reader(KEPT)

    def go_on(self, plan: Plan, wanted: Collection[str]) -> None:  # noqa: ARG002
        self._plan = plan

    def event(self, event: Mapping[str, Any]) -> None:
        """Write an event with the node's label."""
        answer({**event, "label": self._plan.nodes[event["key"]].label})
        heed_reader(KEPT)


class _Counting:
    """Counts finished nodes and estimates the remaining time."""

    def __init__(self, plan: Plan, wanted: Collection[str], remaining: Remaining) -> None:
        self.plan, self.total, self.ended, self.remaining = plan, len(wanted), 0, remaining

    def go_on(self, plan: Plan, wanted: Collection[str]) -> None:
        self.plan, self.total = plan, self.ended + len(wanted)
        self.remaining.follow(plan, wanted)

    def position(self) -> str:
        """Return the count of nodes and the remaining time: `[3/12, 4 min 10 s left]`."""
        left = self.remaining.seconds()
        return f"[{self.ended}/{self.total}, {'time unknown' if left is None else f'{duration(left)} left'}]"

    def aside(self, event: Mapping[str, Any]) -> str:
        """Count the nodes that a damaged node makes run again; return the message, empty if it was shown before."""
        self.total += sum(self.remaining.again(key) for key in event.get("again", ()))
        if not event["reason"]:
            return ""
        return f"damaged: {self.plan.nodes[event['key']].label} ({event['reason']}); it is set aside and computed again"

    def waiting(self, event: Mapping[str, Any]) -> str:
        """Return the message on a wait: for the hub, or for another sweep that computes the node."""
        label = self.plan.nodes[event["key"]].label
        if event["event"] == "told":
            return f"{label}: {event['text'].removeprefix('layover: ')}"
        return f"waits for {label}: {event['for']} computes it; Ctrl-C stops this run and keeps its finished nodes"

    def again(self, event: Mapping[str, Any]) -> str:
        """Return the message on a node whose process was killed."""
        return f"{self.plan.nodes[event['key']].label}: {event['reason']}; it runs once more"

    def ending(self, event: Mapping[str, Any]) -> str:
        """Return the message on the end of a node."""
        self.ended += 1
        label, state = self.plan.nodes[event["key"]].label, event["state"]
        if state == "done":
            took = f" in {duration(event['seconds'])}" if "seconds" in event else ", computed by another sweep"
            return f"{self.position()} {label}{took}"
        if state == "failed":
            return f"{self.position()} FAILED {label}: {event['error']}"
        return f"{self.position()} not run, it needs a failed node: {label}"


class PlainProgress(_Counting):
    """Lines, for files and pipes."""

    def __init__(self, plan: Plan, wanted: Collection[str], remaining: Remaining) -> None:
        super().__init__(plan, wanted, remaining)
        self._reported: dict[str, float] = {}

    def note(self, text: str) -> None:
        """Write a note."""
        say(text)
        heed_reader(KEPT)

    def event(self, event: Mapping[str, Any]) -> None:
        """Write the end of a node, and the progress of a long one from time to time."""
        key, now = event["key"], time.monotonic()
        self.remaining.event(event)
        if event["event"] == "aside":
            if line := self.aside(event):
                say(line)
        elif event["event"] in {"waiting", "told"}:
            say(self.waiting(event))
        elif event["event"] == "again":
            say(self.again(event))
        elif event["event"] == "end":
            text = self.ending(event)
            if event["state"] != "done" or self.plan.nodes[key].kind != "predict":
                say(text)  # there are many short predictions; the score of their cell follows
        elif event["event"] == "start":
            self._reported[key] = now
        elif event["event"] == "progress" and now - self._reported.get(key, now) >= PLAIN_SECONDS:
            self._reported[key] = now
            say(f"  {self.plan.nodes[key].label}: {event['done']}/{event['total']} {event['unit']}{_loss(event)}")
        heed_reader(KEPT)


class LiveProgress(_Counting):
    """A bar per running node, and a bar of the sweep with the finished share of the estimated work."""

    def __init__(self, plan: Plan, wanted: Collection[str], remaining: Remaining) -> None:
        super().__init__(plan, wanted, remaining)
        self.bars = Bars()
        self._overall: Bar = self.bars.add("sweep")
        self._nodes: dict[str, tuple[Bar, float]] = {}
        self._show()

    def note(self, text: str) -> None:
        """Write a note above the bars."""
        self.bars.note(text)

    def go_on(self, plan: Plan, wanted: Collection[str]) -> None:
        super().go_on(plan, wanted)
        self._show()

    def event(self, event: Mapping[str, Any]) -> None:
        """Show an event."""
        key = event["key"]
        self.remaining.event(event)
        if event["event"] == "aside":
            if event.get("needed_by") in self._nodes:
                self.bars.remove(self._nodes.pop(event["needed_by"])[0])
            if line := self.aside(event):
                self.note(line)
        elif event["event"] in {"waiting", "told"}:
            self.note(self.waiting(event))
        elif event["event"] == "again":
            if key in self._nodes:
                self.bars.remove(self._nodes.pop(key)[0])
            self.note(self.again(event))
        elif event["event"] == "start":
            label = self.plan.nodes[key].label
            self._nodes[key] = (self.bars.add(label), time.monotonic())
        elif event["event"] == "progress" and key in self._nodes:
            bar, started = self._nodes[key]
            done, total, seconds = event["done"], event["total"], max(time.monotonic() - started, 1e-3)
            text = f"{done}/{total} {event['unit']}, {done / seconds:,.0f}/s{_loss(event)}"
            left = f"{duration(seconds * (total - done) / done)} left" if done else ""
            self.bars.update(bar, done, total, text, left)
        elif event["event"] == "end":
            if key in self._nodes:
                self.bars.remove(self._nodes.pop(key)[0])
            text = self.ending(event)
            if event["state"] != "done" or self.plan.nodes[key].spec.resumable:
                self.note(text)
        self._show()
        heed_reader(KEPT)

    def _show(self) -> None:
        """Show the progress of the sweep; the bar pulses while the remaining work is unknown."""
        share, left = self.remaining.share(), self.remaining.seconds()
        self.bars.update(
            self._overall,
            completed=0 if share is None else WHOLE * share,
            total=None if share is None else WHOLE,
            speed=f"{self.ended}/{self.total} nodes",
            left="time unknown" if left is None else f"{duration(left)} left",
        )


def _loss(event: Mapping[str, Any]) -> str:
    return f", loss {event['loss']:.4f}" if event.get("loss") is not None else ""
