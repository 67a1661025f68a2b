"""Displays of a sweep that another process runs: bars on a terminal, lines elsewhere, JSON Lines with --json."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from layover.cli.bars import Bars
from layover.cli.console import answer, duration, say
from layover.cli.streams import heed_reader

if TYPE_CHECKING:
    from layover.cli.bars import Bar
    from layover.cli.state import SweepState

Show = Callable[["SweepState"], None]
RUNS_ON = "the sweep itself is not affected"


@contextmanager
def display(*, as_json: bool, once: bool) -> Iterator[Show]:
    """Yield the function that shows a state.

    Args:
        as_json: Write one JSON object for each state.
        once: Whether there is only one state; a terminal then gets lines, too.
    """
    if as_json:
        yield _as_json
    elif sys.stdout.isatty() and not once:
        with Bars() as bars:
            live = _Live(bars)
            yield live.show
        say(*lines(live.last) if live.last is not None else ())
    else:
        yield _Lines().show


def lines(state: SweepState) -> list[str]:
    """Return a state as lines: counts and remaining time, the running nodes, the failures."""
    done, total = (sum(counts) for counts in zip(*state.cells.values(), strict=True))
    failed = f", {len(state.failures)} failed" if state.failures else ""
    left = f", {state.time()} left" if state.sweeps else ""
    running = f", {len(state.running)} running" if state.running else ""
    head = f"{done} of {total} cells, {state.count()}{running}{failed}{left}"
    return [head, *(f"  running: {node}" for node in state.running), *(f"  {line}" for line in state.failed())]


def _as_json(state: SweepState) -> None:
    answer(state.values())
    heed_reader(RUNS_ON)


class _Lines:
    """Writes a state when nodes have started, finished or failed since the last one."""

    def __init__(self) -> None:
        self._last: object = None

    def show(self, state: SweepState) -> None:
        """Write the lines of a state."""
        now = (state.cells, state.finished, [node.key for node in state.running], list(state.failures), state.sweeps)
        if now != self._last:
            self._last = now
            say(*lines(state))
        heed_reader(RUNS_ON)


class _Live:
    """A bar of the sweep, and a bar for each running node.

    Args:
        bars: The bars on the terminal.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars, self._overall = bars, bars.add("sweep")
        self._nodes: dict[str, Bar] = {}
        self._failed: set[str] = set()
        self.last: SweepState | None = None

    def show(self, state: SweepState) -> None:
        """Show a state; a new failure is a line above the bars."""
        self.last, every = state, len(state.plan.nodes)
        self._bars.update(
            self._overall, state.finished, every, f"{state.finished}/{every} nodes", f"{state.time()} left"
        )
        for key in self._nodes.keys() - {node.key for node in state.running}:
            self._bars.remove(self._nodes.pop(key))
        for node in state.running:
            if node.key not in self._nodes:
                self._nodes[node.key] = self._bars.add(node.label)
            known = node.step is not None and node.steps is not None
            text = f"checkpoint of step {node.step:,}" if node.step is not None else ""
            total = node.steps if known else None
            self._bars.update(self._nodes[node.key], node.step or 0, total, text, duration(node.seconds))
        for key, line in zip(state.failures, state.failed(), strict=True):
            if key not in self._failed:
                self._failed.add(key)
                self._bars.note(line)
        heed_reader(RUNS_ON)
