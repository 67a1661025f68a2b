"""A card whose scored answers were cut at other thresholds than the package's says so beside the scores."""

from __future__ import annotations

import pytest

from layover.hub.facts import other_thresholds
from layover.hub.model_card.text import _remarks
from layover.packages.card import Card
from layover.packages.sections import Scores
from layover.records import LabelThreshold, NoAnswerThresholds, Record

RECORD = Record(
    metrics=("micro_f1",), source_language="en", languages={"en": {"micro_f1": 50.0}}, examples={"en": 4}, missing={}
)

KINDS = {"threshold": "multilabel", "no_answer": "span"}


@pytest.mark.parametrize(
    ("field", "chosen", "found"),
    [
        ("threshold", LabelThreshold(tuned_on="validation", thresholds={"en": 0.31, "de": 0.5}), {"en": 0.31}),
        ("threshold", LabelThreshold(tuned_on=None, thresholds={"en": 0.0625}), {"en": 0.0625}),
        ("no_answer", NoAnswerThresholds(tuned_on="validation", thresholds={"en": 0.5, "de": 0.0}), {"en": 0.5}),
        ("no_answer", NoAnswerThresholds(tuned_on=None, thresholds={"en": 0.0}), {}),
        ("threshold", None, {}),
    ],
)
def test_thresholds_that_a_package_does_not_use_are_found(
    field: str, chosen: LabelThreshold | NoAnswerThresholds | None, found: dict[str, float]
) -> None:
    assert other_thresholds(RECORD.model_copy(update={field: chosen}), KINDS[field]) == found


@pytest.mark.parametrize("thresholds", [{}, {"en": 0.31}])
def test_a_card_tells_of_them(thresholds: dict[str, float]) -> None:
    scores = Scores(
        split="test",
        metric="micro_f1",
        languages={"en": 50.0},
        examples={"en": 4},
        every={"en": {"micro_f1": 50.0}},
        missing={},
        partial={},
        data=(),
        without_intermediate=None,
        full=None,
        by_seed={},
        best_of=None,
        thresholds=thresholds,
    )
    said = "\n".join(_remarks(Card.model_construct(seeds=(1,)), scores, []))
    assert ("en 0.31" in said and "predicts with the usual one" in said) == bool(thresholds)
    assert thresholds or not said
