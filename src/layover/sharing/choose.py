"""Which finished work is exported: a cell by its label, a training by its key, or the best cell of every target."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from layover.errors import LayoverError, nearest
from layover.plan import Cell, Plan
from layover.plan.inputs import ComposeInputs, TrainInputs
from layover.plan.mixtures import MixtureInputs
from layover.report.rows import CellRow
from layover.store import Store

Trained = TrainInputs | MixtureInputs | ComposeInputs


@dataclass(frozen=True)
class Wanted:
    """One package to be."""

    id: str
    key: str
    """Of a training, or of what was composed without one."""
    model: str
    """Label of the encoder in the recipe, as the rest."""
    method: str
    name: str
    """The task or mixture that it was trained on last."""
    seed: int
    cell: Cell | None
    """The cell that scores it; None for an intermediate."""


def identifier(*words: str) -> str:
    """Return words as the name of a package, `mini-stack-sandbox-nli-s1`: no slash, no dot, a letter first."""
    joined = re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(words)).strip("-")
    return (joined if joined[:1].isalpha() else f"m-{joined}")[:80]


def choose(plan: Plan, store: Store, wanted: Sequence[str]) -> list[Wanted]:
    """Return what is asked for, each once.

    Args:
        plan: Of the recipe.
        store: Where it is finished.
        wanted: Labels of cells (`mini/stack/sandbox/nli/sandbox/ner/1`), or the first 8 or more digits of the key of a
            training.

    Raises:
        LayoverError: nothing, or more than one thing, is called so, or it is not finished.
    """
    return list(dict.fromkeys(_one(plan, store, text) for text in wanted))


def best_per_target(rows: Sequence[CellRow]) -> list[str]:
    """Return for every target that is trained the label of the cell with the highest score, `full` methods left out.

    Of several seeds of the best (model, method, intermediate) by their mean, the first one.

    Raises:
        LayoverError: no cell is finished.
    """
    groups: dict[str, dict[tuple[str, str, str], list[CellRow]]] = {}
    for row in rows:
        cell = row.cell
        if row.value is not None and cell.train is not None:
            groups.setdefault(cell.target, {}).setdefault((cell.model, cell.method, cell.intermediate), []).append(row)
    if not groups:
        raise LayoverError("no cell is finished, so none is best; run the recipe first")

    def mean(members: Sequence[CellRow]) -> float:
        return sum(row.value for row in members if row.value is not None) / len(members)

    return [max(found.values(), key=mean)[0].cell.label for found in groups.values()]


def learned_before(plan: Plan, one: Wanted) -> list[Wanted]:
    """Return the intermediates that stay modules of their own in a training, or in what was composed."""
    inputs: Trained = plan.nodes[one.key].inputs
    if inputs.composed is None or inputs.composed.composition.name == "warm":
        return []
    first: dict[str, Wanted] = {}
    for candidate in _candidates(plan):
        first.setdefault(candidate.key, candidate)  # one training has one package, whichever methods begin with it
    return [first[learned.key] for learned in inputs.composed.learned]


def _learned(of: Wanted, name: str, key: str) -> Wanted:
    id_ = identifier(of.model, of.method, name, f"s{of.seed}")
    return Wanted(id_, key, of.model, of.method, name, of.seed, None)


def _of_cell(cell: Cell) -> Wanted | None:
    if cell.train is None:
        return None
    words = [cell.model, cell.method, *([] if cell.intermediate == "none" else [cell.intermediate])]
    id_ = identifier(*words, cell.target, f"s{cell.seed}")
    return Wanted(id_, cell.train, cell.model, cell.method, cell.target, cell.seed, cell)


def _candidates(plan: Plan) -> Iterable[Wanted]:
    """Yield everything of a sweep that could be exported; cells before intermediates."""
    cells = [found for cell in plan.cells if (found := _of_cell(cell)) is not None]
    yield from cells
    for one in cells:
        inputs: Trained = plan.nodes[one.key].inputs
        for learned in inputs.composed.learned if inputs.composed is not None else ():
            yield _learned(one, learned.name, learned.key)


def _one(plan: Plan, store: Store, text: str) -> Wanted:
    labels = {cell.label: cell for cell in plan.cells}
    if text in labels:
        found = _of_cell(labels[text])
        if found is None:
            raise LayoverError(f"{text}: nothing is trained in this cell, so there is nothing to export")
    elif re.fullmatch(r"[0-9a-f]{8,64}", text):
        by_key = {one.key: one for one in reversed(list(_candidates(plan))) if one.key.startswith(text)}
        if len(by_key) != 1:
            what = "several trainings" if by_key else "no training"
            raise LayoverError(f"{text}: {what} of the recipe have a key that begins so; see: layover plan --nodes")
        (found,) = by_key.values()
    else:
        raise LayoverError(f"{text!r} is no cell of the recipe; {nearest(text, labels)}")
    if not store.has(found.key):
        raise LayoverError(f"{text}: its training is not finished; run the recipe first")
    return found
