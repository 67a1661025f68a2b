"""Rounds of trainings whose results choose a value, and the choices that a store has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from layover.errors import StoreError
from layover.identity import key_of
from layover.recipe import ResolvedMethod
from layover.store import write_json
from layover.store.files import is_sealed, read_json, sealed
from layover.store.leftovers import CHOICES

Curve = tuple[tuple[float, float | None], ...]
"""Epoch and development score of each evaluation of a training."""


@dataclass(frozen=True)
class RoundResult:
    """The choice of a round."""

    values: tuple[str, ...]
    """The chosen candidates, the best first."""
    scores: Mapping[str, float | None]
    """Value of each candidate -> the score that it was chosen or rejected by; None if it has none."""
    curves: Mapping[str, tuple[Curve, ...]] = field(default_factory=dict)
    """Value of each candidate -> the development scores of each of its trainings."""

    @property
    def value(self) -> str:
        """The best candidate."""
        return self.values[0]


@dataclass(frozen=True)
class Candidate:
    """A value that may be chosen."""

    value: str
    """For display: `lr=0.001`."""
    method: ResolvedMethod
    """The method with that value."""
    nodes: tuple[str, ...]
    """Keys of the nodes whose results are compared: their mean counts."""


@dataclass(frozen=True)
class Round:
    """Candidates; when all their nodes are finished, the best are chosen."""

    label: str
    """Name of the value that is chosen, for display."""
    rule: str
    """How the candidates are chosen; another rule is another round."""
    candidates: tuple[Candidate, ...]
    keeps: int = 1
    """Number of candidates that are chosen."""
    chosen: RoundResult | None = None
    """None while it is open."""
    method_name: str = ""
    """The method whose values are chosen; like the next three fields no part of the key."""
    where: str = ""
    """What the choice is for: `mini, ner`."""
    until: float | None = None
    """The share of the steps after which the trials are compared; None: after all."""
    later: tuple[str, ...] = ()
    """Keys of the nodes that later rounds may add."""

    @property
    def key(self) -> str:
        """SHA-256 of the rule and of the candidates with the keys of their nodes."""
        nodes = {candidate.value: list(candidate.nodes) for candidate in self.candidates}
        return key_of({"rule": self.rule, "keeps": self.keeps, "candidates": nodes})

    def nodes(self) -> tuple[str, ...]:
        """Return the keys of the nodes that have to be finished, each once."""
        return tuple(dict.fromkeys(key for candidate in self.candidates for key in candidate.nodes))

    def score(self, value: str) -> float | None:
        """Return the score of a candidate; None while the round is open, or without a score."""
        return None if self.chosen is None else self.chosen.scores.get(value)

    def survivors(self) -> tuple[Candidate, ...]:
        """Return the chosen candidates, the best first; nothing while the round is open."""
        values = () if self.chosen is None else self.chosen.values
        named = {candidate.value: candidate for candidate in self.candidates}
        return tuple(named[value] for value in values)

    def method(self) -> ResolvedMethod | None:
        """Return the method with the best value; None while the round is open."""
        return next((candidate.method for candidate in self.survivors()), None)


class Choices:
    """The choices of a store, a file for each round.

    Args:
        root: The folder of the store; the first choice makes the subfolder of the choices.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / CHOICES

    def made(self, choice_round: Round) -> Round:
        """Return a round with its choice, if the store has one for exactly its candidates; ignore a damaged file."""
        file = self._file(choice_round)
        if not os.path.lexists(file):
            return choice_round
        try:
            values = read_json(file)
        except StoreError:
            return choice_round
        known = {candidate.value for candidate in choice_round.candidates}
        if not is_sealed(values) or not values["values"] or not known.issuperset(values["values"]):
            return choice_round
        return replace(choice_round, chosen=_result(values))

    def make(self, choice_round: Round, choice: RoundResult) -> None:
        """Store the choice of a round. A kill leaves the file complete or absent; the next run chooses the same.

        Raises:
            StoreError: a choice is not a candidate, or there is none.
        """
        known = [candidate.value for candidate in choice_round.candidates]
        for value in choice.values or ("",):
            if value not in known:
                raise StoreError(f"{choice_round.label}: the choice {value!r} is none of {', '.join(known)}")
        self._folder.mkdir(parents=True, exist_ok=True)
        nodes = {candidate.value: list(candidate.nodes) for candidate in choice_round.candidates}
        description = {"label": choice_round.label, "rule": choice_round.rule, "nodes": nodes}
        curves = {value: [[list(point) for point in curve] for curve in each] for value, each in choice.curves.items()}
        result = {"values": list(choice.values), "scores": dict(choice.scores), "curves": curves}
        write_json(self._file(choice_round), sealed({**description, **result}))

    def _file(self, choice_round: Round) -> Path:
        return self._folder / f"{choice_round.key}.json"


def _result(values: Mapping[str, Any]) -> RoundResult:
    curves = {
        value: tuple(tuple((float(epoch), score) for epoch, score in curve) for curve in each)
        for value, each in values["curves"].items()
    }
    return RoundResult(tuple(values["values"]), values["scores"], curves)
