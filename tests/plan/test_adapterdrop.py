"""AdapterDrop in plans: what it adds to a key, what is shared, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from layover.errors import RecipeError
from layover.estimates.cost import estimate

if TYPE_CHECKING:
    from tests.plan.conftest import World

    from layover.plan import Plan

LORA = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.exclude=[]", "sweep.seed=[1]")
LAST = (*LORA, "train.select=null")


def dropping(settings: str) -> str:
    return f"methods.lora.adapterdrop={settings}"


def of_kind(plan: Plan, kind: str) -> dict[str, Any]:
    return {key: node for key, node in plan.nodes.items() if node.kind == kind}


@pytest.mark.parametrize(
    ("settings", "train", "predict"),
    [
        ("{train: 1}", {"train": 1, "random": False, "predict": 1}, 1),
        ("{train: 1, predict: 0}", {"train": 1, "random": False, "predict": 0}, None),
        ("{train: 1, random: true}", {"train": 1, "random": True, "predict": 0}, None),
        ("{train: 1, random: true, predict: 1}", {"train": 1, "random": True, "predict": 1}, 1),
        # the weights are selected without the first layer's module, so it is another training
        ("{predict: 1}", {"predict": 1}, 1),
    ],
)
def test_only_what_is_set_is_in_the_keys(
    world: World, settings: str, train: dict[str, object], predict: int | None
) -> None:
    plain, plan = world.plan(*LORA), world.plan(*LORA, dropping(settings))
    (before,), (after,) = (of_kind(one, "train").values() for one in (plain, plan))
    assert {**before.spec.canonical(), "adapterdrop": train} == after.spec.canonical()
    for node in of_kind(plan, "predict").values():
        assert node.spec.canonical().get("skipped") == predict
        assert node.spec.skipped == (predict or 0)


def test_without_selection_predictions_share_a_training(world: World) -> None:
    plain = world.plan(*LAST)
    after = world.plan(*LAST, dropping("{predict: 1}"))
    assert of_kind(plain, "train").keys() == of_kind(after, "train").keys()
    assert not of_kind(plain, "predict").keys() & of_kind(after, "predict").keys()
    robust, shallow = (world.plan(*LAST, dropping(f"{{train: 1, random: true, predict: {count}}}")) for count in (0, 1))
    assert of_kind(robust, "train").keys() == of_kind(shallow, "train").keys()
    assert not of_kind(robust, "predict").keys() & of_kind(shallow, "predict").keys()


def test_a_retrieval_target_is_embedded_without_the_modules_too(world: World) -> None:
    (world.root / "data" / "p").mkdir()
    for name in ("de", "en"):
        (world.root / "data" / "p" / f"{name}.txt").write_text(f"{name} one\n{name} two\n", encoding="utf-8")

    def change(text: str) -> str:
        task = "  parallel: {kind: retrieval, files: {test: {de: [p/de.txt, p/en.txt]}}}\n"
        return text.replace("tasks:\n", f"tasks:\n{task}").replace("target: [moods]", "target: [parallel]")

    sweep = (*LORA, "sweep.intermediate=[none, claims]")
    plain, plan = world.plan(*sweep, change=change), world.plan(*sweep, dropping("{train: 1}"), change=change)
    found = {node.spec.canonical()["train"] is None: node for node in of_kind(plan, "predict").values()}
    assert found[True].key in plain.nodes  # the encoder alone has no modules
    assert (found[False].spec.canonical()["skipped"], found[False].spec.skipped) == (1, 1)
    assert "skipped" not in found[True].spec.canonical()


def test_the_backward_pass_ends_above_what_is_dropped(world: World) -> None:
    def flops(settings: str) -> float:
        plan = world.plan(*LORA, dropping(settings))
        (key,) = of_kind(plan, "train")
        found = estimate(plan, lambda _: {"tokens": 1000, "examples": 2})[key].flops
        assert found is not None
        return found

    assert flops("{train: 1}") < flops("{train: 1, random: true}") == flops("{predict: 1}")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("methods.full.adapterdrop={train: 1}", "full adds no module to single layers"),
        ("methods.head.adapterdrop={train: 1}", "none adds no module to single layers"),
        (dropping("{}"), "drops nothing; set train or predict"),
        (dropping("{train: 0, random: true, predict: 1}"), "random draws a number of layers from 0 to train"),
        (dropping("{trian: 1}"), "did you mean 'train'"),
        (dropping("{train: -1}"), "-1 does not fit; write a whole number from 0 to 999"),
        (dropping("{train: 2}"), "removes every layer of lora, which adapts layers 0 to 1 of 2"),
        (dropping("{train: 1, predict: 2}"), "removes every layer of lora"),
        ("methods.lora={module: lora, layers: [1], adapterdrop: {train: 1}}", "removes no layer of lora"),
        ("methods.lora={module: lora, layers: top-3}", "layers is top-3, but the encoder has 2 layers"),
        ("methods.lora={module: lora, patterns: [{rank: 0}]}", "remove every update"),
        ("methods.lora.patterns=[{targte: [key]}]", "did you mean 'target'"),
        ("methods.stack.module=dora", "stack does not work with dora: it rescales every row"),
    ],
)
def test_what_has_no_meaning_is_refused(world: World, override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        world.plan(override)
