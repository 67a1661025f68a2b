"""Perturbed test sets in a recipe: unknown names, kinds without them, and the setting of one task."""

from __future__ import annotations

import pytest
from tests.recipe.conftest import Told

RECIPE = """\
schema: 1
name: small
models: {mini: {name: sandbox/mini}}
methods:
  lora: {module: lora, compose: warm, lr: 3e-3}
train: {batch: 8, epochs: 1, max_length: 64, stride: 8}
sweep:
  model: [mini]
  method: [lora]
  intermediate: [none]
  target: [sandbox/nli, sandbox/qa]
  seed: [1]
eval: {perturb: [typos-10, words-5]}
"""


def test_valid_lists(told: Told) -> None:
    assert told(RECIPE) == []
    assert told(RECIPE, "eval.perturb=[]") == []
    assert told(RECIPE, "eval.perturb_seed=7", "tasks.sandbox/qa.eval.perturb=[case-20, punctuation-5]") == []


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("typo-10", "typos-10"), ("typos-15", "typos-5"), ("typos", "typos-5"), ("word-20", "words-20")],
)
def test_an_unknown_name_has_its_place_and_the_nearest_one(told: Told, wrong: str, nearest: str) -> None:
    (problem,) = told(RECIPE.replace("words-5", wrong))
    assert problem == (f"r.yaml:13: eval.perturb[1]: {wrong!r} is no perturbation; did you mean {nearest!r}?")
    (problem,) = told(RECIPE, f"tasks.sandbox/nli.eval.perturb=[{wrong}]")
    assert f"tasks.sandbox/nli.eval.perturb[0]: {wrong!r} is no perturbation; did you mean {nearest!r}?" in problem


def test_a_list_is_a_list_without_repetitions(told: Told) -> None:
    (problem,) = told(RECIPE, "eval.perturb=typos-10")
    assert "'typos-10' is not a list; write [typos-10]" in problem
    (problem,) = told(RECIPE, "eval.perturb=[typos-10, typos-10]")
    assert "has a perturbation twice; remove one" in problem
    (problem,) = told(RECIPE, "eval.perturb=[10]")
    assert "eval.perturb[0]: 10 does not fit; write a text" in problem


def test_a_kind_without_perturbed_test_sets_is_refused(told: Told) -> None:
    target = "sweep.target=[sandbox/nli, sandbox/aligned]"
    (problem,) = told(RECIPE, target)
    assert problem == (
        "r.yaml:13: eval.perturb: sandbox/aligned is a task of retrieval, whose test sets are not perturbed (only "
        "those of choice, classification, multilabel, regression, span, tagging); write "
        "tasks.sandbox/aligned.eval.perturb: []"
    )
    assert told(RECIPE, target, "tasks.sandbox/aligned.eval.perturb=[]") == []
    (problem,) = told(RECIPE, target, "eval.perturb=[]", "tasks.sandbox/aligned.eval.perturb=[typos-5]")
    assert "tasks.sandbox/aligned.eval.perturb: sandbox/aligned is a task of retrieval" in problem
