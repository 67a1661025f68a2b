"""Checked pairs of predictions and gold: of any kind, tags of words, numbers, and masked tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from layover.errors import DataError, UndefinedError

P = TypeVar("P")
G = TypeVar("G")

Tags = Sequence[str]

Numbers = npt.NDArray[np.float64]


def paired(predictions: Sequence[P], golds: Sequence[G]) -> list[tuple[P, G]]:
    """Return each prediction with its gold.

    Raises:
        DataError: a prediction or a gold is missing, or there are no examples.
    """
    if len(predictions) != len(golds):
        raise DataError(
            f"there are {len(predictions)} predictions for {len(golds)} golds; each example needs one of each"
        )
    if not golds:
        raise DataError("there are no examples, so there is no score")
    return list(zip(predictions, golds, strict=True))


def tagged(predictions: Sequence[Tags], golds: Sequence[Tags]) -> list[tuple[Tags, Tags]]:
    """Return the predicted and the gold tags of each sentence.

    Raises:
        DataError: a sentence is missing, or has more or fewer tags than words.
    """
    sentences = paired(predictions, golds)
    for number, (predicted, gold) in enumerate(sentences, 1):
        if len(predicted) != len(gold):
            raise DataError(
                f"sentence {number}: {len(predicted)} predicted tags for {len(gold)} words; each word needs one"
            )
    return sentences


def numbers(predictions: Sequence[float], golds: Sequence[float]) -> tuple[Numbers, Numbers]:
    """Return predictions and golds, (N,) each.

    Raises:
        DataError: their numbers differ, there are none, or a value is NaN or infinite.
    """
    both = np.array(paired(predictions, golds), np.float64)
    if not np.isfinite(both).all():
        place, side = np.argwhere(~np.isfinite(both))[0]
        raise DataError(
            f"the {('prediction', 'gold')[side]} of example {place + 1} is {both[place, side]}, which is not finite"
        )
    return both[:, 0], both[:, 1]


def varied(predictions: Sequence[float], golds: Sequence[float], name: str) -> tuple[Numbers, Numbers]:
    """Return predictions and golds for a correlation, (N,) each; both vary.

    Raises:
        DataError: their numbers differ, there are none, or a value is NaN or infinite.
        UndefinedError: there is only one example, or all predictions, or all golds, are the same number.
    """
    predicted, expected = numbers(predictions, golds)
    if len(predicted) < 2:
        raise UndefinedError(f"{name} is undefined: it needs two examples, and there is one")
    for values, side in ((predicted, "prediction"), (expected, "gold")):
        if (values == values[0]).all():
            raise UndefinedError(f"{name} is undefined: every {side} is {values[0]:.6g}")
    return predicted, expected


def per_masked_token(predictions: Sequence[Mapping[str, float]], golds: Sequence[object], name: str) -> float:
    """Return the sum of a value over all examples, divided by the number of all masked tokens.

    Raises:
        DataError: the numbers of predictions and texts differ, or no token was masked.
    """
    total = masked = 0.0
    for prediction, _ in paired(predictions, golds):
        total += prediction[name]
        masked += prediction["masked"]
    if not masked:
        raise DataError("no token was masked: none of the texts has an ordinary token")
    return total / masked
