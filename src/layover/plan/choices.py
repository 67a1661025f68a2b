"""Rounds of trainings whose results choose a value, and the choices that a store has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from layover.errors import StoreError
from layover.identity import key_of
from layover.recipe import ResolvedMethod
from layover.store import write_json
from layover.store.files import is_sealed, read_json, sealed
from layover.store.leftovers import CHOICES


@dataclass(frozen=True)
class RoundResult:
    """The choice of a round."""

    value: str
    scores: Mapping[str, float]
    """Value of each candidate -> the score that it was chosen or rejected by."""


@dataclass(frozen=True)
class Candidate:
    """A value that may be chosen."""

    value: str
    """For display: `lr=0.001`."""
    method: ResolvedMethod
    """The method with that value."""
    node: str
    """Key of the node whose result is compared."""


@dataclass(frozen=True)
class Round:
    """Candidates; when all their nodes are finished, the best is chosen."""

    label: str
    """Name of the value that is chosen, for display."""
    rule: str
    """How the candidate is chosen; another rule is another round."""
    candidates: tuple[Candidate, ...]
    chosen: RoundResult | None = None
    """None while it is open."""

    @property
    def key(self) -> str:
        """SHA-256 of the rule and of the candidates with the keys of their nodes."""
        nodes = {candidate.value: candidate.node for candidate in self.candidates}
        return key_of({"rule": self.rule, "candidates": nodes})

    def nodes(self) -> tuple[str, ...]:
        """Return the keys of the nodes that have to be finished."""
        return tuple(candidate.node for candidate in self.candidates)

    def method(self) -> ResolvedMethod | None:
        """Return the method with the chosen value; None while the round is open."""
        value = None if self.chosen is None else self.chosen.value
        return next((candidate.method for candidate in self.candidates if candidate.value == value), None)


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
        if not is_sealed(values) or values["value"] not in known:
            return choice_round
        return replace(choice_round, chosen=RoundResult(values["value"], values["scores"]))

    def make(self, choice_round: Round, choice: RoundResult) -> None:
        """Store the choice of a round. A kill leaves the file complete or absent; the next run chooses the same.

        Raises:
            StoreError: the choice is not a candidate.
        """
        known = [candidate.value for candidate in choice_round.candidates]
        if choice.value not in known:
            raise StoreError(f"{choice_round.label}: the choice {choice.value!r} is none of {', '.join(known)}")
        self._folder.mkdir(parents=True, exist_ok=True)
        nodes = dict(zip(known, choice_round.nodes(), strict=True))
        description = {"label": choice_round.label, "rule": choice_round.rule, "nodes": nodes}
        result = {"value": choice.value, "scores": dict(choice.scores)}
        write_json(self._file(choice_round), sealed({**description, **result}))

    def _file(self, choice_round: Round) -> Path:
        return self._folder / f"{choice_round.key}.json"
