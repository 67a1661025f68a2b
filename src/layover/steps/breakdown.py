"""Parts of a score: by length of the input, by place of the answer, and over translations of one item."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from layover.breakdown import FIRST_WINDOW, LATER_WINDOW, Agreement, Breakdown, PartScore, length_bin
from layover.errors import DataError
from layover.kinds import Kind
from layover.kinds._row_score import same
from layover.metrics._metric import Rules

EQUAL_GOLD = 0.9
"""Smallest kappa of the gold of two languages whose items translate each other."""


@dataclass(frozen=True)
class ScoredLanguage:
    """The scored examples of one language."""

    predictions: Sequence[Any]
    examples: Sequence[Any]
    rows: Sequence[Mapping[str, Any]]
    """Place and length of each example, as `load_rows` returns them."""
    names: Sequence[str]
    """A name for each example, which its translations share."""


@dataclass
class BreakdownCollector:
    """Collects the parts of the scores of a cell, language by language."""

    kind: Kind[Any]
    metrics: tuple[str, ...]
    rules: Rules
    source_language: str | None
    lengths: dict[str, dict[int, PartScore]] = field(default_factory=dict)
    windows: dict[str, dict[str, PartScore]] = field(default_factory=dict)
    answers: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)
    """Language -> name of an item -> answer and gold."""

    def add(self, language: str, scored: ScoredLanguage) -> None:
        """Add the parts of a language."""
        bins = self._by(language, scored, lambda row: length_bin(row["tokens"]))
        self.lengths[language] = {most: bins[most] for most in sorted(bins)}
        places = {0: FIRST_WINDOW}
        parts = self._by(language, scored, lambda row: _window(row, places))
        if parts:
            self.windows[language] = parts
        if self.kind.same_in_translation:
            self.answers[language] = self._answers(scored)

    def breakdown(self) -> Breakdown:
        """Return all parts."""
        source = self.answers.get(str(self.source_language), {})
        others = {
            language: items
            for language, items in sorted(self.answers.items())
            if language != self.source_language and _translated(source, items)
        }
        everywhere = [source, *others.values()]
        return Breakdown(
            lengths=dict(sorted(self.lengths.items())),
            windows=dict(sorted(self.windows.items())),
            translations={language: _agreement([source, items]) for language, items in others.items()},
            everywhere=_agreement(everywhere) if len(others) > 1 else None,
        )

    def _by(
        self, language: str, scored: ScoredLanguage, part_of: Callable[[Mapping[str, Any]], Any]
    ) -> dict[Any, PartScore]:
        members: dict[Any, list[int]] = {}
        for number, row in enumerate(scored.rows):
            part = part_of(row)
            if part is not None:
                members.setdefault(part, []).append(number)
        return {part: self._part(language, scored, numbers) for part, numbers in members.items()}

    def _part(self, language: str, scored: ScoredLanguage, numbers: Sequence[int]) -> PartScore:
        predictions = [scored.predictions[number] for number in numbers]
        examples = [scored.examples[number] for number in numbers]
        try:
            scores = self.kind.score(predictions, examples, metrics=self.metrics, language=language, rules=self.rules)
        except (DataError, ValueError, ArithmeticError):  # a few examples alone may have no score, as a correlation
            scores = None
        if scores is not None and not all(map(math.isfinite, scores.values())):
            scores = None
        return PartScore(
            examples=len(numbers), cut=sum(scored.rows[number]["cut"] for number in numbers), scores=scores
        )

    def _answers(self, scored: ScoredLanguage) -> dict[str, tuple[Any, Any]]:
        """Return answer and gold by name, without names that several examples have."""
        count = Counter(scored.names)
        triples = zip(scored.names, scored.predictions, scored.examples, strict=True)
        return {
            name: (self.kind.answer(prediction), self.kind.gold(example))
            for name, prediction, example in triples
            if count[name] == 1
        }


def _window(row: Mapping[str, Any], places: Mapping[int, str]) -> str | None:
    number = row["window"]
    return None if number is None else places.get(number, LATER_WINDOW)


def _translated(source: Mapping[str, tuple[Any, Any]], other: Mapping[str, tuple[Any, Any]]) -> bool:
    """Return whether the items of two languages translate each other.

    Most names are in both, and the gold of these agrees far more than by chance (Cohen's kappa). In data sorted by gold
    it agrees without a translation, so gold must also change from item to item.
    """
    golds = [(_plain(source[name][1]), _plain(other[name][1])) for name in source if name in other]
    if 2 * len(golds) < max(len(source), len(other), 1):
        return False
    first, second = (Counter(side) for side in zip(*golds, strict=True))
    chance = sum(first[gold] * second[gold] for gold in first) / len(golds) ** 2
    equal = sum(own == there for own, there in golds) / len(golds)
    changes = sum(before != after for (before, _), (after, _) in pairwise(golds)) / max(len(golds) - 1, 1)
    mixed = 1 - sum(count**2 for count in first.values()) / len(golds) ** 2
    return chance < 1 and (equal - chance) / (1 - chance) >= EQUAL_GOLD and changes >= mixed / 2


def _plain(gold: Any) -> str:
    """Return gold as text, because a list of labels cannot be counted."""
    return json.dumps(gold, sort_keys=True)


def _agreement(languages: Sequence[Mapping[str, tuple[Any, Any]]]) -> Agreement:
    """Return the agreement over the items that all languages have with equal gold."""
    first = languages[0]
    common = [name for name in first if all(name in items for items in languages)]
    equal = [name for name in common if all(same(items[name][1], first[name][1]) for items in languages)]
    agreed = [name for name in equal if all(same(items[name][0], first[name][0]) for items in languages)]
    right = [name for name in agreed if same(first[name][0], first[name][1])]
    return Agreement(items=len(equal), same=len(agreed), right=len(right))
