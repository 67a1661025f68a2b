"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A named function from predictions and gold to percent."""

    name: str
    kinds: frozenset[str]
    """The task kinds it can score."""
    higher_is_better: bool
    score: Callable[[Sequence[Any], Sequence[Any], str], float]
    """(predictions, golds, language) -> 0..100; both sequences are as long as the examples are many."""
