"""A card whose scored answers were cut at other thresholds than the package's says so beside the scores."""

from __future__ import annotations

import pytest

from layover.hub.facts import other_thresholds
from layover.hub.model_card import markdown
from layover.packages.card import Card
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
def test_a_card_tells_of_them(shipped: Card, thresholds: dict[str, float]) -> None:
    assert shipped.scores is not None
    scores = shipped.scores.model_copy(update={"thresholds": thresholds})
    text = markdown(shipped.model_copy(update={"scores": scores}), 0, pictured=False)
    begin = "**Scored with other thresholds than the package uses**: en 0.31."
    assert (begin in text) == bool(thresholds)
    assert ("The package predicts with the usual threshold (0.5" in text) == bool(thresholds)
