"""A searched value on a model card: what was tried, with which budget, what was chosen."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from layover.hub.model_card import markdown
from layover.packages.card import Card
from layover.packages.sections import SearchFacts, TrialFacts

SEARCH = SearchFacts(
    searched="lr: 0.0003, 0.001, 0.003",
    chosen="lr=0.003",
    chosen_for="mini, sandbox/ner",
    sampler="halving",
    budget=3,
    seeds=(101, 102),
    stage="both",
    trials=(
        TrialFacts(values="lr=0.0003", score=None, share=0.25),
        TrialFacts(values="lr=0.001", score=71.25, share=0.5),
        TrialFacts(values="lr=0.003", score=80.0, share=1.0),
    ),
    edges=("lr=0.003 is the largest value tried; a larger lr may be better: widen the search",),
)


def changed(part: Any, **updates: Any) -> Any:
    return part.model_copy(update=updates)


def test_the_search_is_told_with_its_trials(shipped: Card) -> None:
    text = markdown(changed(shipped, search=SEARCH), 0, pictured=False)
    part = text.split("### Hyperparameter search\n\n")[1].split("\n### ")[0]
    assert part.splitlines() == [
        "Searched: lr: 0.0003, 0.001, 0.003 (halving, 3 trials, the same number for each method of the sweep).",
        (
            "Chosen for mini, sandbox/ner: lr=0.003, by the development score in the language of the training data, "
            "with training seed 101, 102. No test data were read for the choice."
        ),
        "Caution: lr=0.003 is the largest value tried; a larger lr may be better: widen the search.",
        "",
        "| trial | share of the steps | development score |",
        "| --- | --- | --- |",
        "| lr=0.0003 | 0.25 | – |",
        "| lr=0.001 | 0.5 | 71.25 |",
        "| lr=0.003 | 1 | 80 |",
    ]


def test_a_card_without_a_search_says_nothing_of_it(shipped: Card) -> None:
    assert shipped.search is None
    assert "Hyperparameter search" not in markdown(shipped, 0, pictured=False)


def test_averaged_weights_are_told(shipped: Card) -> None:
    last = changed(shipped.trainings[-1], averaged_steps=(14, 21, 28), selection="accuracy in en", kept_step=None)
    text = markdown(changed(shipped, trainings=(*shipped.trainings[:-1], last)), 0, pictured=False)
    (line,) = [line for line in text.splitlines() if line.startswith("| weights kept |")]
    assert line.endswith(" mean of steps 14, 21, 28 |")


@pytest.mark.parametrize("change", [{"budget": 0}, {"stage": "all"}, {"seeds": ("x",)}, {"unknown": 1}])
def test_facts_of_a_strangers_card_are_checked(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SearchFacts.model_validate({**SEARCH.model_dump(), **change})
