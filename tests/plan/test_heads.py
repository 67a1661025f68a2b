"""Plans of methods that continue the intermediate's head."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from layover import kinds
from layover.plan.heads import ordered, same_head
from layover.recipe.learned import ImportedHead
from layover.specs.train import TaskSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

    from layover.plan import Plan

KINDS = [name for name in kinds.usable() if kinds.get(name).trained]
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
    assert "lora: the target gets a new head, because the outputs differ: moods after claims" in after.notes


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_is_shared_within_its_kind_only(kind: str) -> None:
    labels = ("no", "yes")
    task = TaskSpec(data="d", kind=kind, labels=labels, selection=None)
    before = {other: ImportedHead(other, labels, "en") for other in KINDS}
    assert [other for other in KINDS if same_head(before[other], task)] == [kind]


def test_tasks_of_a_mixture_share_a_head_within_their_kind_only() -> None:
    labels = ("no", "yes")
    tasks = [
        TaskSpec(data=data, kind=kind, labels=labels, selection=None) for kind, data in itertools.product(KINDS, "de")
    ]
    numbers = {kind: {task.place for task in ordered(tasks) if task.kind == kind} for kind in KINDS}
    assert sorted(numbers.values(), key=min) == [{number} for number in range(len(KINDS))]
