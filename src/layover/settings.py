"""Types of settings. Every number has a lower and an upper bound, so that a typing error is reported at once.

Sizes of memory and disk are written as `10GiB`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

MOST = 10**9
"""The largest number of rows, steps or tokens that a setting takes."""

Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=1, le=MOST)]
Seed = Annotated[int, Strict(), Field(ge=0, le=2**63 - 1)]
Processes = Annotated[int, Strict(), Field(ge=1, le=1024)]
Length = Annotated[int, Strict(), Field(ge=8, le=2**20)]
"""Tokens of an input."""
Stride = Annotated[int, Strict(), Field(ge=0, le=2**20)]
Several = Annotated[int, Strict(), Field(ge=1, le=1000)]
"""Number of intermediates in one list."""
Rank = Annotated[int, Strict(), Field(ge=1, le=2**16)]
RankOrNone = Annotated[int, Strict(), Field(ge=0, le=2**16)]
LayerNumber = Annotated[int, Strict(), Field(ge=0, le=999)]
"""Index of a layer of an encoder, or a number of layers."""

ColumnNumber = Annotated[int, Strict(), Field(ge=0, le=9999)]

Epochs = Annotated[float, Strict(), Field(ge=1e-6, le=1e6)]
LearningRate = Annotated[float, Strict(), Field(ge=1e-12, le=10)]
Factor = Annotated[float, Strict(), Field(ge=1e-9, le=1e9)]
"""Positive factor or divisor."""
Weight = Annotated[float, Strict(), Field(ge=-1e6, le=1e6)]
"""Weight of one term of a weighted sum."""
Warmup = Annotated[float, Strict(), Field(ge=0, le=MOST)]
WeightDecay = Annotated[float, Strict(), Field(ge=0, le=1000)]
Dropout = Annotated[float, Strict(), Field(ge=0, lt=1)]
Share = Annotated[float, Strict(), Field(ge=1e-6, le=1)]
Reduction = Annotated[float, Strict(), Field(ge=0.01, le=1e6)]
"""Divisor of the hidden size."""
Temperature = Annotated[float, Strict(), Field(ge=0.01, le=1e6)]
SamplingTemperature = Annotated[float, Strict(), Field(ge=0.1, le=1e6)]
"""Temperature of dataset sizes: `n ** (1 / temperature)` is finite for every size."""
Seconds = Annotated[float, Strict(), Field(ge=1e-3, le=MOST)]


Probability = Annotated[float, Strict(), Field(ge=0.01, le=0.99)]
"""Probability above which a label is predicted."""
Gold = Annotated[float, Strict(), Field(ge=-1e12, le=1e12)]
"""Gold value of a regression."""


def _whole_percents(value: float) -> float:
    percents = round(100 * value, 9)
    if not percents.is_integer():
        raise ValueError(
            f"{value:g} is not in whole percent; write {math.floor(percents) / 100:g} or {math.ceil(percents) / 100:g}"
        )
    return value


HiddenShare = Annotated[float, Strict(), Field(ge=0.01, le=0.99), AfterValidator(_whole_percents)]
"""Share of the tokens to predict, in whole percentages."""
Threshold = Annotated[float, Strict(), Field(ge=-1e6, le=1e6)]
"""Threshold in logits."""

NAME = "a name of letters, digits, `.`, `_` and `-` that begins with a letter or a digit"
"""Description of `Name`. It has no `+`, because `+` separates the names of a list."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200, description=NAME)]


class RecipeSection(BaseModel):
    """A section of the recipe: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    renamed: ClassVar[Mapping[str, str]] = {}
    """Name of a key in earlier versions -> its current name; the error about the old name reports it."""


MOST_BYTES = 2**60
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?([kmgtp])(i?b)?", re.ASCII | re.IGNORECASE)
HOW_SIZE = "write it like 12GB, 10GiB or 500MiB"
"""Description of a size."""


def size_of(text: object, more: str = "") -> int:
    """Return the bytes of a size: `12GiB` and `12G` are 12 x 1024^3, `12GB` is 12 x 1000^3, as in GNU's tools.

    Lower-case units are accepted, and so is a space before the unit.

    Raises:
        ValueError: the text is not a size, or not between a byte and an exbibyte; the message ends with `more`.
    """
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a size; {HOW_SIZE}{more}")
    base = 1000 if (match[3] or "").lower() == "b" else 1024
    size = round(float(match[1]) * float(base) ** " kmgtp".index(match[2].lower()))
    if not 1 <= size <= MOST_BYTES:
        raise ValueError(f"{text!r} is out of range; {HOW_SIZE}{more}")
    return size


def _bytes(value: object) -> object:
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return 0
    return size_of(value, ", or 0 for none")


def _budget(value: object) -> object:
    return size_of(value)


Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=0, le=MOST_BYTES)]
Budget = Annotated[int, BeforeValidator(_budget), Field(ge=1, le=MOST_BYTES)]
