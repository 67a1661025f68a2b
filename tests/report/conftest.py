"""Rows of cells whose scores and items are made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from layover.plan import Cell
from layover.records import Record
from layover.report import CellRow
from layover.report.seed_scores import Items
from layover.statistics import GROUPS

Group = Callable[..., list[CellRow]]


def record_of(**scores: float | None) -> Record:
    return Record(
        metrics=("accuracy",),
        source_language="en",
        languages={name: None if value is None else {"accuracy": value} for name, value in scores.items()},
        examples={name: 10 for name, value in scores.items() if value is not None},
        missing={name: "no gold labels" for name, value in scores.items() if value is None},
    )


def items_of(record: Record, seed: int, error: float) -> Items:
    """Return contributions with this standard error, the same in all languages."""
    values = np.random.default_rng(seed).normal(size=GROUPS)
    values = (values - values.mean()) / values.std(ddof=1) * error / GROUPS**0.5
    return dict.fromkeys(record.scored(), values[None])


@pytest.fixture
def group() -> Group:
    """Make the rows of a group of seeds: scores in Swahili and English, and those without an intermediate."""

    def rows(
        method: str,
        intermediate: str,
        scores: Sequence[float],
        none: Sequence[float] = (),
        *,
        target: str = "xnli",
        model: str = "base",
        error: float = 1.0,
    ) -> list[CellRow]:
        found = []
        for seed, score in enumerate(scores):
            own = record_of(en=90.0, sw=score)
            other = record_of(en=90.0, sw=none[seed]) if none else None
            key = f"{model} {method} {{}} {target} {seed}"
            baseline = key.format("none") if none else None
            cell = Cell(model, method, intermediate, target, seed, f"t{key}", key.format(intermediate), baseline)
            items = items_of(own, seed, error), None if other is None else items_of(other, 100 + seed, error)
            found.append(
                CellRow(cell, "accuracy", "test", {}, own, other, None, items=items[0], baseline_items=items[1])
            )
        return found

    return rows
