"""Cells that wait for a choice: the line that people read of each open round, and all nodes a choice may add."""

from __future__ import annotations

from dataclasses import replace

from layover.plan.nodes import Nodes, Plan

UNCHOSEN = "a value of its method is not chosen yet"
"""Why a pending cell has no score."""


def notes(plan: Plan) -> list[str]:
    """Return a line for each open round: how many cells wait for it."""
    lines = []
    for one in plan.rounds:
        waiting = [cell for cell in plan.pending if one.key in cell.rounds]
        if one.chosen is None and waiting:
            values = ", ".join(candidate.value for candidate in one.candidates)
            lines.append(
                f"{one.label}: not chosen yet (one of {values}, by {one.rule}); cells that wait: {len(waiting)}"
            )
    return lines


def everything(plan: Plan) -> Nodes:
    """Return the nodes of a plan and those that a choice may add."""
    return {**plan.nodes, **plan.possible}


def whole(plan: Plan) -> Plan:
    """Return a plan whose nodes are all that it may come to have."""
    return replace(plan, nodes=everything(plan))
