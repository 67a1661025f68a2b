"""Multi-label classification: any number of labels for a text or for a pair of texts, including none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover import metrics as registry
from layover.data.features import Column, Features
from layover.data.formats import Row
from layover.data.label_sets import labels_in
from layover.data.reading import Columns, Reading
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._answers import logits_program
from layover.kinds._arrays import finite
from layover.kinds._keys import (
    CODES,
    TEXTS,
    CodesKeys,
    KeyCheck,
    Keys,
    LabelKeys,
    Mistakes,
    TextKeys,
    pair,
    texts_of,
)
from layover.kinds._pairs import PairKind, encode_pairs, texts_in
from layover.kinds._row_score import RIGHT, RowScore
from layover.layouts.heads import HeadForm
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._scheme import Scheme

USUAL = 0.5
"""A label is predicted above this probability, unless another threshold is set."""
_TRIED = tuple(number / 100 for number in range(1, 100))
_NO_GOLD = -1.0


@dataclass(frozen=True, slots=True)
class Example:
    """A text or a pair of texts, and its labels in the order of the task; None means no gold, () means no label."""

    first: str
    second: str | None
    label: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class MultilabelResult:
    """The predicted labels of a text, or of a pair of texts."""

    labels: tuple[str, ...]
    """The labels whose probability is above the threshold, in the order of the task."""
    scores: dict[str, float]
    """Label -> probability, in the order of the task's labels. The probabilities are independent of each other."""


class MultilabelKeys(CodesKeys):
    """The form of the labels of an example."""

    label_separator: str | None = None
    """multilabel: the separator of labels, if the column contains them as text: `sport;music`."""
    label_columns: tuple[str, ...] = ()
    """multilabel: columns with 1 or 0, one for each label. Their names are the labels unless `labels` has others."""


def _gold_read(own: Any) -> Mistakes:
    from layover.data import templates

    golds = own.label_columns or (own.label,)
    for path, text in texts_of(own):
        for gold in dict.fromkeys(golds):
            if gold in (text, *templates.places(text)):
                yield path, f"the column {gold!r} is gold, but the encoder would read it as text; remove it from `text`"


def _columns(own: Any) -> Mistakes:
    """Yield the errors in the columns of labels and in the separator."""
    if own.label_separator == "":
        yield ("label_separator",), "is empty; write the separator between two labels"
    elif own.label_separator is not None:
        for label in own.declared_labels():
            if own.label_separator in label:
                yield ("label_separator",), f"is part of the label {label!r} and would split it; use another one"
    if not own.label_columns:
        if own.labels == ():
            yield ("labels",), "multilabel needs `labels`, or `label_columns` with the names of the labels"
        return
    for field in ("label", "label_separator", "codes"):
        if field in own.model_fields_set:
            yield (field,), "has no effect with `label_columns`; remove one of the two"
    for place, name in enumerate(own.label_columns):
        if name in own.label_columns[:place]:
            yield ("label_columns", place), f"{name!r} appears twice; remove one"
    count, labels = len(own.label_columns), len(own.declared_labels())
    if labels not in {0, count}:
        yield (
            ("labels",),
            f"there are {labels} labels for {count} columns of labels; write one label for each column, in their order",
        )


_DECLARED = ("kind", "label", "labels", "label_columns", "label_separator", "codes")


