"""Classification of a text or of a pair of texts: NLI, paraphrase, topic."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.features import Column, Features
from layover.data.formats import FileLayout, Row, read
from layover.data.reading import Columns, Reading
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, nearest
from layover.identity import Json
from layover.kinds._answers import logits_program, softmax
from layover.kinds._arrays import finite
from layover.kinds._keys import (
    CODES,
    FROM_TRAINING,
    TEXTS,
    CodesKeys,
    KeyCheck,
    Keys,
    LabelKeys,
    Mistakes,
    TextKeys,
    gold_as_text,
    pair,
    texts_of,
)
from layover.kinds._pairs import PairKind, encode_pairs, texts_in
from layover.kinds._submission import Submission, as_many
from layover.layouts.heads import HeadForm


@dataclass(frozen=True, slots=True)
class Example:
    """A text or a pair of texts, and a label; None is no gold."""

    first: str
    second: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class ClassificationResult:
    """The predicted label of a text, or of a pair of texts."""

    label: str
    scores: dict[str, float]
    """Label -> probability, in the order of the task's labels; they sum to 1."""


class _Lines(Submission):
    """One label per line."""

    def text(self, answers: Sequence[Any], examples: Sequence[Any], columns: Columns) -> str:  # noqa: ARG002
        return "".join(f"{answer}\n" for answer in answers)

    def read(
        self,
        path: pathlib.Path,
        examples: Sequence[Any],
        columns: Columns,  # noqa: ARG002
        labels: Sequence[str],
    ) -> list[Any]:
        answers = [str(row.values["text"]).strip() for row in read(path, FileLayout(format="lines"))]
        wrong = sorted(set(answers) - set(labels))
        if wrong:
            raise DataError(f"{path}: {wrong[0]!r} is not a label; {nearest(wrong[0], labels)}")
        return as_many(answers, path, len(examples))


def _gold_read(own: Any) -> Mistakes:
    return gold_as_text(texts_of(own), own.label)


class Classification(PairKind[Example]):
    """One row per example, one logit per label; a prediction is a label.

    A gold label may be unknown if the labels come from the training data. It is not trained on and cannot be predicted,
    so the example is scored as wrong.
    """

    name: ClassVar[str] = "classification"
    same_in_translation: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 40
    open_labels: ClassVar[bool] = True
    classes: ClassVar[bool] = True
    keys: ClassVar[tuple[type[Keys], ...]] = (TextKeys, LabelKeys, CodesKeys)
    checks: ClassVar[tuple[KeyCheck, ...]] = (TEXTS, CODES, KeyCheck(_gold_read, ("kind", "text", "label")))
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    columns: ClassVar[Mapping[str, Column]] = {"label": Column(np.int64, "unit", padding=-1)}  # -1 = no gold
    head: ClassVar[HeadForm | None] = HeadForm(
        transformers="ForSequenceClassification",
        adapters="classification",
        reads="the first token: dense, tanh, out",
        pooled=True,
        labelled=True,
        adapters_settings={"bias": True},
    )
    submission: ClassVar[Submission | None] = _Lines()
    result: ClassVar[type[Any] | None] = ClassificationResult

    def declared(self, own: Any) -> dict[str, Any]:
        columns = {"label": own.label, **pair(own)}
        return {
            "columns": columns,
            "labels": own.declared_labels(),
            "meanings": own.meanings,
            "labels_from_training": own.labels == FROM_TRAINING,
            "codes": own.written_codes(),
        }

    def unfit_labels(self, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:
        if not from_training and len(set(labels)) < 2:
            yield "classification needs two or more labels, or `labels: from training`"

    def parse(self, row: Row, reading: Reading) -> Example:
        label = reading.label(reading.gold(row, "label"), row)
        return Example(*texts_in(row, reading), label)

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],
        max_length: int,
        stride: int,  # noqa: ARG002 - a text too long is cut, not windowed
    ) -> Features:
        arrays = encode_pairs([(item.first, item.second) for item in examples], tokenizer, max_length)
        codes: dict[str | None, int] = {label: code for code, label in enumerate(labels)}
        arrays["label"] = np.array([codes.get(item.label, -1) for item in examples], np.int64)
        return Features(arrays, columns=self.columns)

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],  # noqa: ARG002 - the logits suffice
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        logits = finite(outputs, "logits", (features.rows, len(labels)))
        return [labels[index] for index in logits.argmax(axis=1)]

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[ClassificationResult]:
        decoded: list[Any] = self.decode(outputs, features, examples, labels=labels)
        return [
            ClassificationResult(label, dict(zip(labels, row, strict=True)))
            for label, row in zip(decoded, softmax(outputs["logits"]).tolist(), strict=True)
        ]

    def shown_program(self, columns: Columns, cut: str) -> list[str]:
        return [*logits_program(columns, cut), "print(labels[logits.argmax()])"]

    def to_json(self, example: Example) -> dict[str, Json]:
        return {"first": example.first, "second": example.second, "label": example.label}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        return Example(values["first"], values["second"], values["label"])

    def gold(self, example: Example) -> str | None:
        return example.label

    def head_size(self, labels: tuple[str, ...]) -> int:
        return len(labels)


KIND = Classification()
