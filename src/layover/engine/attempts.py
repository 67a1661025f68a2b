"""How often a node is tried again when its process ends or cannot tell whose fault a failure is, and how that ends."""

from __future__ import annotations

import signal
from pathlib import Path

from layover.engine.alone import STOPPED

MOST_DEATHS = 2
"""A node fails when so many processes were killed at it."""
MOST_STOPS = 5
"""A node fails when so many of its processes were asked to end, one after the other, and it came no step further."""
MOST_DOUBTS = 3
"""A node fails when it fails so often in a process that cannot tell whether others took it for gone."""

ADVICE = (
    "where memory is short, run fewer processes at a time (--workers 1), or set run.memory or a smaller "
    "run.micro_batch_tokens (layover plan estimates what a node takes)"
)


class Attempts:
    """Counts what happened to the processes of each node, by the node's key."""

    def __init__(self) -> None:
        self._deaths: dict[str, int] = {}
        """Key -> processes that were killed at this node."""
        self._stops: dict[str, tuple[int, int]] = {}
        """Key -> step of the node's checkpoint, and processes that were asked to end since it has that."""
        self._doubts: dict[str, int] = {}
        """Key -> failures of which no one knows whether they are the node's own."""

    def doubted(self, key: str) -> bool:
        """Count a failure of a process that may have been taken for gone; tell whether the node fails."""
        self._doubts[key] = self._doubts.get(key, 0) + 1
        return self._doubts[key] >= MOST_DOUBTS

    def ended(self, key: str, code: int | None, work: Path) -> tuple[bool, str]:
        """Count a process that ended at a node; return whether the node fails, and what the error then says besides.

        Args:
            key: Of the node.
            code: How the process ended.
            work: The folder of the node's checkpoints.
        """
        return self._stopped(key, saved_step(work)) if code == STOPPED else self._killed(key)

    def _killed(self, key: str) -> tuple[bool, str]:
        self._deaths[key] = self._deaths.get(key, 0) + 1
        return self._deaths[key] >= MOST_DEATHS, f"as did the one before it; {ADVICE}"

    def _stopped(self, key: str, step: int) -> tuple[bool, str]:
        """Count a process that was asked to end, anew where the checkpoint moved on."""
        before, count = self._stops.get(key, (step, 0))
        count = count + 1 if before == step else 1
        self._stops[key] = (step, count)
        return count >= MOST_STOPS, f"as were the {MOST_STOPS - 1} before it, and it came no step further between them"


def saved_step(work: Path) -> int:
    """Return the step of the newest checkpoint that a training has in its folder, -1 where there is none.

    Args:
        work: With folders as `layover.training.checkpoint` names them; it imports torch, which this process does not.
    """
    steps = (path.name.removeprefix("step-").partition(".")[0] for path in work.glob("step-*"))
    return max((int(step) for step in steps if step.isdecimal()), default=-1)


def cause_of(code: int | None) -> str:
    """Return how a process ended, for people."""
    if code == -signal.SIGKILL:
        return "was killed, perhaps by the system for want of memory"
    if code == STOPPED:
        return "was asked to end (SIGTERM or SIGHUP)"
    if code is not None and code < 0:
        return f"was killed by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"
