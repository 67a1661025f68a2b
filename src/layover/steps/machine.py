"""From the recipe's `run` section to this machine."""

from __future__ import annotations

from layover.batches import here
from layover.execution import Execution


def execution_of(wanted: Execution) -> Execution:
    """Return how the loops run here; none of it changes a result beyond rounding."""
    return here(wanted)
