"""What an ordinary run does a part of, and one with `LAYOVER_THOROUGH=1` all of: `make test-thorough`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
THOROUGH = os.environ.get("LAYOVER_THOROUGH") == "1"
MOST = 200


def count(few: int, many: int) -> int:
    """Return how often something is tried: thoroughly many times."""
    return many if THOROUGH else few


def some(rows: Sequence[T], most: int = MOST) -> list[T]:
    """Return rows from the whole, so many at most, the first and the last one included; thoroughly all."""
    if THOROUGH or len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]
