"""Which of the rows that are used have no gold, after hold-outs, limits and what `without` leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from layover import kinds
from layover.data.subset import leave_out
from layover.data.tally import NO_GOLD, Tally
from layover.errors import DataError
from layover.plan.inputs import TokenizeInputs
from layover.plan.surveys import Surveys
from layover.tasks import texts_in


@dataclass(frozen=True)
class Lacking:
    """Rows without gold among those that are used."""

    count: int
    used: int
    first: str
    """`file:line` of the first of them; empty where there is none, or it is not known."""


def lacking(inputs: TokenizeInputs, surveys: Surveys) -> Lacking | None:
    """Return the rows without gold among those of a data set that are used; None where that is not known."""
    counted = surveys.counted(inputs.task, inputs.location)
    if counted is None or counted.problem:
        return None
    missing = counted.examples - counted.gold
    if not missing or not is_part(inputs):
        first = next((one.first for one in counted.left_out if one.reason == NO_GOLD.text and one.first), "")
        return Lacking(missing, counted.examples, first)
    others = [surveys.counted(inputs.task, place) for place in inputs.without]
    if any(one is None or one.problem for one in others):
        return None
    try:
        return _read(inputs)
    except DataError:  # a hold-out that leaves nothing, which is told elsewhere
        return None


def is_part(inputs: TokenizeInputs) -> bool:
    """Return whether a recipe leaves some rows of a data set out."""
    return bool(inputs.without) or inputs.subset.limit is not None or inputs.subset.holdout is not None


def _read(inputs: TokenizeInputs) -> Lacking:
    kind, tally = kinds.get(inputs.task.kind), Tally()
    read = inputs.task.read(inputs.location, tally)
    numbers = {id(example): number for number, example in enumerate(read)}
    texts = texts_in(inputs.task, inputs.without)
    used = inputs.subset.of(leave_out(read, texts, kind) if texts else read, kind)
    missing = [numbers[id(example)] for example in used if not kind.has_gold(example)]
    return Lacking(len(missing), len(used), tally.where(missing[0]) if missing else "")
