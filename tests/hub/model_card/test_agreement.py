"""A card and a report tell the same of the same scores."""

from __future__ import annotations

from typing import Any

import pytest

from layover.hub.model_card import markdown
from layover.hub.model_card.results import lines_of
from layover.packages.card import Card
from layover.plan import Cell
from layover.records import Record
from layover.report import CellRow
from layover.report.sections import languages

SCORES = {"de": 60.0, "en": 80.0, "es": 40.0}


def changed(part: Any, **updates: Any) -> Any:
    return part.model_copy(update=updates)


@pytest.mark.parametrize(
    ("trained", "zero_shot", "mean"),
    [
        ("en", {"de", "es"}, "50.0"),
        ("eng_Latn", {"de", "es"}, "50.0"),
        ("EN", {"de", "es"}, "50.0"),
        ("en-US", {"de", "es"}, "50.0"),
        ("spa", {"de", "en"}, "70.0"),
        ("de-en", {"es"}, "40.0"),
        ("multilingual", set(), "–"),
        ("english", set(), "–"),
        ("und", set(), "–"),
    ],
)
def test_the_same_languages_are_zero_shot(shipped: Card, trained: str, zero_shot: set[str], mean: str) -> None:
    record = Record(
        metrics=("accuracy",),
        source_language=trained,
        languages={name: {"accuracy": value} for name, value in SCORES.items()},
        examples=dict.fromkeys(SCORES, 10),
        missing={},
    )
    row = CellRow(Cell("m", "lora", "none", "t", 1, "t", "s", None), "accuracy", "test", {}, record, None, None)
    assert shipped.scores is not None
    scores = changed(shipped.scores, languages=SCORES, examples=record.examples, missing={}, partial={}, full=None)
    card = changed(
        shipped,
        task=changed(shipped.task, language=trained),
        scores=changed(scores, metric="accuracy", without_intermediate=None),
    )
    assert set(record.averaged(zero_shot=True)) == zero_shot
    assert {line.language for line in lines_of(card) if line.zero_shot} == zero_shot
    (line,) = languages.cells([row], "t", "accuracy")[1]
    assert line[4] == mean
    text = markdown(card, 0, pictured=False)
    count = len(zero_shot)
    assert (f"| **zero-shot mean of {count}** | **{mean}** |" in text) == bool(zero_shot)


def test_a_seed_over_other_languages_is_a_gap(shipped: Card) -> None:
    assert shipped.scores is not None
    (seed,) = shipped.seeds
    by_seed = {str(seed): 60.0, "7": None, "8": 61.25}
    text = markdown(changed(shipped, scores=changed(shipped.scores, by_seed=by_seed)), 0, pictured=False)
    said = "– (seed 7, scored over other languages), 61.2 (seed 8)."
    assert f"The same training with other seeds has these means over the languages: {said}" in text
