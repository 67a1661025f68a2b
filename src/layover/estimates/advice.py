"""Advice of a plan: trainings with few steps at a default learning rate."""

from __future__ import annotations

from collections.abc import Iterator

from layover.estimates.passes import ExampleCounts, steps_of
from layover.plan.nodes import Cell, Node, Plan, of
from layover.recipe import NO_INTERMEDIATE
from layover.specs.train import TrainSpec

FEW_STEPS = 200
"""Below this number, the default learning rates are too low: they suit thousands of steps."""


def notes(plan: Plan, counts: ExampleCounts) -> list[str]:
    """Return a note for each method with the tasks whose training has few steps at the default learning rate.

    Args:
        plan: The plan with the trainings.
        counts: Key of a tokenize node -> its examples; a training of unknown size gets no note.
    """
    short: dict[tuple[str, float], dict[str, int]] = {}
    for place, node in _at_default_rates(plan):
        steps, name = steps_of(node.spec, counts), node.spec.name
        if steps is not None and steps < FEW_STEPS:
            few = short.setdefault((place, node.spec.hyperparameters.lr), {})
            few[name] = min(steps, few.get(name, steps))
    return [_note(place, lr, few) for (place, lr), few in short.items()]


def _note(place: str, lr: float, few: dict[str, int]) -> str:
    trained = ", ".join(f"{name} {steps}" for name, steps in sorted(few.items()))
    return (
        f"{place}: few steps ({trained}) at the default learning rate {lr:g}, which suits thousands of steps: "
        f"scores may stay near chance; set {place}.lr to 5 to 10 times as much, or train for more epochs"
    )


def _at_default_rates(plan: Plan) -> Iterator[tuple[str, Node[TrainSpec]]]:
    """Yield the trainings whose learning rate the recipe does not set, and the path of the section for it."""
    document = plan.recipe.document
    texts = set(plan.recipe.languages.settings) if plan.recipe.languages is not None else set()
    seen: set[tuple[str, str]] = set()
    for cell in plan.cells:
        for node in _trainings(plan, cell):
            of_language = node.spec.name in texts
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


def _trainings(plan: Plan, cell: Cell) -> Iterator[Node[TrainSpec]]:
    """Yield the trainings of a cell: of its target, its intermediates and its language adapters."""
    open_keys, seen = [cell.score], dict[str, None]()
    while open_keys:
        key = open_keys.pop()
        if key in seen:
            continue
        seen[key] = None
        open_keys += plan.nodes[key].needs
    yield from (node for node in of({key: plan.nodes[key] for key in seen}, TrainSpec) if node.spec.gates is None)
