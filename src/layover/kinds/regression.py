"""Regression: a text, or a pair of texts, and a number, such as similarity, quality or sentiment."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.features import Column, Features
from layover.data.formats import Row
from layover.data.reading import Columns, Reading
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._answers import logits_program
from layover.kinds._arrays import finite
from layover.kinds._keys import TEXTS, KeyCheck, Keys, LabelKeys, Mistakes, TextKeys, gold_as_text, pair, texts_of
from layover.kinds._pairs import PairKind, encode_pairs, texts_in
from layover.kinds._row_score import RowScore
from layover.layouts.heads import HeadForm
from layover.metrics._metric import NO_RULES, Rules
from layover.settings import Gold

_WRITTEN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
MOST = float(np.finfo(np.float32).max)
"""The largest gold value: models train in float32."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text or a pair of texts, and a number; None is no gold."""

    first: str
    second: str | None
    label: float | None


@dataclass(frozen=True, slots=True)
class RegressionResult:
    """The predicted number of a text, or of a pair of texts."""

    value: float
    """The number, in the unit of the gold; it may be outside the range of the gold."""


class RangeKeys(Keys):
    """The range of the gold."""

    range: tuple[Gold, Gold] | None = None
    """regression: the lowest and the highest possible gold; by default any number."""


def _gold_read(own: Any) -> Mistakes:
    return gold_as_text(texts_of(own), own.label)


def _range(own: Any) -> Mistakes:
    low, high = own.range or (0.0, 1.0)
    if low >= high:
        yield (
            ("range",),
            f"is {low:g} to {high:g}, but {low:g} is not below {high:g}; write the lowest number, then the highest",
        )


class Regression(PairKind[Example]):
    """One row per example, one output: the number itself; a prediction is a number."""

    name: ClassVar[str] = "regression"
    typical_tokens: ClassVar[int] = 40
    keys: ClassVar[tuple[type[Keys], ...]] = (TextKeys, LabelKeys, RangeKeys)
    checks: ClassVar[tuple[KeyCheck, ...]] = (
        TEXTS,
        KeyCheck(_gold_read, ("kind", "text", "label")),
        KeyCheck(_range, ("kind", "range")),
    )
    metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman")
    columns: ClassVar[Mapping[str, Column]] = {"number": Column(np.float32, "unit", padding=math.nan)}  # NaN = no gold
    head: ClassVar[HeadForm | None] = HeadForm(
        transformers="ForSequenceClassification",
        adapters="classification",
        reads="the first token: dense, tanh, out",
        pooled=True,
        outputs=1,
        problem_type="regression",
        adapters_settings={"bias": True},
    )
    result: ClassVar[type[Any] | None] = RegressionResult

    def declared(self, own: Any) -> dict[str, Any]:
        options = {} if own.range is None else {"range": list(own.range)}
        return {"columns": {"label": own.label, **pair(own)}, "options": options}

    def unfit_labels(self, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:  # noqa: ARG002
        if labels:
            yield "regression has no labels, because its gold is a number"

    def parse(self, row: Row, reading: Reading) -> Example:
        raw = reading.gold(row, "label")
        label = None if raw is None or raw == "" else _number(raw, row, reading)
        return Example(*texts_in(row, reading), label)

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],  # noqa: ARG002 - there are none
        max_length: int,
        stride: int,  # noqa: ARG002 - a text too long is cut, not windowed
    ) -> Features:
        arrays = encode_pairs([(item.first, item.second) for item in examples], tokenizer, max_length)
        arrays["number"] = np.array([math.nan if item.label is None else item.label for item in examples], np.float32)
        return Features(arrays, columns=self.columns)

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],  # noqa: ARG002 - the outputs suffice
        *,
        labels: tuple[str, ...],  # noqa: ARG002 - there are none
    ) -> list[Json]:
        return [float(value) for value in finite(outputs, "number", (features.rows,))]

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[RegressionResult]:
        decoded: list[Any] = self.decode(outputs, features, examples, labels=labels)
        return [RegressionResult(value) for value in decoded]

    def shown_program(self, columns: Columns, cut: str) -> list[str]:
        return [*logits_program(columns, cut), "print(float(logits[0, 0]))"]

    def to_json(self, example: Example) -> dict[str, Json]:
        return {"first": example.first, "second": example.second, "label": example.label}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        return Example(values["first"], values["second"], values["label"])

    def gold(self, example: Example) -> float | None:
        return example.label

    def labels_of(self, gold: float) -> list[str]:  # noqa: ARG002 - numbers are not counted
        return []

    def row_score_fields(self, metrics: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002 - a correlation has no rows
        return ("absolute_error",)

    def row_score(
        self,
        answer: Any,
        example: Example,
        *,
        metrics: Sequence[str],  # noqa: ARG002 - a correlation has no rows
        language: str,  # noqa: ARG002
        rules: Rules = NO_RULES,  # noqa: ARG002
    ) -> RowScore | None:
        """Return the absolute difference of answer and gold."""
        if example.label is None:
            return None
        difference = abs(answer - example.label)
        return RowScore(difference, {"absolute_error": difference})

    def head_size(self, labels: tuple[str, ...]) -> int:  # noqa: ARG002 - always one number
        return 1


def _number(raw: object, row: Row, reading: Reading) -> float:
    """Return the gold of a row.

    Raises:
        DataError: the value is not a finite number, or is outside the range of the task; with file:line.
    """
    number, column = number_of(raw), reading.columns["label"]
    if isinstance(number, str):
        reason = number
        raise DataError(f"{row.where()}: {column!r} is {raw!r:.60}, which {reason}")
    low, high = reading.options.get("range") or (-math.inf, math.inf)
    if not low <= number <= high:
        raise DataError(
            f"{row.where()}: {column!r} is {number:g}, outside the range of the task, {low:g} to {high:g}; correct it, "
            "change `range`, or leave it empty if there is no gold"
        )
    return number


def number_of(value: object) -> float | str:
    """Return the number of a raw value, or the reason why it is not a number.

    Text such as `4.2` or `-1e-3` is a number, because tables contain only text. NaN, infinity and booleans are not
    numbers.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return "is not a number"
    if isinstance(value, str):
        text = value.strip()
        if _COMMA.fullmatch(text):
            return f"is not a number; write {text.replace(',', '.')}"
        if not _WRITTEN.fullmatch(text):
            return "is not a number"
        value = text
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        return "is not a number"
    return number if abs(number) <= MOST else "is not a finite number of 32 bits"


KIND = Regression()
