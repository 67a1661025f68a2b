"""Trainings of few steps at a learning rate that nobody chose: said for these, and for no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from layover.estimates import advice
from layover.estimates.advice import FEW_STEPS
from layover.plan import Plan

if TYPE_CHECKING:
    from tests.plan.conftest import World

DEFAULT = "methods.lora={module: lora, compose: warm}"
FEW, ENOUGH = 792, 800
"""Examples of which two epochs of batches of 8 are 198 and 200 steps."""


def told(plan: Plan, examples: int | None = FEW) -> list[str]:
    """Return the notes; every data set has so many examples."""
    return advice.notes(plan, lambda _: examples)


def sweep(world: World, *overrides: str) -> Plan:
    return world.plan("sweep.exclude=[]", *overrides)


def test_few_steps_at_a_default_rate_are_told_once_for_a_method(world: World) -> None:
    plan = sweep(world, DEFAULT, "sweep.method=[lora, full, head]")
    head, lora = sorted(told(plan))  # `full` names its rate
    assert lora == (
        "methods.lora: few steps (claims 198, moods 198) at the default learning rate 0.0003, which suits "
        "thousands of steps: scores may stay near chance; set methods.lora.lr to 5 to 10 times as much, or train for "
        "more epochs"
    )
    assert head.startswith("methods.head: few steps (moods 198) at the default learning rate 0.001,")


@pytest.mark.parametrize(
    ("examples", "overrides"),
    [
        (ENOUGH, [DEFAULT]),
        (None, [DEFAULT]),
        (FEW, [DEFAULT, "train.epochs=3"]),
        (FEW, [DEFAULT, "train.batch=7"]),
        (FEW, []),
        (FEW, ["methods.lora.lr=3e-4"]),
    ],
    ids=["enough examples", "unknown size", "epochs", "batch", "a rate", "the default rate, but chosen"],
)
def test_nothing_else_is_told(world: World, examples: int | None, overrides: list[str]) -> None:
    assert told(sweep(world, *overrides, "sweep.method=[lora]"), examples) == []


def test_the_bound_is_on_optimiser_steps(world: World) -> None:
    assert FEW_STEPS == 200
    plan = sweep(world, DEFAULT, "sweep.method=[lora]", "train.epochs=1", "tasks.moods.epochs=4")
    (note,) = told(plan)
    assert "few steps (claims 99) at" in note, "four epochs of moods are enough"


def test_a_mixture_counts_the_steps_of_all_its_tasks(world: World) -> None:
    mixtures = "mixtures={both: {tasks: [claims, moods]}}"
    plan = sweep(world, DEFAULT, mixtures, "sweep.intermediate=[both]", "sweep.method=[lora]")
    (note,) = told(plan)
    assert "few steps (moods 198) at" in note
    (note,) = told(plan, 80)
    assert "few steps (both 40, moods 20) at" in note


def test_a_composition_that_names_its_own_rate_is_heeded(world: World) -> None:
    plain = "methods.lora={module: lora, compose: fuse}"
    own = "methods.lora={module: lora, compose: {name: fuse, lr: 5e-3}}"
    narrow = ("sweep.method=[lora]", "sweep.intermediate=[claims]")
    (note,) = told(sweep(world, plain, *narrow))
    assert "few steps (claims 198, moods 198) at" in note
    (note,) = told(sweep(world, own, *narrow))
    assert "few steps (claims 198) at" in note


def test_language_adapters_are_told_of_where_their_rate_stands(world: World) -> None:
    for language in ("en", "sw"):
        (world.root / "data" / f"{language}.txt").write_text("a text\nanother\n", encoding="utf-8")
    texts = "languages={module: lora, text: {en: en.txt, sw: sw.txt}%s}"
    narrow = ("methods.lora.languages=true", "sweep.method=[lora]", "sweep.intermediate=[none]")
    (note,) = told(sweep(world, texts % "", *narrow))
    assert note.startswith("languages: few steps (language/en 198) at the default learning rate 0.0003")
    assert "set languages.lr to" in note
    assert told(sweep(world, texts % ", lr: 1e-3", *narrow)) == []
