"""Which of the rows that are used have no gold, after hold-outs, limits and what `without` leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from layover import kinds
from layover.data.subset import leave_out
from layover.data.tally import NO_GOLD, Tally
from layover.errors import DataError
from layover.plan.surveys import Surveys
from layover.specs.tokenize import TokenizeSpec
from layover.tasks import texts_in


@dataclass(frozen=True)
class Lacking:
    """Rows without gold among those that are used."""

    count: int
    used: int
    first: str
    """`file:line` of the first of them; empty where there is none, or it is not known."""


def lacking(data: TokenizeSpec, surveys: Surveys) -> Lacking | None:
    """Return the rows without gold among those of a data set that are used; None where that is not known."""
    counted = surveys.counted(data.task, data.location)
    if counted is None or counted.problem:
        return None
    missing = counted.examples - counted.gold
    if not missing or not is_part(data):
        first = next((one.first for one in counted.left_out if one.reason == NO_GOLD.text and one.first), "")
        return Lacking(missing, counted.examples, first)
    others = [surveys.counted(data.task, place) for place in data.places[1:]]
    if any(one is None or one.problem for one in others):
        return None
    try:
        return _read(data)
    except DataError:  # a hold-out that leaves nothing, which is told elsewhere
        return None


def is_part(data: TokenizeSpec) -> bool:
    """Return whether a recipe leaves some rows of a data set out."""
    return bool(data.without) or data.subset.limit is not None or data.subset.holdout is not None


def _read(data: TokenizeSpec) -> Lacking:
    kind, tally = kinds.get(data.task.kind), Tally()
    read = data.task.read(data.location, tally)
    numbers = {id(example): number for number, example in enumerate(read)}
    texts = texts_in(data.task, data.places[1:])
    used = data.subset.of(leave_out(read, texts, kind) if texts else read, kind)
    missing = [numbers[id(example)] for example in used if not kind.has_gold(example)]
    return Lacking(len(missing), len(used), tally.where(missing[0]) if missing else "")
