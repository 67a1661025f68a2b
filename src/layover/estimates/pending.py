"""What cells may cost whose values are not chosen yet: as much as the costliest of their candidates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from layover.estimates.cost import Cost
from layover.plan.nodes import Node, Plan
from layover.specs import StepSpec


def bound(plan: Plan, costs: Mapping[str, Cost], finished: Collection[str] = ()) -> list[str]:
    """Return the keys of the nodes that pending cells need at most, each once and in the order of the plan.

    Of each cell these are the nodes of its costliest candidate that the plan does not have already.

    Args:
        plan: With pending cells.
        costs: Of all its nodes, possible ones included.
        finished: Keys of what is in the store, which costs nothing.
    """
    needed: dict[str, None] = {}
    for cell in plan.pending:
        options = [list(_beyond(plan, score, finished)) for score in cell.scores]
        needed |= dict.fromkeys(max(options, key=lambda keys: sum(costs[key].flops or 0.0 for key in keys), default=[]))
    return [key for key in plan.possible if key in needed]


def _beyond(plan: Plan, key: str, finished: Collection[str]) -> Iterator[str]:
    """Yield the keys below one that only a candidate needs, and that are not finished."""
    waiting, seen = [key], set[str]()
    while waiting:
        key = waiting.pop()
        if key in plan.possible and key not in seen and key not in finished:
            seen.add(key)
            yield key
            waiting.extend(plan.possible[key].needs)


def to_come(plan: Plan, costs: Mapping[str, Cost], finished: Collection[str]) -> list[Node[StepSpec]]:
    """Return the nodes that have to run, and then those that pending cells need at most; see `bound`."""
    return [*plan.wanted(finished), *(plan.possible[key] for key in bound(plan, costs, finished))]
