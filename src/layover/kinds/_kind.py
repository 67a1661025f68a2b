"""What a kind of task must know: its examples, their encoding, and what the model's outputs mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from layover import metrics as registry
from layover.data.features import Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tally import Reason
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, ModelError, nearest
from layover.identity import Json
from layover.metrics._metric import NO_RULES, Rules

E = TypeVar("E")


class Kind(ABC, Generic[E]):
    """One kind of task; stateless.

    Examples are frozen dataclasses of the kind; a prediction is JSON.
    """

    name: ClassVar[str]
    trained: ClassVar[bool] = True
    """Whether a task of this kind is trained; one that is not is a target only, and has no head."""
    first_only: ClassVar[bool] = False
    """Whether its head reads each row's first token alone, so that the last layer need not do more."""
    changes_tokens: ClassVar[bool] = False
    """Whether the encoder reads other tokens than the encoded ones, drawn anew for every batch."""
    asks_of_context: ClassVar[bool] = False
    """Whether several examples may ask different questions of one text, `group_of`."""
    classes: ClassVar[bool] = False
    """Whether `answer` is one of the labels, or one for each word, so that labels can weigh and be counted apart."""
    required: ClassVar[frozenset[str]]
    """Fields that a task of this kind must map to columns."""
    optional: ClassVar[frozenset[str]]
    declared_by: ClassVar[frozenset[str]]
    """Keys of a recipe's own task that mean something for this kind, beside those that every kind has."""
    metrics: ClassVar[tuple[str, ...]]
    """Scores of a task that names none itself, the first one selects."""

    @abstractmethod
    def parse(self, row: Row, reading: Reading) -> E:
        """Return the example of a row.

        Raises:
            DataError: with file:line, for a missing column, a value of the wrong type, an unknown label.
        """

    @abstractmethod
    def encode(
        self,
        examples: Sequence[E],
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],
        max_length: int,
        stride: int,
    ) -> Features:
        """Return the rows of the examples, in order, none longer than `max_length` tokens.

        `stride` is the number of tokens that two windows of one long context share; only spans have windows.
        """

    def encoded_with(self, example: E) -> Hashable:  # noqa: ARG002
        """Return what examples that are encoded at once must have in common; None where any go together."""
        return None

    def unlike(self, example: E, first: E) -> str:  # noqa: ARG002
        """Return why an example cannot stand in one data set with its first one, empty text where it can."""
        return ""

    @abstractmethod
    def decode(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        features: Features,
        examples: Sequence[E],
        *,
        labels: tuple[str, ...],
    ) -> list[Json]:
        """Return one prediction per example.

        Raises:
            ModelError: an output has the wrong shape, or is not finite.
        """

    @abstractmethod
    def to_json(self, example: E) -> dict[str, Json]:
        """Return the example as JSON."""

    @abstractmethod
    def from_json(self, values: Mapping[str, Any]) -> E:
        """Return what `to_json` was given."""

    @abstractmethod
    def gold(self, example: E) -> Any:
        """Return the gold as metrics take it, None where there is none."""

    def labels_of(self, gold: Any) -> list[str]:
        """Return what is counted when one asks how often each label occurs; nothing where gold is free text."""
        return [str(gold)]

    def answer(self, prediction: Any) -> Any:
        """Return the part of a prediction that metrics compare with gold."""
        return prediction

    @abstractmethod
    def group_of(self, example: E) -> str:
        """Return the text that must not stand on both sides of a hold-out."""

    def texts_of(self, example: E) -> tuple[str, ...]:
        """Return every text that the encoder reads of an example; together they are its input."""
        return (self.group_of(example),)

    @abstractmethod
    def head_size(self, labels: tuple[str, ...]) -> int | None:
        """Return the number of outputs of this kind's head, per row or per token; None: the encoder's vocabulary."""

    def same_outputs(self, labels: tuple[str, ...], others: tuple[str, ...]) -> bool:
        """Return whether the outputs of heads for two tasks of this kind mean the same, so that one can continue."""
        return labels == others

    def logits_per_token(self, vocabulary: int, hidden_percent: int) -> float:  # noqa: ARG002
        """Return the logits per token of input, for costs; 0 where they are few beside the encoder's own work.

        Args:
            vocabulary: Tokens of the encoder.
            hidden_percent: mlm: share of the tokens that are to be guessed.
        """
        return 0.0

    def has_gold(self, example: E) -> bool:
        """Return whether the example can be trained on and scored."""
        return self.gold(example) is not None

    def unlearnable(self, features: Features, examples: Sequence[E]) -> dict[Reason, list[int]]:  # noqa: ARG002
        """Return the numbers of encoded examples whose gold no training can learn, by reason. They are scored."""
        return {}

    def scored(self, examples: Sequence[E]) -> int:
        """Return how many things a score is the share of: the examples, unless a kind counts something else."""
        return len(examples)

    def score(
        self,
        predictions: Sequence[Json],
        examples: Sequence[E],
        *,
        metrics: tuple[str, ...],
        language: str,
        rules: Rules = NO_RULES,
    ) -> dict[str, float]:
        """Return each metric, in its own unit, unrounded; `rules` are those of the task.

        Raises:
            DataError: an example has no gold, predictions are missing, or a metric is not for this kind.
        """
        if len(predictions) != len(examples) or not examples:
            raise DataError(f"{len(predictions)} predictions for {len(examples)} examples: nothing to score")
        golds = [self.gold(example) for example in examples]
        if None in golds:
            raise DataError(
                f"example {golds.index(None) + 1} of {len(golds)} has no gold: "
                "a score over some of the examples would not be the task's score"
            )
        answers = [self.answer(prediction) for prediction in predictions]
        return {name: self._metric(name).for_task(rules)(answers, golds, language) for name in metrics}

    def _metric(self, name: str) -> registry.Metric:
        metric = registry.get(name)
        if self.name not in metric.kinds:
            fitting = [other for other in registry.names() if self.name in registry.get(other).kinds]
            raise DataError(f"{name} does not score {self.name}; {nearest(name, fitting)}")
        return metric


def finite(outputs: Mapping[str, npt.NDArray[Any]], name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return an output of the model, checked.

    Raises:
        ModelError: it is missing, has another shape, or holds NaN or infinity: no prediction follows from it.
    """
    if name not in outputs:
        raise ModelError(f"the model's outputs lack {name!r}; there: {', '.join(outputs)}")
    array = outputs[name]
    if array.shape != shape:
        raise ModelError(f"the model's {name!r} has the shape {array.shape}, but {shape} is needed")
    if not bool(np.isfinite(array).all()):
        raise ModelError(f"the model's {name!r} holds NaN or infinity: the training has diverged")
    return array


def columns(rows: Sequence[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return the rows one after another."""
    return np.concatenate(rows).astype(dtype, copy=False) if rows else np.zeros(0, dtype)


def flat(
    rows: Sequence[npt.NDArray[Any]], owner: Sequence[int], segments: Sequence[npt.NDArray[Any] | None] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that features always have, and `segments` where the tokenizer gives token types.

    Args:
        rows: Ids of each row.
        owner: Number of the example that each row belongs to.
        segments: Token types of each row, None for a tokenizer without them.
    """
    arrays: dict[str, npt.NDArray[Any]] = {
        "ids": columns(rows, np.int32),
        "offsets": boundaries(rows),
        "example": np.array(owner, np.int32),
    }
    known = [types for types in segments if types is not None]
    return {**arrays, "segments": columns(known, np.int8)} if known else arrays


def boundaries(rows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Return where each row starts, and the end of the last: (rows + 1,)."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return offsets
