"""Rounds of trainings by whose results a value is chosen, and the choices that a store has."""

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
    """What a round chose."""

    value: str
    scores: Mapping[str, float]
    """Value of each candidate -> what it was judged by."""


@dataclass(frozen=True)
class Candidate:
    """A value that may be chosen."""

    value: str
    """As people read it, `lr=0.001`."""
    method: ResolvedMethod
    """The method with that value."""
    node: str
    """Key of the node whose result speaks for it."""


@dataclass(frozen=True)
class Round:
    """Candidates of which one is chosen when all their nodes are finished."""

    label: str
    """What is chosen, for people."""
    rule: str
    """By what it is chosen; another rule may choose another candidate, and makes another round."""
    candidates: tuple[Candidate, ...]
    chosen: RoundResult | None = None
    """None while it is open."""

    @property
    def key(self) -> str:
        """SHA-256 of the rule and of the candidates with the keys of their nodes."""
        return key_of({"rule": self.rule, "candidates": {one.value: one.node for one in self.candidates}})

    def nodes(self) -> tuple[str, ...]:
        """Return the keys of the nodes that have to be finished."""
        return tuple(one.node for one in self.candidates)

    def method(self) -> ResolvedMethod | None:
        """Return the method with the chosen value; None while the round is open."""
        value = None if self.chosen is None else self.chosen.value
        return next((one.method for one in self.candidates if one.value == value), None)


class Choices:
    """The choices of a store, a file for each round.

    Args:
        root: Of the store; the folder of the choices in it is made with the first one.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / CHOICES

    def made(self, asked: Round) -> Round:
        """Return a round with its choice, if there is one for exactly its candidates; a damaged file is none."""
        file = self._file(asked)
        if not os.path.lexists(file):
            return asked
        try:
            values = read_json(file)
        except StoreError:
            return asked
        known = {one.value for one in asked.candidates}
        if not is_sealed(values) or values["value"] not in known:
            return asked
        return replace(asked, chosen=RoundResult(values["value"], values["scores"]))

    def make(self, asked: Round, choice: RoundResult) -> None:
        """Keep what a round chose; a kill leaves the file whole or absent, and the next run chooses the same.

        Raises:
            StoreError: the choice is none of the candidates.
        """
        known = [one.value for one in asked.candidates]
        if choice.value not in known:
            raise StoreError(f"{asked.label}: {choice.value!r} was chosen, which is none of {', '.join(known)}")
        self._folder.mkdir(parents=True, exist_ok=True)
        what = {"label": asked.label, "rule": asked.rule, "nodes": dict(zip(known, asked.nodes(), strict=True))}
        write_json(self._file(asked), sealed({**what, "value": choice.value, "scores": dict(choice.scores)}))

    def _file(self, asked: Round) -> Path:
        return self._folder / f"{asked.key}.json"
