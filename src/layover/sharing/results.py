"""What a package says of a row: what its kind decodes, beside the scores that it was decoded from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layover import kinds
from layover.data.features import Features
from layover.kinds._kind import finite
from layover.kinds.span import KIND as SPAN

Outputs = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ClassificationResult:
    """The label of a text, or of a pair of texts."""

    label: str
    scores: dict[str, float]
    """Label -> probability, in the order of the task's labels; they sum to 1."""


@dataclass(frozen=True, slots=True)
class TaggingResult:
    """The tags of the words of a sentence; all three are equally long."""

    tokens: tuple[str, ...]
    """The words as they were given, or as the text was split at white space."""
    tags: tuple[str, ...]
    scores: tuple[float, ...]
    """The probability of each tag at its word."""


@dataclass(frozen=True, slots=True)
class SpanResult:
    """The answer to a question."""

    text: str
    """Empty where no answer is more likely than the best one: where `null_score` is above `score`."""
    start: int
    """Where the best stretch begins in the context, in characters; also when `text` is empty."""
    end: int
    """The character after its last one: `context[start:end]`."""
    score: float
    """Of the best stretch: the sum of two logits, no probability."""
    null_score: float | None
    """That of no answer, to be compared with `score`; None for a task whose questions all have one."""


@dataclass(frozen=True, slots=True)
class ChoiceResult:
    """Which of several choices it is."""

    index: int
    """From 0 on."""
    choice: str
    scores: tuple[float, ...]
    """The probability of each choice, in the order given; they sum to 1."""


Result = ClassificationResult | TaggingResult | SpanResult | ChoiceResult


def results_of(
    kind: str, outputs: Outputs, features: Features, examples: Sequence[Any], labels: tuple[str, ...]
) -> list[Result]:
    """Return one result per example.

    Args:
        kind: With a head that packages carry.
        outputs: Of `predict`, with certainty.
        features: That they are of.
        examples: That the features were encoded from.
        labels: Of the task.

    Raises:
        ModelError: an output has the wrong shape, or is not finite.
    """
    return _RESULTS[kind](outputs, features, examples, labels)


def _classification(
    outputs: Outputs, features: Features, examples: Sequence[Any], labels: tuple[str, ...]
) -> list[Result]:
    decoded: list[Any] = kinds.get("classification").decode(outputs, features, examples, labels=labels)
    scores = _softmax(outputs["logits"])
    return [
        ClassificationResult(label, dict(zip(labels, row, strict=True)))
        for label, row in zip(decoded, scores.tolist(), strict=True)
    ]


def _tagging(outputs: Outputs, features: Features, examples: Sequence[Any], labels: tuple[str, ...]) -> list[Result]:
    decoded: list[Any] = kinds.get("tagging").decode(outputs, features, examples, labels=labels)
    sure = finite(outputs, "probability", features.arrays["ids"].shape)
    # as `Tagging.decode`: first subwords stand in the order of the words
    words = iter(sure[np.greater_equal(features.arrays["word"], 0)].tolist())
    return [
        TaggingResult(item.tokens, tuple(tags), tuple(next(words) for _ in tags))
        for item, tags in zip(examples, decoded, strict=True)
    ]


def _span(outputs: Outputs, features: Features, examples: Sequence[Any], labels: tuple[str, ...]) -> list[Result]:
    found: list[Any] = SPAN.placed(outputs, features, examples, labels=labels)
    return [
        SpanResult(SPAN.answer(prediction), start, end, prediction["score"], prediction["null_score"])
        for prediction, (start, end) in found
    ]


def _choice(outputs: Outputs, features: Features, examples: Sequence[Any], labels: tuple[str, ...]) -> list[Result]:
    decoded: list[Any] = kinds.get("choice").decode(outputs, features, examples, labels=labels)
    scores = _softmax(outputs["score"].reshape(features.units, features.group))
    return [
        ChoiceResult(index, item.choices[index], tuple(row))
        for index, item, row in zip(decoded, examples, scores.tolist(), strict=True)
    ]


def _softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return probabilities over the last axis."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    summed: npt.NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return summed


_RESULTS: Mapping[str, Callable[[Outputs, Features, Sequence[Any], tuple[str, ...]], list[Result]]] = {
    "classification": _classification,
    "tagging": _tagging,
    "span": _span,
    "choice": _choice,
}
