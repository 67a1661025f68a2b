"""Parts of a score: by the length of the input, by the place of an answer, and over the translations of one item."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from layover.errors import StoreError
from layover.store import read_json, write_json

SCHEMA = 1
SHORTEST = 32
"""Largest number of tokens in the first bin; each further bin ends at twice as many."""
FIRST_WINDOW, LATER_WINDOW = "first window", "later window"


class PartScore(BaseModel):
    """The score of some examples of a language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: int
    cut: int
    """Number of examples that are longer than `max_length`: they lost their end, or became several rows."""
    scores: dict[str, float] | None
    """Metric -> score; None if these examples alone have none."""


class Agreement(BaseModel):
    """The answers to items that are translations of each other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: int
    """Number of items in all compared languages, with equal gold."""
    same: int
    """Number of items with the same answer in all of them."""
    right: int
    """Number of items with the right answer in all of them."""


class Breakdown(BaseModel):
    """The parts of the scores of a cell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    lengths: dict[str, dict[int, PartScore]] = {}
    """Language -> largest number of tokens of a bin -> its examples, by the length of the input before it is cut."""
    windows: dict[str, dict[str, PartScore]] = {}
    """Language -> `first window` or `later window` -> the examples whose whole answer is first in that
    window."""
    translations: dict[str, Agreement] = {}
    """Language -> its agreement with the language of the training data."""
    everywhere: Agreement | None = None
    """The agreement of all these languages; None with fewer than two of them."""


def length_bin(tokens: int) -> int:
    """Return the largest number of tokens of the bin of an input."""
    size = SHORTEST
    while tokens > size:
        size *= 2
    return size


def bin_name(most: int) -> str:
    """Return `1-32`, `33-64`, ... for the bin that ends at so many tokens."""
    return f"{1 if most == SHORTEST else most // 2 + 1}-{most}"


def write_breakdown(path: Path, breakdown: Breakdown) -> None:
    """Write the parts of the scores of a cell as JSON."""
    write_json(path, breakdown.model_dump(mode="json"))


def read_breakdown(path: Path) -> Breakdown:
    """Read the parts of the scores of a cell.

    Raises:
        StoreError: the file has another schema.
    """
    values: Mapping[str, object] = read_json(path)
    if values.get("schema_version") != SCHEMA:
        schema = values.get("schema_version")
        raise StoreError(f"{path}: the file has the schema {schema!r}, this version reads {SCHEMA}; update Layover")
    return Breakdown.model_validate(values)
