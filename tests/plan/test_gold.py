"""Rows without gold: how many of those that are used, and where the first one is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from layover.data.subset import Subset
from layover.data.tally import EMPTY, NO_GOLD, LeftOut
from layover.plan.gold import Lacking, lacking
from layover.plan.surveys import Counted

BLANK = LeftOut(EMPTY.text, EMPTY.sort, 1, "a.csv:2")
UNLABELLED = LeftOut(NO_GOLD.text, NO_GOLD.sort, 3, "a.csv:5")
NOWHERE = LeftOut(NO_GOLD.text, NO_GOLD.sort, 3, "")


@pytest.mark.parametrize(
    ("left_out", "gold", "expected"),
    [
        ((BLANK, UNLABELLED), 7, Lacking(3, 10, "a.csv:5")),
        ((UNLABELLED, BLANK), 7, Lacking(3, 10, "a.csv:5")),
        ((BLANK, NOWHERE), 7, Lacking(3, 10, "")),
        ((BLANK,), 10, Lacking(0, 10, "")),
    ],
)
def test_the_first_row_without_gold(left_out: tuple[LeftOut, ...], gold: int, expected: Lacking) -> None:
    counted = Counted(rows=10, examples=10, gold=gold, left_out=left_out, languages={})
    surveys = SimpleNamespace(counted=lambda *_: counted)
    data = SimpleNamespace(task=None, location=None, without=(), subset=Subset())
    assert lacking(data, surveys) == expected  # type: ignore[arg-type]
