"""Counts of the rows of a tokenized set: read, left out by reason, used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from layover import kinds
from layover.data.augment import Augment, Substitution
from layover.data.features import Features
from layover.data.row_ids import Id, distinct
from layover.data.subset import leave_out
from layover.data.synonyms import Synonyms
from layover.data.tally import EMPTY, HELD_OUT, LIMIT, NO_GOLD, WITHOUT, LeftOut, Reason, Tally, rows_read
from layover.records import Accounts, Rows, TextChanges
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.steps.artifacts import META, PERTURBED
from layover.store import Store


class Account:
    """The examples of a node between reading and encoding.

    Args:
        spec: The specification of the node.
        examples: All examples that were read, in order.
        tally: Counts of the reading; rows without gold and empty rows are counted again among the kept examples.
    """

    def __init__(self, spec: TokenizeSpec, examples: list[Any], tally: Tally) -> None:
        self._spec = spec
        self._tally = tally
        self._numbers = {id(example): number for number, example in enumerate(examples)}
        self._read = examples  # keeps the objects alive, so that their ids stay unique
        self.examples = examples
        """The examples that are kept so far."""
        tally.forget(NO_GOLD, EMPTY)
        self._source = rows_read(len(examples), tally.left_out())

    def cut(self, without: Collection[bytes]) -> list[Any]:
        """Return the examples that remain after `without`, the hold-out and the limit."""
        kind, subset = kinds.get(self._spec.kind), self._spec.subset
        if without:
            self._keep(leave_out(self.examples, without, kind), WITHOUT)
        self._keep(subset.held(self.examples, kind), HELD_OUT)
        self._keep(subset.limited(self.examples), LIMIT)
        return self.examples

    def copy(self, augment: Augment, synonyms: Synonyms) -> list[Any]:
        """Return the copies of the kept examples with other words: all copies of an example follow each other."""
        kind, copies, numbers = kinds.get(self._spec.kind), list[Any](), dict[int, int]()
        for example in self.examples:
            row = self._numbers[id(example)]
            for copy in range(augment.copies):
                draw = Substitution(synonyms, augment.seed, copy, row, augment.kept)
                copies.append(kind.substituted(example, draw))
                numbers[id(copies[-1])] = row
        self.examples, self._numbers = copies, numbers
        return copies

    def meta(self, features: Features) -> dict[str, Any]:
        """Return the counts of rows, and the reasons why rows are not used.

        `used` is the number of examples with gold; `left_out` has the reasons for the other rows. A set may also be
        trained on: `learned` is the number of used examples that a training learns from, and `unlearnable` has the
        reasons for the others.
        """
        kind = kinds.get(self._spec.kind)
        lacking = [number for number, example in enumerate(self.examples) if not kind.has_gold(example)]
        if lacking:
            self._tally.add(NO_GOLD, self._place(lacking[0]), len(lacking))
        by_reason = kind.unlearnable(features, self.examples)
        unlearnable = {reason: numbers for reason, numbers in by_reason.items() if numbers}
        idle = {number for reason, numbers in unlearnable.items() if reason.sort == "lost" for number in numbers}
        reasons = [
            LeftOut(reason.text, reason.sort, len(numbers), self._place(numbers[0]))
            for reason, numbers in unlearnable.items()
        ]
        return {
            "source_rows": self._source,
            "used": len(self.examples) - len(lacking),
            "left_out": _as_json(self._tally.left_out()),
            "learned": len(self.examples) - len(idle.union(lacking)),
            "unlearnable": _as_json(reasons),
        }

    def rows(
        self,
        lengths: Sequence[int | None],
        windows: Sequence[int | None],
        max_length: int,
        groups: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the fields of `load_rows` for each kept example; the ids are None unless all of them differ.

        Args:
            lengths: Number of tokens of each example before it is cut; None in training data.
            windows: Number of the window with the answer; None without windows or answer.
            max_length: Most tokens of a row.
            groups: The text that makes examples one item, if the examples were changed since; else None.
        """
        first: dict[str, int] = {}
        numbered = [first.setdefault(text, number) for number, text in enumerate(groups or ())]
        numbers = [self._numbers[id(example)] for example in self.examples]
        ids: list[Id | None] = [self._tally.own_id(number) for number in numbers]
        named = ids if distinct(ids) else [None] * len(ids)
        places = [_without_folder(self._tally.where(number)) for number in numbers]
        rows: list[dict[str, Any]] = [
            {
                "id": own,
                "where": where,
                "tokens": length,
                "cut": None if length is None else length > max_length,
                "window": window,
            }
            for own, where, length, window in zip(named, places, lengths, windows, strict=True)
        ]
        return [{**row, "group": group} for row, group in zip(rows, numbered, strict=True)] if numbered else rows

    def _keep(self, kept: list[Any], reason: Reason) -> None:
        self._tally.add(reason, count=len(self.examples) - len(kept))
        self.examples = kept

    def _place(self, number: int) -> str:
        return self._tally.where(self._numbers[id(self.examples[number])])


def accounts_of(spec: ScoreSpec, store: Store) -> Accounts:
    """Return the counts of rows of all data behind a score."""
    return Accounts(
        training=tuple(_learned(store, key) for key in spec.training),
        scored={language: _rows(store, data) for language, (_, data) in sorted(spec.predictions.items())},
    )


def text_changes_of(spec: ScoreSpec, store: Store) -> TextChanges | None:
    """Return the perturbation of the scored texts; None for the texts of the data."""
    metas = {language: store.read(data, META) for language, (_, data) in sorted(spec.predictions.items())}
    changes = {language: meta[PERTURBED] for language, meta in metas.items() if PERTURBED in meta}
    if not changes:
        return None
    first = next(iter(changes.values()))
    return TextChanges(
        perturbation=first["perturbation"],
        seed=first["seed"],
        words={language: each["words"] for language, each in changes.items()},
        changed={language: each["changed"] for language, each in changes.items()},
    )


def without_gold(spec: ScoreSpec, language: str, gold: int, examples: int, store: Store) -> str:
    """Return the reason why a language has no score if examples lack gold, with the place of the first."""
    if not gold:
        return "no gold labels"
    where = first_without_gold(store, spec.predictions[language][1])
    return f"{gold} of {examples} examples have gold; the first without is {where}"


def first_without_gold(store: Store, key: str) -> str:
    """Return file and line of the first example without gold in a tokenized set, or an empty text."""
    return next((reason.first for reason in _rows(store, key).left_out if reason.reason == NO_GOLD.text), "")


def _rows(store: Store, key: str) -> Rows:
    meta = store.read(key, META)
    return Rows(read=meta["source_rows"], used=meta["used"], left_out=meta["left_out"])


def _learned(store: Store, key: str) -> Rows:
    meta = store.read(key, META)
    left_out = [*meta["left_out"], *meta["unlearnable"]]
    return Rows(read=meta["source_rows"], used=meta["learned"], left_out=left_out)


def _as_json(left_out: Iterable[LeftOut]) -> list[dict[str, Any]]:
    return [replace(reason, first=_without_folder(reason.first)).as_json() for reason in left_out]


def _without_folder(where: str) -> str:
    """Return a place without its folder, `train.csv:3`, because folders differ between machines."""
    return where.rpartition("/")[2]
