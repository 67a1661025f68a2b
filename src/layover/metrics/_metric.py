"""What a metric is, and what all of them are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from layover.metrics._scheme import Scheme

Score = Callable[[Sequence[Any], Sequence[Any], str], float]
"""(predictions, golds, language) -> 0..100, or the unit; both sequences are as long as the examples are many."""


@dataclass(frozen=True)
class Rules:
    """The facts of a task that decide how its predictions are scored."""

    tags: Scheme | None = None
    """tagging: how tags are read as spans; None where no metric of the task asks for it."""
    answerable: bool = False
    """span: whether every question has an answer, so that SQuAD v1.1's rules hold instead of v2.0's."""
    labels: tuple[str, ...] = ()
    """multilabel: every label of the task, so that one that nobody has counts, too."""


NO_RULES = Rules()
"""Of predictions and golds that belong to no task."""


@dataclass(frozen=True)
class Metric:
    """A named function from predictions and gold to a number, nearly always percent."""

    name: str
    kinds: frozenset[str]
    """The task kinds it can score."""
    higher_is_better: bool
    """Only such a metric may select weights and stand in the main table; the others stand in a target's own tables."""
    score: Score
    """Scores where no task says more."""
    unit: str = "percent"
    lowest: float = 0.0
    """The lowest value that there is."""
    by_rules: Callable[[Rules], Score] | None = None
    """Returns what scores by the rules of a task; None where all tasks are scored alike."""
    reads_spans: bool = False
    """tagging: whether it scores spans, so that the task's tags must say where these begin and end."""

    hub: str = ""
    """The hub's name for metrics like this, where it has another."""

    def on_the_hub(self) -> str:
        """Return what the hub calls it."""
        return self.hub or self.name

    def for_task(self, rules: Rules) -> Score:
        """Return what scores a task with these rules."""
        return self.score if self.by_rules is None else self.by_rules(rules)
