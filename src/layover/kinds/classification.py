"""Classification of a text or of a pair of texts: NLI, paraphrase, topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.features import Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tokenizer import Tokenizer
from layover.identity import Json
from layover.kinds._kind import Kind, finite
from layover.kinds._pairs import encode_pairs


@dataclass(frozen=True, slots=True)
class Example:
    """A text, or two, and a label; None is no gold."""

    first: str
    second: str | None
    label: str | None


class Classification(Kind[Example]):
    """One row per example, one logit per label; a prediction is a label.

    A gold label that is none of the labels, as an open set of labels may have outside the training data, is not learned
    from and can never be predicted, so it is scored as wrong.
    """

    name: ClassVar[str] = "classification"
    first_only: ClassVar[bool] = True
    classes: ClassVar[bool] = True
    required: ClassVar[frozenset[str]] = frozenset({"first", "label"})
    optional: ClassVar[frozenset[str]] = frozenset({"second"})
    declared_by: ClassVar[frozenset[str]] = frozenset({"labels", "codes", "text", "label"})
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")

    def parse(self, row: Row, reading: Reading) -> Example:
        second = reading.text(row, "second") if "second" in reading.columns else None
        label = reading.label(reading.gold(row, "label"), row)
        return Example(reading.text(row, "first"), second, label)

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
        return Features(arrays)

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],  # noqa: ARG002 - the logits say all
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        logits = finite(outputs, "logits", (features.rows, len(labels)))
        return [labels[index] for index in logits.argmax(axis=1)]

    def to_json(self, example: Example) -> dict[str, Json]:
        return {"first": example.first, "second": example.second, "label": example.label}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        return Example(values["first"], values["second"], values["label"])

    def gold(self, example: Example) -> str | None:
        return example.label

    def group_of(self, example: Example) -> str:
        return example.first

    def texts_of(self, example: Example) -> tuple[str, ...]:
        return (example.first,) if example.second is None else (example.first, example.second)

    def head_size(self, labels: tuple[str, ...]) -> int:
        return len(labels)


KIND = Classification()
