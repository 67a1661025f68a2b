"""What every step is given beside its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from layover.errors import Stopped
from layover.execution import Execution
from layover.store import Store


@dataclass(frozen=True)
class Context:
    """Where results lie, how work is to be done, and whom to tell."""

    store: Store
    execution: Execution
    progress: Callable[[Mapping[str, Any]], None]
    """Takes plain values: `done`, `total`, `unit`, and what else is worth showing (`loss`)."""
    stopping: Callable[[], bool]
    """Says True when the sweep is being stopped: a long step then saves its state and leaves."""

    def heed(self, _done: int, _total: int) -> None:
        """Leave an evaluation in which the sweep is being stopped; `predict` takes it as its `progress`.

        Raises:
            Stopped: it is.
        """
        if self.stopping():
            raise Stopped("stopped in an evaluation")
