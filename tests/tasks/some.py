"""Some rows of a file: every row is read, but what takes long is done with some of them.

`LAYOVER_ROWS=all` takes all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
MOST = 500


def some(rows: Sequence[T], most: int = MOST) -> list[T]:
    """Return rows from the whole file, so many at most, the first and the last one included."""
    if os.environ.get("LAYOVER_ROWS") == "all" or len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]
