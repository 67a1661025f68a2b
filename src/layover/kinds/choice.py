"""Multiple choice: the best of several texts for a first text; HellaSwag, COPA, CommonsenseQA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layover.data.augment import Substitution
from layover.data.features import Column, Features
from layover.data.formats import Row
from layover.data.reading import Columns, Reading
from layover.data.right_choice import Form
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.identity import Json
from layover.kinds._answers import INFERENCE, shown_list, softmax
from layover.kinds._arrays import finite
from layover.kinds._keys import KeyCheck, Keys, LabelKeys, Mistakes, Path, TextKeys, gold_as_text, texts_of
from layover.kinds._kind import Kind
from layover.kinds._pairs import encode_pairs
from layover.layouts.heads import HeadForm
from layover.perturbations import Perturber


@dataclass(frozen=True, slots=True)
class Example:
    """A text, its choices, and the index of the right choice; None is no gold."""

    first: str
    choices: tuple[str, ...]
    label: int | None


@dataclass(frozen=True, slots=True)
class ChoiceResult:
    """The predicted choice."""

    index: int
    """The index of the choice, from 0."""
    choice: str
    scores: tuple[float, ...]
    """The probability of each choice, in the order of the row; they sum to 1."""


class ChoiceKeys(Keys):
    """The columns of the choices, and the form of the right choice."""

    choices: str | tuple[str, ...] = ()
    """The columns of the choices, or the column that contains a list of them."""
    label_as: Form | None = None
    """choice: the form of the right choice: `number` (from 0), `number from 1`, `letter`, `text`. By default the
    form that fits all rows of a file; an error if two forms fit."""
    choice_names: str | None = None
    """choice: the column with the names of the choices; `label` contains one of these names."""


def _one_text(own: Any) -> Mistakes:
    if len(own.text) != 1:
        yield ("text",), f"`text` has {len(own.text)} columns, but choice needs one column, or one template of columns"


def _some_choices(own: Any) -> Mistakes:
    if not own.choices:
        yield (
            ("choices",),
            "choice needs `choices`: write the columns of the choices, or one column that contains a list",
        )


def _gold_read(own: Any) -> Mistakes:
    return gold_as_text(texts_of(own), own.label)


OPENING = "Amina took the pill."
CHOICES = ("She was sick.", "The window was open.")
"""Invented, for a model card."""
_CAUSE_OR_EFFECT = "What was the {question}?"
"""The question of COPA tasks; the field `question` is `cause` or `effect`."""


def opening(columns: Columns) -> str:
    """Return an invented first text for the model card, with a question if the task has one."""
    first = columns.get("first", "")
    read = first if isinstance(first, str) else " ".join(first)
    if _CAUSE_OR_EFFECT in read:
        return f"{OPENING} What was the cause?"
    return f"{OPENING} Why?" if "question" in read else OPENING


class Choice(Kind[Example]):
    """One row `first, choice` per choice, one score per row; a prediction is the index of the best choice.

    If the right choice has a column of its own (`label` is one of the columns of `choices`), the order of the columns
    would reveal it, so the choices are sorted alphabetically. If choices are equal, the index is always the first of
    them, in gold and in predictions: the scores of equal texts differ only by rounding.
    """

    name: ClassVar[str] = "choice"
    same_in_translation: ClassVar[bool] = True
    first_only: ClassVar[bool] = True
    substitutes: ClassVar[bool] = True
    typical_tokens: ClassVar[int] = 200
    required: ClassVar[frozenset[str]] = frozenset({"first", "choices", "label"})
    optional: ClassVar[frozenset[str]] = frozenset({"names"})
    gold_field: ClassVar[str | None] = "label"
    keys: ClassVar[tuple[type[Keys], ...]] = (TextKeys, LabelKeys, ChoiceKeys)
    checks: ClassVar[tuple[KeyCheck, ...]] = (
        KeyCheck(_one_text, ("kind", "text")),
        KeyCheck(_some_choices, ("kind", "choices")),
        KeyCheck(_gold_read, ("kind", "text", "label")),
    )
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    columns: ClassVar[Mapping[str, Column]] = {"label": Column(np.int64, "unit", padding=-1)}  # -1 = no gold
    head: ClassVar[HeadForm | None] = HeadForm(
        transformers="ForMultipleChoice",
        adapters="multiple_choice",
        reads="the first token of each choice: dense, tanh, out",
        pooled=True,
        outputs=1,
        competes=True,
    )
    pipeline: ClassVar[str] = "multiple-choice"
    result: ClassVar[type[Any] | None] = ChoiceResult
    row_fields: ClassVar[tuple[str, ...]] = ("first", "choices")

    def declared(self, own: Any) -> dict[str, Any]:
        named = {} if own.choice_names is None else {"names": own.choice_names}
        columns = {"first": own.text[0], "choices": own.choices, "label": own.label, **named}
        return {"columns": columns, "right": own.label_as or "auto"}

    def idle(self, own: Any) -> dict[str, str]:
        of_choices = {"label_as": own.label_as, "choice_names": own.choice_names}
        given = [key for key, value in of_choices.items() if value is not None]
        reasons = {}
        if len(given) > 1:
            reasons["label_as"] = (
                "`choice_names` already says how the right choice is written; remove `label_as` or `choice_names`"
            )
        if isinstance(own.choices, tuple) and own.label in own.choices:
            reasons |= dict.fromkeys(
                given, f"the column {own.label!r} of `choices` is always the right choice; remove this key"
            )
        return reasons

    def read_as_text(self, own: Any) -> Iterator[tuple[Path, str]]:
        return texts_of(own)

    def parse(self, row: Row, reading: Reading) -> Example:
        choices = reading.texts(row, "choices")
        if len(choices) < 2:
            raise DataError(f"{row.where()}: {len(choices)} choices, but two or more are needed")
        first, columns, label = reading.text(row, "first"), reading.columns["choices"], reading.columns.get("label")
        if isinstance(columns, tuple) and label in columns:
            return _sorted(first, choices, choices[columns.index(label)], row)
        index = reading.chosen(row, choices)
        open_form = reading.right == "auto" and "names" not in reading.columns
        if isinstance(columns, tuple) and open_form and index is not None:
            _check_column(reading.gold(row, "label"), columns, index, row)
        return Example(first, choices, None if index is None else choices.index(choices[index]))

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],  # noqa: ARG002 - a choice has an index, not a label
        max_length: int,
        stride: int,  # noqa: ARG002 - a text too long is cut, not windowed
    ) -> Features:
        counts = sorted({len(item.choices) for item in examples})
        if len(counts) > 1:
            raise DataError(f"the examples have {' and '.join(map(str, counts))} choices, but all need the same number")
        group = counts[0] if counts else 1
        pairs = [(item.first, choice) for item in examples for choice in item.choices]
        arrays = encode_pairs(pairs, tokenizer, max_length, group)
        gold = [-1 if item.label is None else item.label for item in examples]
        arrays["label"] = np.array(gold, np.int64)
        return Features(arrays, group, columns=self.columns)

    def encoded_with(self, example: Example) -> int:
        return len(example.choices)

    def unlike(self, example: Example, first: Example) -> str:
        count, expected = len(example.choices), len(first.choices)
        if count == expected:
            return ""
        return f"{count} choices, but the first example has {expected}; all examples need the same number"

    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],  # noqa: ARG002
    ) -> list[Json]:
        score = finite(outputs, "score", (features.rows,))
        best = score.reshape(features.units, features.group).argmax(axis=1)
        return [item.choices.index(item.choices[index]) for item, index in zip(examples, best, strict=True)]

    def results(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[Example],
        *,
        labels: tuple[str, ...],
    ) -> list[ChoiceResult]:
        decoded: list[Any] = self.decode(outputs, features, examples, labels=labels)
        scores = softmax(outputs["score"].reshape(features.units, features.group))
        return [
            ChoiceResult(index, item.choices[index], tuple(row))
            for index, item, row in zip(decoded, examples, scores.tolist(), strict=True)
        ]

    def shown_row(self, columns: Columns) -> str:
        return f'{{"first": "{opening(columns)}", "choices": {shown_list(CHOICES)}}}'

    def shown_program(self, columns: Columns, cut: str) -> list[str]:
        return [
            f'first = "{opening(columns)}"',
            f"choices = {shown_list(CHOICES)}",
            f'inputs = tokenizer([first] * len(choices), choices, padding=True, {cut}, return_tensors="pt")',
            INFERENCE,
            "    logits = model(**{name: value[None] for name, value in inputs.items()}).logits",
            "print(choices[logits.argmax()])",
        ]

    def to_json(self, example: Example) -> dict[str, Json]:
        return {"first": example.first, "choices": list(example.choices), "label": example.label}

    def from_json(self, values: Mapping[str, Any]) -> Example:
        return Example(values["first"], tuple(values["choices"]), values["label"])

    def gold(self, example: Example) -> int | None:
        return example.label

    def group_of(self, example: Example) -> str:
        return example.first

    def texts_of(self, example: Example) -> tuple[str, ...]:
        return (example.first, *example.choices)

    def substituted(self, example: Example, draw: Substitution) -> Example:
        choices = tuple(draw.text(f"choices {number}", text) for number, text in enumerate(example.choices))
        # choices that became equal share the index of the first
        label = None if example.label is None else choices.index(choices[example.label])
        return replace(example, first=draw.text("first", example.first), choices=choices, label=label)

    perturbed: ClassVar[str] = "the first text and all choices"

    def perturb(self, example: Example, by: Perturber) -> Example:
        """Return the example with changed texts; choices that would become equal stay as they are."""
        choices = tuple(by.text("choices", choice) for choice in example.choices)
        if len({*choices}) < len({*example.choices}):
            choices = example.choices
        return Example(by.text("first", example.first), choices, example.label)

    def head_size(self, labels: tuple[str, ...]) -> int:  # noqa: ARG002 - the choices share one output
        return 1


def _check_column(value: object, columns: tuple[str, ...], index: int, row: Row) -> None:
    """Raise an error if the right choice may also be the name of another column."""
    named = [column for column in columns if column.casefold() == str(value).casefold()]
    if named and columns[index] not in named:
        raise DataError(
            f"{row.where()}: {value!r} is read as the column {columns[index]!r} of `choices`, but may mean the column "
            f"{named[0]!r}; declare `label_as` if the first column is right, or write `choices` in the order of names"
        )


def _sorted(first: str, choices: tuple[str, ...], right: str, row: Row) -> Example:
    if not right:
        raise DataError(f"{row.where()}: the right choice is empty; remove rows without an answer")
    ordered = tuple(sorted(choices))
    return Example(first, ordered, ordered.index(right))


KIND = Choice()
