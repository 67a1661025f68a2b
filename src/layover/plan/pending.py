"""What cells may cost whose values are not chosen yet: as much as the costliest of their candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from layover.plan.cost import Cost
from layover.plan.nodes import Nodes, Plan


def bound(plan: Plan, costs: Mapping[str, Cost]) -> list[str]:
    """Return the keys of the nodes that pending cells need at most, each once and in the order of the plan.

    Of each cell these are the nodes of its costliest candidate that the plan does not have already.

    Args:
        plan: With pending cells.
        costs: Of all its nodes, possible ones included.
    """
    needed: dict[str, None] = {}
    for cell in plan.pending:
        options = [list(_beyond(plan, score)) for score in cell.scores]
        needed |= dict.fromkeys(max(options, key=lambda keys: sum(costs[key].flops or 0.0 for key in keys), default=[]))
    return [key for key in plan.possible if key in needed]


def _beyond(plan: Plan, key: str) -> Iterator[str]:
    """Yield the keys below one that only a candidate needs."""
    waiting, seen = [key], set[str]()
    while waiting:
        key = waiting.pop()
        if key in plan.possible and key not in seen:
            seen.add(key)
            yield key
            waiting.extend(plan.possible[key].needs)


def notes(plan: Plan) -> list[str]:
    """Return a line for each open round: how many cells wait for it."""
    lines = []
    for one in plan.rounds:
        waiting = [cell for cell in plan.pending if one.key in cell.rounds]
        if one.chosen is None and waiting:
            values = ", ".join(candidate.value for candidate in one.candidates)
            lines.append(f"{len(waiting)} cells wait for the choice of {one.label} (one of {values}, by {one.rule})")
    return lines


def everything(plan: Plan) -> Nodes:
    """Return the nodes of a plan and those that a choice may add."""
    return {**plan.nodes, **plan.possible}
