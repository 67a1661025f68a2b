"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A named function from predictions and gold to a number, nearly always percent."""

    name: str
    kinds: frozenset[str]
    """The task kinds it can score."""
    higher_is_better: bool
    """Only such a metric may select weights and stand in the main table; the others stand in a target's own tables."""
    score: Callable[[Sequence[Any], Sequence[Any], str], float]
    """(predictions, golds, language) -> 0..100, or the unit; both sequences are as long as the examples are many."""
    unit: str = "percent"
