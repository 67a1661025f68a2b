"""The definition of a metric, and the rules of a task for its metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layover.metrics._scheme import Scheme

Score = Callable[[Sequence[Any], Sequence[Any], str], float]
"""(predictions, golds, language) -> 0 to 100, or the unit; both sequences have one item per example."""


Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Summed:
    """A metric as a function of sums over examples. Then a score without some examples costs nearly nothing."""

    counts: Callable[[Sequence[Any], Sequence[Any], str], Array]
    """(predictions, golds, language) -> the counts of each example, (N, D)."""
    value: Callable[[Array], float]
    """Sums of counts, (D,) -> the score. For all examples it equals `Metric.score`, up to rounding."""


@dataclass(frozen=True)
class Rules:
    """The facts of a task that decide how its predictions are scored."""

    tags: Scheme | None = None
    """tagging: how tags are read as spans; None if no metric of the task scores spans."""
    answerable: bool = False
    """span: whether every question has an answer, so that the rules of SQuAD v1.1 apply instead of v2.0."""
    labels: tuple[str, ...] = ()
    """multilabel: all labels of the task, so that labels without gold and predictions count, too."""


NO_RULES = Rules()
"""The rules for predictions and golds that belong to no task."""


@dataclass(frozen=True)
class Metric:
    """A named function from predictions and gold to a number, nearly always percent."""

    name: str
    kinds: frozenset[str]
    """The task kinds it can score."""
    higher_is_better: bool
    """Only these metrics can select weights and appear in the main table; the tables of a target show the others."""
    score: Score
    """The scoring function without the rules of a task."""
    unit: str = "percent"
    lowest: float = 0.0
    """The lowest possible value."""
    by_rules: Callable[[Rules], Score] | None = None
    """Returns the scoring function for the rules of a task; None if the rules have no effect."""
    summed: Callable[[Rules], Summed] | None = None
    """Returns the metric as a function of sums, for the rules of a task. Only metrics that take long need it."""
    reads_spans: bool = False
    """tagging: whether it scores spans, so that the tags of the task must mark them."""
    per_row: bool = False
    """Whether it is percent, and the mean over examples of the score of each example alone; higher is better."""

    hub: str = ""
    """The hub's name of the metric, if it differs."""

    def on_the_hub(self) -> str:
        """Return the hub's name of the metric."""
        return self.hub or self.name

    def for_task(self, rules: Rules) -> Score:
        """Return the scoring function for a task with these rules."""
        return self.score if self.by_rules is None else self.by_rules(rules)
