"""NAME: whether a text has the second of two labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.features import Column, Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tokenizer import Tokenizer
from layover.identity import Json
from layover.kinds import CodesKeys, HeadForm, Keys, Kind, LabelKeys, Path, TextKeys, encode_pairs, finite, texts_of


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its label; the label is None if there is no gold."""

    first: str
    label: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """The answer of a package."""

    label: str
    certainty: float


class Camel(Kind[Example]):
    """One row per example, one number per row; a prediction is a label: an example to replace."""

    name: ClassVar[str] = "NAME"
    first_only: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 40
    required: ClassVar[frozenset[str]] = frozenset({"first", "label"})
    gold_field: ClassVar[str | None] = "label"
    keys: ClassVar[tuple[type[Keys], ...]] = (TextKeys, LabelKeys, CodesKeys)
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    columns: ClassVar[Mapping[str, Column]] = {"label": Column(np.int64, "unit", padding=-1)}  # -1 = no gold
    head: ClassVar[HeadForm | None] = HeadForm(
        transformers="ForSequenceClassification",
        adapters="classification",
        reads="the first token: dense, tanh, out",
        pooled=True,
        outputs=1,
    )
    result: ClassVar[type[Any] | None] = Result
    row_fields: ClassVar[tuple[str, ...]] = ("first",)

    def declared(self, own: Any) -> dict[str, Any]:
        columns = {"first": own.text[0], "label": own.label}
        return {"columns": columns, "labels": own.declared_labels(), "codes": own.written_codes()}

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:
        return texts_of(own)

    def unfit_labels(self, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:  # noqa: ARG002
        if len(labels) != 2:
            yield f"NAME needs two labels, not {len(labels)}"

    def parse(self, row: Row, reading: Reading) -> Example:
        return Example(reading.text(row, "first"), reading.label(reading.gold(row, "label"), row))

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],
        max_length: int,
        stride: int,  # noqa: ARG002
    ) -> Features:
        arrays = encode_pairs([(example.first, None) for example in examples], tokenizer, max_length)
        codes = {None: -1, labels[0]: 0, labels[1]: 1}
        arrays["label"] = np.array([codes[example.label] for example in examples], np.int64)
        return Features(arrays, columns=self.columns)

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],  # noqa: ARG002
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        return [labels[int(logit > 0)] for logit in finite(outputs, "logit", (features.rows,))]

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[Result]:
        certainties = 1 / (1 + np.exp(-np.abs(outputs["logit"].astype(np.float64))))
        decoded = self.decode(outputs, features, examples, labels=labels)
        return [Result(str(label), float(value)) for label, value in zip(decoded, certainties, strict=True)]

    def shown_row(self, columns: Mapping[str, str | tuple[str, ...]]) -> str:  # noqa: ARG002
        return '{"first": "The coat was washed."}'

    def shown_program(self, columns: Mapping[str, str | tuple[str, ...]], cut: str) -> list[str]:  # noqa: ARG002
        return [
            f'inputs = tokenizer("The coat was washed.", {cut}, return_tensors="pt")',
            "with torch.inference_mode():",
            "    logits = model(**inputs).logits",
            "print(logits[0, 0] > 0)",
        ]

    def to_json(self, example: Example) -> dict[str, Json]:
        return {"first": example.first, "label": example.label}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        return Example(values["first"], values["label"])

    def gold(self, example: Example) -> str | None:
        return example.label

    def group_of(self, example: Example) -> str:
        return example.first

    def head_size(self, labels: tuple[str, ...]) -> int:  # noqa: ARG002
        return 1


KIND = Camel()
