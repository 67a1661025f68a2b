"""Masked language modelling: tokens of a text, or of a text and its translation (TLM), are masked and predicted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.features import Features
from layover.data.formats import Row
from layover.data.masking import roles_of
from layover.data.reading import Reading
from layover.data.tally import NO_TOKEN, Reason
from layover.data.tokenizer import Ids, Pieces, Tokenizer, longest_first
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._arrays import finite, flat
from layover.kinds._keys import TEXTS, KeyCheck, Keys, Path, TextKeys, pair, texts_of
from layover.kinds._kind import ONE_FILE, Kind, Paths
from layover.kinds._row_score import RowScore
from layover.metrics._metric import NO_RULES, Rules


@dataclass(frozen=True, slots=True)
class Example:
    """A text, and its translation if there is one."""

    first: str
    second: str | None


class MaskedLanguageModelling(Kind[Example]):
    """One row per text or pair; the text is its own gold, and each batch draws the tokens to mask.

    A long text is split into the smallest number of windows, equally long and without overlap. If a pair is too long,
    tokens are removed one by one from the end of the longer text. A prediction is the sum of -log p over the masked
    tokens of an example, their number, and the number of correct predictions.
    """

    name: ClassVar[str] = "mlm"
    changes_tokens: ClassVar[bool] = True
    in_parts: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 30
    teaches_language: ClassVar[bool] = True
    required: ClassVar[frozenset[str]] = frozenset({"first"})
    optional: ClassVar[frozenset[str]] = frozenset({"second"})
    keys: ClassVar[tuple[type[Keys], ...]] = (TextKeys,)
    checks: ClassVar[tuple[KeyCheck, ...]] = (TEXTS,)
    metrics: ClassVar[tuple[str, ...]] = ("mlm_accuracy", "mlm_loss")
    pipeline: ClassVar[str] = "fill-mask"

    def declared(self, own: Any) -> dict[str, Any]:
        return {"columns": pair(own)}

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:
        return texts_of(own)

    def paths(self, columns: Collection[str]) -> Paths:
        several = "one file, or two files with the texts and their translations, line by line"
        return Paths(1, 2, several) if "second" in columns else ONE_FILE

    def lines_are_sentences(self, paths: int) -> bool:
        return paths > 1

    def parse(self, row: Row, reading: Reading) -> Example:
        first = reading.text(row, "first")
        if not first.strip():
            raise DataError(f"{row.where()}: {reading.columns['first']!r} is empty; remove the row or write a text")
        return Example(first, _second(row, reading))

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],  # noqa: ARG002 - the tokens are the labels
        max_length: int,
        stride: int,  # noqa: ARG002 - windows do not overlap
    ) -> Features:
        if max_length < tokenizer.overhead(pair=True) + 2:
            raise DataError(f"max_length {max_length} has no room for a pair of texts")
        pieces = tokenizer.pieces([text for item in examples for text in (item.first, item.second) if text is not None])
        rows, owner, segments = [], [], []
        for number, item in enumerate(examples):
            for first, second in _parts(item, pieces, tokenizer, max_length):
                ids, types = tokenizer.row(first, second)
                rows.append(ids)
                owner.append(number)
                segments.append(types)
        return Features({**flat(rows, owner, segments), "roles": roles_of(tokenizer)})

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],  # noqa: ARG002
    ) -> list[Json]:
        owner = features.arrays["example"]
        sums = {
            name: np.bincount(owner, weights=finite(outputs, name, (features.rows,)), minlength=len(examples))
            for name in ("nats", "masked", "correct")
        }
        return [
            {"nats": float(nats), "masked": int(masked), "correct": int(correct)}
            for nats, masked, correct in zip(*sums.values(), strict=True)
        ]

    def to_json(self, example: Example) -> dict[str, Json]:
        return {"first": example.first, "second": example.second}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        return Example(values["first"], values["second"])

    def gold(self, example: Example) -> str:
        return example.first

    def labels_of(self, gold: str) -> list[str]:  # noqa: ARG002 - gold is the text itself
        return []

    def row_score_fields(self, metrics: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002 - tokens are counted
        return ("tokens_right", "tokens_wrong", "loss")

    def row_score(
        self,
        answer: Any,
        example: Example,  # noqa: ARG002 - the answer has counts
        *,
        metrics: Sequence[str],  # noqa: ARG002 - tokens are counted
        language: str,  # noqa: ARG002
        rules: Rules = NO_RULES,  # noqa: ARG002
    ) -> RowScore | None:
        """Return the counts of masked tokens, and the mean of -log p over them; None if no token was masked."""
        masked, right = answer["masked"], answer["correct"]
        if not masked:
            return None
        loss = answer["nats"] / masked
        return RowScore(loss, {"tokens_right": right, "tokens_wrong": masked - right, "loss": loss})

    def group_of(self, example: Example) -> str:
        return example.first

    def texts_of(self, example: Example) -> tuple[str, ...]:
        return (example.first,) if example.second is None else (example.first, example.second)

    def unlearnable(self, features: Features, examples: Sequence[Example]) -> dict[Reason, list[int]]:
        """Return the texts without an ordinary token, where no token can be masked."""
        ordinary = np.equal(features.arrays["roles"][features.arrays["ids"]], 0)
        owner = np.repeat(features.arrays["example"], features.lengths)
        counts = np.bincount(owner, weights=ordinary, minlength=len(examples))
        return {NO_TOKEN: np.flatnonzero(counts == 0).tolist()}

    def head_size(self, labels: tuple[str, ...]) -> None:  # noqa: ARG002
        return None

    def logits_per_token(self, vocabulary: int, hidden_percent: int) -> float:
        return hidden_percent / 100 * vocabulary


def _second(row: Row, reading: Reading) -> str | None:
    """Return the translation; None if the column is null or empty."""
    column = reading.columns.get("second")
    if column is None or (isinstance(column, str) and "{" not in column and reading.value(row, "second") is None):
        return None
    text = reading.text(row, "second")
    return text if text.strip() else None


def _parts(
    item: Example, pieces: Mapping[str, Pieces], tokenizer: Tokenizer, max_length: int
) -> Iterator[tuple[Ids, Ids | None]]:
    """Yield the token ids of each row of an example."""
    first = pieces[item.first].ids
    if item.second is None:
        room = max_length - tokenizer.overhead(pair=False)
        for part in np.array_split(first, max(1, -(-len(first) // room))):
            yield part, None
    else:
        second = pieces[item.second].ids
        kept = longest_first(len(first), len(second), max_length - tokenizer.overhead(pair=True))
        yield first[: kept[0]], second[: kept[1]]


KIND = MaskedLanguageModelling()
