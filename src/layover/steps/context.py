"""What every step is given beside its node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layover.errors import Stopped, StoreError
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


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """Write JSON Lines."""
    with path.open("w", encoding="utf-8") as stream:
        for value in values:
            stream.write(json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n")


def read_lines(path: Path) -> list[Any]:
    """Read JSON Lines.

    Raises:
        StoreError: a line is not JSON.
    """
    values = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                values.append(json.loads(line))
            except ValueError as error:
                raise StoreError(f"{path}:{number}: not JSON: {error}") from None
    return values
