"""Plans of methods that continue the intermediate's head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.plan.conftest import World

    from layover.plan import Plan

NARROW = ("sweep.method=[lora]", "sweep.exclude=[]", "sweep.seed=[1]")
CONTINUE = "methods.lora={module: lora, lr: 4e-4, rank: 4, head: continue}"


def target(plan: Plan) -> Any:
    (cell,) = (cell for cell in plan.cells if cell.intermediate == "claims")
    return plan.nodes[cell.train or ""]


def test_a_head_goes_on_where_labels_are_the_same(world: World) -> None:
    before, after = world.plan(*NARROW), world.plan(*NARROW, CONTINUE)
    assert target(before).spec.head_from is None
    assert target(after).spec.head_from == target(after).spec.canonical()["intermediate"]
    assert target(before).key != target(after).key
    assert not [note for note in after.notes if "head" in note]
    first = {cell.train for plan in (before, after) for cell in plan.cells if cell.intermediate == "none"}
    assert len(first) == 1, "without an intermediate there is nothing to continue"


def test_other_labels_give_a_fresh_head_and_a_note(world: World) -> None:
    labels = "tasks.moods.labels=[yes, no]"
    after = world.plan(*NARROW, CONTINUE, labels)
    assert target(after).spec.head_from is None
    assert target(after).key == target(world.plan(*NARROW, labels)).key
    assert "lora: the head starts afresh where outputs differ: moods after claims" in after.notes
