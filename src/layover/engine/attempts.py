"""Counts the attempts of a node whose process ended, or whose failure has an unclear cause, and sets their limits."""

from __future__ import annotations

import signal
from pathlib import Path

from layover.engine.alone import STOPPED

MOST_DEATHS = 2
"""A node fails when this number of processes was killed at it."""
MOST_STOPS = 5
"""A node fails when this number of its processes in a row had to end, and its checkpoint did not advance."""
MOST_DOUBTS = 3
"""A node fails after this number of failures in processes that others may have taken for ended."""

ADVICE = (
    "if memory is short, run fewer processes at a time (--workers 1), or set run.memory or a smaller "
    "run.micro_batch_tokens (layover plan estimates the memory of a node)"
)


class Attempts:
    """Counts the ends of the processes of each node, by the node's key."""

    def __init__(self) -> None:
        self._deaths: dict[str, int] = {}
        """Key -> processes that were killed at this node."""
        self._stops: dict[str, tuple[int, int]] = {}
        """Key -> step of the node's checkpoint, and number of processes that had to end since this checkpoint."""
        self._doubts: dict[str, int] = {}
        """Key -> number of failures that may not be the node's own."""

    def doubted(self, key: str) -> bool:
        """Count a failure of a process that others may have taken for ended; return whether the node fails."""
        self._doubts[key] = self._doubts.get(key, 0) + 1
        return self._doubts[key] >= MOST_DOUBTS

    def ended(self, key: str, code: int | None, work: Path) -> tuple[bool, str]:
        """Count a process that ended at a node; return whether the node fails, and the end of its error message.

        Args:
            key: The key of the node.
            code: Exit code of the process.
            work: The folder of the node's checkpoints.
        """
        return self._stopped(key, saved_step(work)) if code == STOPPED else self._killed(key)

    def _killed(self, key: str) -> tuple[bool, str]:
        self._deaths[key] = self._deaths.get(key, 0) + 1
        return self._deaths[key] >= MOST_DEATHS, f"like the one before it; {ADVICE}"

    def _stopped(self, key: str, step: int) -> tuple[bool, str]:
        """Count a process that had to end; restart the count if the checkpoint has advanced."""
        before, count = self._stops.get(key, (step, 0))
        count = count + 1 if before == step else 1
        self._stops[key] = (step, count)
        message = f"like the {MOST_STOPS - 1} before it, and its checkpoint did not advance between them"
        return count >= MOST_STOPS, message


def saved_step(work: Path) -> int:
    """Return the step of the newest checkpoint in the folder of a training; -1 if there is none.

    Args:
        work: A folder with checkpoints, named as in `layover.training.checkpoint`. This process does not import that
            module, because it imports torch.
    """
    steps = (path.name.removeprefix("step-").partition(".")[0] for path in work.glob("step-*"))
    return max((int(step) for step in steps if step.isdecimal()), default=-1)


def cause_of(code: int | None) -> str:
    """Return how a process ended, for display."""
    if code == -signal.SIGKILL:
        return "was killed, perhaps by the system because memory is short"
    if code == STOPPED:
        return "was stopped (SIGTERM or SIGHUP)"
    if code is not None and code < 0:
        return f"was killed by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"
