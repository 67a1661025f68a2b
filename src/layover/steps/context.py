"""The context of a step: store, execution settings, progress and stopping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from layover.errors import Stopped
from layover.execution import Execution
from layover.store import Store


def _ignore(_values: Mapping[str, Any]) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Context:
    """The store of results, the execution settings, and the callbacks of a step."""

    store: Store
    execution: Execution
    progress: Callable[[Mapping[str, Any]], None]
    """Takes plain values: `done`, `total`, `unit`, and others to show (`loss`)."""
    stopping: Callable[[], bool]
    """Returns True when the sweep is being stopped; a long step then saves its state and ends."""
    evaluated: Callable[[Mapping[str, Any]], None] = _ignore
    """Takes plain values of each evaluation in a training: `step`, `epoch`, `loss`, `metrics`."""

    def check_stopping(self, _done: int, _total: int) -> None:
        """End an evaluation when the sweep is being stopped; used as `progress` of `predict`.

        Raises:
            Stopped: the sweep is being stopped.
        """
        if self.stopping():
            raise Stopped("stopped in an evaluation")