class Multilabel(PairKind[Example]):
    """One row per example, one logit per label; a prediction is the labels and the probability of each label."""

    name: ClassVar[str] = "multilabel"
    same_in_translation: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 120
    keys: ClassVar[tuple[type[Keys], ...]] = (TextKeys, LabelKeys, MultilabelKeys)
    checks: ClassVar[tuple[KeyCheck, ...]] = (
        TEXTS,
        CODES,
        KeyCheck(_gold_read, ("kind", "text", "label", "label_columns")),
        KeyCheck(_columns, _DECLARED),
    )
    metrics: ClassVar[tuple[str, ...]] = ("micro_f1", "multilabel_macro_f1")
    columns: ClassVar[Mapping[str, Column]] = {
        "present": Column(np.float32, "unit", padding=_NO_GOLD, wide=True)  # 1 or 0 of each label, -1 = no gold
    }
    head: ClassVar[HeadForm | None] = HeadForm(
        transformers="ForSequenceClassification",
        adapters="multilabel_classification",
        reads="the first token: dense, tanh, out",
        pooled=True,
        labelled=True,
        problem_type="multi_label_classification",
        adapters_settings={"bias": True},
    )
    result: ClassVar[type[Any] | None] = MultilabelResult
    label_threshold: ClassVar[float | None] = USUAL

    def declared(self, own: Any) -> dict[str, Any]:
        gold = own.label_columns or own.label
        return {
            "columns": {"label": gold, **pair(own)},
            "labels": own.declared_labels() or own.label_columns,
            "meanings": own.meanings,
            "codes": own.written_codes(),
            "options": {} if own.label_separator is None else {"separator": own.label_separator},
        }

    def rules(self, labels: Sequence[str], tags: Scheme | None, options: Mapping[str, Json]) -> Rules:  # noqa: ARG002
        return Rules(labels=tuple(labels))

    def parse(self, row: Row, reading: Reading) -> Example:
        return Example(*texts_in(row, reading), labels_in(row, reading))

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
        places = {label: place for place, label in enumerate(labels)}
        gold = np.zeros((len(examples), len(labels)), np.float32)
        for number, item in enumerate(examples):
            if item.label is None:
                gold[number] = _NO_GOLD
            else:
                gold[number, [places[label] for label in item.label]] = 1
        return Features({**arrays, "present": gold}, columns=self.columns)

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],  # noqa: ARG002 - the logits suffice
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        logits = finite(outputs, "logits", (features.rows, len(labels))).astype(np.float64)
        probabilities = np.exp(-np.logaddexp(0.0, -logits))
        predictions = [{"scores": dict(zip(labels, row, strict=True))} for row in probabilities.tolist()]
        return self.cut(predictions, USUAL)

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[MultilabelResult]:
        decoded: list[Any] = self.decode(outputs, features, examples, labels=labels)
        return [MultilabelResult(tuple(prediction["labels"]), prediction["scores"]) for prediction in decoded]

    def cut(self, predictions: Sequence[Any], threshold: float) -> list[Json]:
        """Return the predictions with the labels whose probability is above a threshold."""
        return [
            {**prediction, "labels": [label for label, score in prediction["scores"].items() if score > threshold]}
            for prediction in predictions
        ]

    def tune(
        self,
        predictions: Sequence[Any],
        examples: Sequence[Example],
        *,
        metric: str,
        language: str,
        rules: Rules = NO_RULES,
    ) -> float:
        """Return the threshold with the best value of a metric, in hundredths; of equally good ones the nearest to 0.5.

        Raises:
            DataError: an example has no gold.
        """
        if any(item.label is None for item in examples):
            raise DataError("the threshold of labels cannot be tuned, because some examples have no gold")
        scores = {
            threshold: self.score(
                self.cut(predictions, threshold), examples, metrics=(metric,), language=language, rules=rules
            )[metric]
            for threshold in _TRIED
        }
        sign = 1 if registry.get(metric).higher_is_better else -1
        return max(_TRIED, key=lambda tried: (sign * scores[tried], -abs(tried - USUAL), -tried))

    def shown_program(self, columns: Columns, cut: str) -> list[str]:
        there = "[label for label, logit in zip(labels, logits[0]) if logit > 0]"
        return [*logits_program(columns, cut), f"print({there})"]

    def to_json(self, example: Example) -> dict[str, Json]:
        label = None if example.label is None else list(example.label)
        return {"first": example.first, "second": example.second, "label": label}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        label = None if values["label"] is None else tuple(values["label"])
        return Example(values["first"], values["second"], label)

    def gold(self, example: Example) -> list[str] | None:
        return None if example.label is None else list(example.label)

    def labels_of(self, gold: list[str]) -> list[str]:
        return gold or ["no label"]

    def answer(self, prediction: Any) -> list[str]:
        return list(prediction["labels"])

    def row_score_fields(self, metrics: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002 - labels are counted
        return (RIGHT, "labels_right", "labels_missing", "labels_wrong")

    def row_score(
        self,
        answer: Any,
        example: Example,
        *,
        metrics: Sequence[str],  # noqa: ARG002 - labels are counted
        language: str,  # noqa: ARG002
        rules: Rules = NO_RULES,  # noqa: ARG002
    ) -> RowScore:
        """Return the numbers of labels that are right, missing, and wrongly predicted."""
        gold = example.label or ()
        missing = [label for label in gold if label not in answer]
        wrong = [label for label in answer if label not in gold]
        values = {
            RIGHT: not missing and not wrong,
            "labels_right": len(gold) - len(missing),
            "labels_missing": len(missing),
            "labels_wrong": len(wrong),
        }
        parts = [f"{name}: {', '.join(labels)}" for name, labels in (("missing", missing), ("wrong", wrong)) if labels]
        return RowScore(float(len(missing) + len(wrong)), values, "; ".join(parts))

    def head_size(self, labels: tuple[str, ...]) -> int:
        return len(labels)


KIND = Multilabel()
