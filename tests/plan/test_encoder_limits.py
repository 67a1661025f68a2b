"""Inputs longer than an encoder takes are refused by the plan, where the recipe says how long they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from layover.errors import RecipeError

if TYPE_CHECKING:
    from tests.plan.conftest import World

MOODS = ("sweep.intermediate=[none]", "sweep.method=[lora]", "sweep.seed=[1]")


def config(world: World, **more: object) -> None:
    path = world.root / "encoder" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **more}), encoding="utf-8")


def refused(world: World, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        world.plan(*MOODS, *overrides)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(("kind", "padding", "longest"), [("xlm-roberta", 1, 62), ("roberta", 3, 60), ("bert", 0, 64)])
def test_the_longest_input_is_that_of_the_family(world: World, kind: str, padding: int, longest: int) -> None:
    config(world, model_type=kind, max_position_embeddings=64, pad_token_id=padding)
    assert world.plan(*MOODS, f"train.max_length={longest}")
    (found,) = refused(world, f"train.max_length={longest + 1}")
    assert found.endswith(
        f"train.max_length: moods is read with max_length {longest + 1}, but tiny ({world.root / 'encoder'}) takes "
        f"at most {longest} tokens; write {longest} or less"
    )
    assert found.startswith("command line (")


def test_the_place_is_where_the_length_is_written(world: World) -> None:
    config(world, model_type="xlm-roberta", max_position_embeddings=64, pad_token_id=1)
    (found,) = refused(world, "tasks.moods.max_length=600", "train.max_length=62")
    assert found.startswith("command line (tasks.moods.max_length=600): tasks.moods.max_length: moods is read with ")
    found = "\n".join(refused(world, "train.max_length=63", "sweep.intermediate=[claims]"))
    assert "moods is read with max_length 63" in found
    assert "claims is read with max_length 63" in found
    (found,) = refused(world, "tasks.claims.max_length=63", "sweep.intermediate=[none, claims]")
    assert ": tasks.claims.max_length: claims is read" in found
    assert world.plan(*MOODS, "tasks.claims.max_length=63"), "which is not in the sweep"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"model_type": "xlm-roberta", "pad_token_id": 1},
        {"model_type": "xlm-roberta", "max_position_embeddings": 64},
        {"model_type": "xlm-roberta", "max_position_embeddings": "64", "pad_token_id": 1},
        {"model_type": "gpt2", "max_position_embeddings": 64, "pad_token_id": 1},
    ],
)
def test_an_encoder_that_does_not_say_it_is_not_refused(world: World, more: dict[str, object]) -> None:
    config(world, **more)
    assert world.plan(*MOODS, "train.max_length=600")
