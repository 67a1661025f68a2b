"""Numbers as files write them: one way to read the gold of a regression."""

from __future__ import annotations

import math
import re

import numpy as np

_WRITTEN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
MOST = float(np.finfo(np.float32).max)
"""What a model is trained on is float32."""


def number_of(value: object) -> float | str:
    """Return the number that a raw value is, or why it is none.

    Text is a number where a table can hold nothing else: `4.2`, `-1e-3`. NaN, infinity and booleans are none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return "is no number"
    if isinstance(value, str):
        text = value.strip()
        if _COMMA.fullmatch(text):
            return f"is no number; write {text.replace(',', '.')}"
        if not _WRITTEN.fullmatch(text):
            return "is no number"
        value = text
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if math.isnan(found):
        return "is no number"
    return found if abs(found) <= MOST else "is not a finite number of 32 bits"
