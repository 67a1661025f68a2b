"""The cell that a user names: by its label, or by the first digits of the key of its scores."""

from __future__ import annotations

import re

from layover.errors import LayoverError, nearest
from layover.plan.nodes import Cell, Plan
from layover.plan.rounds import UNCHOSEN

KEY = re.compile(r"[0-9a-f]{4,64}")
"""The first digits of a key."""


def cell_named(plan: Plan, name: str) -> Cell:
    """Return the cell of a name.

    Cells whose result does not depend on the seed share one key; a key then names the first of them.

    Args:
        plan: The plan of the recipe.
        name: `base/lora/mnli/xnli/1`, or the first 4 or more digits of the key of its scores.

    Raises:
        LayoverError: no cell has the name, its scores depend on an open choice, or several keys begin so.
    """
    by_label = {cell.label: cell for cell in plan.cells}
    if name in by_label:
        return by_label[name]
    if not KEY.fullmatch(name):
        raise not_a_cell(plan, name)
    by_key = {cell.score: cell for cell in reversed(plan.cells) if cell.score.startswith(name)}
    if len(by_key) != 1:
        scores = f"the keys of {len(by_key)} scores begin" if by_key else "no key of scores of the recipe begins"
        raise LayoverError(f"{scores} with {name!r}; `layover plan RECIPE --nodes` lists the keys, or write a label")
    (cell,) = by_key.values()
    return cell


def not_a_cell(plan: Plan, name: str) -> LayoverError:
    """Return the error about a name that is not the label of a cell with known values."""
    if name in {pending.label for pending in plan.pending}:
        return LayoverError(f"{name}: {UNCHOSEN}; run the recipe first")
    labels = [*(cell.label for cell in plan.cells), *(pending.label for pending in plan.pending)]
    return LayoverError(f"{name!r} is not a cell of the recipe; {nearest(name, labels)}")
