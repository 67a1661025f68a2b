"""The objective of a method in a recipe: its forms, and its mistakes, each told once at its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.recipe.conftest import SMALL, Told

from layover import objectives
from layover.objectives import PLAIN
from layover.recipe import load
from layover.recipe.objectives import StageObjectives

FREELB, FGM = objectives.get("freelb"), objectives.get("fgm")


def objective(text: str) -> str:
    return f"methods.lora.objective={text}"


@pytest.mark.parametrize(
    ("text", "intermediate", "target"),
    [
        ("plain", PLAIN, PLAIN),
        ("freelb", FREELB(), FREELB()),
        ("{name: freelb, radius: 0.3}", FREELB(radius=0.3), FREELB(radius=0.3)),
        ("{intermediate: freelb}", FREELB(), PLAIN),
        ("{intermediate: {name: fgm, radius: 0.5}, target: plain}", FGM(radius=0.5), PLAIN),
        ("{target: fgm}", PLAIN, FGM()),
    ],
)
def test_an_objective_counts_for_both_stages_or_for_its_own(
    tmp_path: Path, text: str, intermediate: Any, target: Any
) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(SMALL, encoding="utf-8")
    recipe = load(path, [objective(text)])
    assert recipe.methods["lora"].objectives == StageObjectives(intermediate, target)


def test_the_default_is_the_plain_loss(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(SMALL, encoding="utf-8")
    assert load(path).methods["lora"].objectives == StageObjectives(PLAIN, PLAIN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("freelib", "unknown objective 'freelib'; did you mean 'freelb'?"),
        ("{name: fgmm}", "unknown objective 'fgmm'; did you mean 'fgm'?"),
        ("{radius: 0.1}", "has no name; write a name, or {name: X, ...}, X one of"),
        ("{name: fgm, radios: 0.1}", "did you mean 'radius'?"),
        ("{name: fgm, radius: -1}", "-1"),
        ("{name: freelb, variant: K+2}", "K+2"),
        ("{intermediat: fgm}", "unknown key 'intermediat'; did you mean 'intermediate'?"),
        ("{nme: fgm}", "unknown key 'nme'; did you mean 'name'?"),
        ("{name: fgm, target: fgm}", "has a name and stages; write one objective with its name, or {intermediate"),
        ("{name: consistency, sha256: abc}", "is set by the plan, not by a recipe; remove it"),
        ("{intermediate: {radius: 1}}", "has no name"),
        ("{name: fgm, at: frozen}", "write 'frozen' in it, as lora-frozen"),
        ("3", "3 is not an objective; write its name"),
    ],
)
def test_a_mistake_is_told_once_at_its_place(told: Told, text: str, said: str) -> None:
    (problem,) = told(SMALL, objective(text))
    assert said in problem
    assert "methods.lora" in problem


def test_all_mistakes_are_told_at_once(told: Told) -> None:
    problems = told(SMALL, objective("{intermediate: {name: fgm, radius: -1}, target: pgdd}"))
    assert len(problems) == 2
    assert "methods.lora.objective.intermediate.radius" in problems[0]
    assert "did you mean 'pgd'" in problems[1]


def test_frozen_layers_need_a_frozen_encoder_and_a_radius_of_their_own(told: Told) -> None:
    named = SMALL.replace("lora: {module: lora", "frozen-lora: {module: lora").replace("[lora]", "[frozen-lora]")
    assert told(named, "methods.frozen-lora.objective={name: fgm, at: frozen}") == []
    (relative,) = told(named, "methods.frozen-lora.objective={name: fgm, at: frozen, relative: true}")
    assert "with at: frozen write the radius itself" in relative
    full = named.replace("module: lora", "module: full")
    (whole,) = told(full, "methods.frozen-lora.objective={name: fgm, at: frozen}")
    assert "this module trains all layers; write at: embeddings" in whole


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{name: consistency, view: dictionary}", "view: dictionary needs a file"),
        ("{name: consistency, view: dictionary, dictionary: a.txt, alpha: 0.5}", "alpha has no effect"),
        ("{name: consistency, dictionary: a.txt}", "has no effect with view: subwords"),
        ("{name: consistency, view: words}", "words"),
    ],
)
def test_a_view_needs_what_it_reads(told: Told, text: str, said: str) -> None:
    (problem,) = told(SMALL, objective(text))
    assert said in problem


def test_masked_rows_have_no_views(told: Told) -> None:
    own = "tasks={texts: {kind: mlm, text: [text], files: {train: a.txt, validation: a.txt, test: a.txt}}}"
    both = (own, "sweep.intermediate=[texts]", objective("consistency"))
    (problem,) = [said for said in told(SMALL, *both) if "consistency" in said]
    assert "consistency in the intermediate stage compares views of rows, but texts is mlm" in problem
    assert not any("consistency" in said for said in told(SMALL, *both[:2], objective("{target: consistency}")))


@pytest.mark.parametrize("precision", ["bf16", "nf4", "int8"])
@pytest.mark.parametrize("text", ["r3f", "fgsm", "smart", "smoothing", "{name: fgsm, radius: 0.001, relative: true}"])
def test_a_perturbation_that_bfloat16_rounds_away_is_refused(told: Told, text: str, precision: str) -> None:
    (problem,) = told(SMALL, objective(text), f"train.precision={precision}")
    assert f"{precision} rounds most of this perturbation away" in problem
    assert told(SMALL, objective(text)) == []


@pytest.mark.parametrize(
    "text", ["fgm", "pgd", "freelb", "neftune", "rdrop", "{name: fgsm, radius: 0.05, relative: true}"]
)
def test_a_perturbation_that_bfloat16_keeps_is_valid(told: Told, text: str) -> None:
    assert told(SMALL, objective(text), "train.precision=bf16") == []


def test_labels_of_another_head_are_not_attacked(told: Told) -> None:
    (problem,) = told(SMALL, "sweep.target=[hans]", "eval={attack: [fgsm-0.1]}")
    assert "hans has other labels than the head that answers it" in problem
