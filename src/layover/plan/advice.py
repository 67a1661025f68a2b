"""Advice of a plan: trainings with few steps at a default learning rate."""

from __future__ import annotations

from collections.abc import Iterator

from layover.plan.inputs import TrainInputs
from layover.plan.mixtures import MixtureInputs
from layover.plan.nodes import Cell, Node, Plan
from layover.plan.passes import Counts, Training, steps_of
from layover.recipe import NO_INTERMEDIATE

FEW_STEPS = 200
"""Fewer are too few for the default rates, which are those of thousands of steps."""


def notes(plan: Plan, counts: Counts) -> list[str]:
    """Return, method by method, the tasks whose training has few steps at the default learning rate.

    Args:
        plan: What will be trained.
        counts: Key of a tokenize node -> its examples; of a training whose size is not known nothing is said.
    """
    found: dict[tuple[str, float], dict[str, int]] = {}
    for place, node in _at_default_rates(plan):
        steps = steps_of(node.inputs, counts)
        if steps is not None and steps < FEW_STEPS:
            few = found.setdefault((place, node.inputs.optimisation.lr), {})
            name = _name(node.inputs)
            few[name] = min(steps, few.get(name, steps))
    return [_note(place, lr, few) for (place, lr), few in found.items()]


def _note(place: str, lr: float, few: dict[str, int]) -> str:
    trained = ", ".join(f"{name} {steps}" for name, steps in sorted(few.items()))
    return (
        f"{place}: few steps ({trained}) at the default learning rate {lr:g}, which suits thousands of steps: "
        f"scores may stay near chance; set {place}.lr to 5 to 10 times as much, or train for more epochs"
    )


def _name(inputs: Training) -> str:
    return inputs.name if isinstance(inputs, MixtureInputs) else inputs.task.name


def _at_default_rates(plan: Plan) -> Iterator[tuple[str, Node]]:
    """Yield the trainings whose learning rate the recipe does not name, and the path of the section that could."""
    document = plan.recipe.document
    texts = set(plan.recipe.languages.settings) if plan.recipe.languages is not None else set()
    seen: set[tuple[str, str]] = set()
    for cell in plan.cells:
        for node in _trainings(plan, cell):
            of_language = isinstance(node.inputs, TrainInputs) and node.inputs.task.name in texts
            place = "languages" if of_language else f"methods.{cell.method}"
            section = document.languages if of_language else document.methods[cell.method]
            named = section is not None and section.lr is not None
            if named or (place, node.key) in seen or (node.key == cell.train and _rate_of_its_own(plan, cell)):
                continue
            seen.add((place, node.key))
            yield place, node


def _rate_of_its_own(plan: Plan, cell: Cell) -> bool:
    """Return whether the composition names the learning rate of the target's training."""
    composition = plan.recipe.methods[cell.method].composition
    return cell.intermediate != NO_INTERMEDIATE and composition.target_lr() is not None


def _trainings(plan: Plan, cell: Cell) -> Iterator[Node]:
    """Yield the trainings that a cell rests on, its own and those of its intermediates and language adapters."""
    open_keys, seen = [cell.score], set()
    while open_keys:
        key = open_keys.pop()
        if key in seen:
            continue
        seen.add(key)
        node = plan.nodes[key]
        if node.kind == "train":
            yield node
        open_keys += node.needs
