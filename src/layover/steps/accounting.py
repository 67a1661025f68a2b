"""What became of the rows of a tokenized set: read, left out by reason, used."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from layover import kinds
from layover.data.features import Features
from layover.data.row_ids import Id, distinct
from layover.data.subset import leave_out
from layover.data.tally import EMPTY, HELD_OUT, LIMIT, NO_GOLD, WITHOUT, LeftOut, Reason, Tally, rows_read
from layover.records import Accounts, Rows
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.steps.artifacts import META
from layover.store import Store


class Account:
    """The examples of one file on their way to what is encoded.

    Args:
        spec: Of the node.
        examples: All that were read, in their order.
        tally: Of their reading; what it counted on the whole file is counted anew on what is kept.
    """

    def __init__(self, spec: TokenizeSpec, examples: list[Any], tally: Tally) -> None:
        self._spec = spec
        self._tally = tally
        self._numbers = {id(example): number for number, example in enumerate(examples)}
        self._read = examples  # alive, so that no other object has the id of one
        self.examples = examples
        """Those that are kept so far."""
        tally.forget(NO_GOLD, EMPTY)
        self._source = rows_read(len(examples), tally.left_out())

    def cut(self, without: Collection[bytes]) -> list[Any]:
        """Return what the recipe leaves of the examples: no text of `without`, the hold-out, the limit."""
        kind, subset = kinds.get(self._spec.kind), self._spec.subset
        if without:
            self._keep(leave_out(self.examples, without, kind), WITHOUT)
        self._keep(subset.held(self.examples, kind), HELD_OUT)
        self._keep(subset.limited(self.examples), LIMIT)
        return self.examples

    def meta(self, features: Features) -> dict[str, Any]:
        """Return the counts of rows, and the reasons for those that are not used.

        One set may be trained on and scored: `used` are the examples with gold, `left_out` says of the other rows why.
        `learned` and `unlearnable` say beside how many of the former a training learns from, and what of the rest.
        """
        kind = kinds.get(self._spec.kind)
        lacking = [number for number, example in enumerate(self.examples) if not kind.has_gold(example)]
        if lacking:
            self._tally.add(NO_GOLD, self._place(lacking[0]), len(lacking))
        unlearnable = {reason: found for reason, found in kind.unlearnable(features, self.examples).items() if found}
        idle = {number for reason, found in unlearnable.items() if reason.sort == "lost" for number in found}
        beside = [LeftOut(one.text, one.sort, len(found), self._place(found[0])) for one, found in unlearnable.items()]
        return {
            "source_rows": self._source,
            "used": len(self.examples) - len(lacking),
            "left_out": _as_json(self._tally.left_out()),
            "learned": len(self.examples) - len(idle.union(lacking)),
            "unlearnable": _as_json(beside),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return of each kept example its id in the data, and its place; None unless each has an id of its own."""
        numbers = [self._numbers[id(example)] for example in self.examples]
        ids: list[Id | None] = [self._tally.own_id(number) for number in numbers]
        named = ids if distinct(ids) else [None] * len(ids)
        places = [_without_folder(self._tally.where(number)) for number in numbers]
        return [{"id": own, "where": where} for own, where in zip(named, places, strict=True)]

    def _keep(self, kept: list[Any], reason: Reason) -> None:
        self._tally.add(reason, count=len(self.examples) - len(kept))
        self.examples = kept

    def _place(self, number: int) -> str:
        return self._tally.where(self._numbers[id(self.examples[number])])


def accounts_of(spec: ScoreSpec, store: Store) -> Accounts:
    """Return what became of the rows of everything that a score rests on."""
    return Accounts(
        training=tuple(_learned(store, key) for key in spec.training),
        scored={language: _rows(store, data) for language, (_, data) in sorted(spec.predictions.items())},
    )


def without_gold(spec: ScoreSpec, language: str, gold: int, examples: int, store: Store) -> str:
    """Return why a language has no score whose examples do not all have gold, with the place of the first."""
    if not gold:
        return "no gold labels"
    where = first_without_gold(store, spec.predictions[language][1])
    return f"{gold} of {examples} examples have gold; the first without is {where}"


def first_without_gold(store: Store, key: str) -> str:
    """Return the file and line of the first example of a tokenized set that has no gold; empty where all have."""
    return next((one.first for one in _rows(store, key).left_out if one.reason == NO_GOLD.text), "")


def _rows(store: Store, key: str) -> Rows:
    meta = store.read(key, META)
    return Rows(read=meta["source_rows"], used=meta["used"], left_out=meta["left_out"])


def _learned(store: Store, key: str) -> Rows:
    meta = store.read(key, META)
    left_out = [*meta["left_out"], *meta["unlearnable"]]
    return Rows(read=meta["source_rows"], used=meta["learned"], left_out=left_out)


def _as_json(left_out: Iterable[LeftOut]) -> list[dict[str, Any]]:
    return [replace(one, first=_without_folder(one.first)).as_json() for one in left_out]


def _without_folder(where: str) -> str:
    """Return `train.csv:3`: where the file lies differs between machines, and results do not."""
    return where.rpartition("/")[2]
