"""What the hidden-state cache is worth: for machines, and in a line for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from layover.cli.console import amount, room

if TYPE_CHECKING:
    from layover.estimates.cost import Estimate
    from layover.plan import Plan
    from layover.plan.nodes import Meta


def savings(plain: Plan, plan: Plan, costs: Mapping[str, Estimate], meta: Meta, finished: set[str]) -> dict[str, Any]:
    """Return what was decided, and the arithmetic that is left without a cache and that it saves.

    Args:
        plain: The plan without a hidden-state cache.
        plan: The plan with it.
        costs: Of `plan`.
        meta: Counts of finished data.
        finished: Keys of what is in the store.
    """
    from layover.estimates.cost import ENCODING, estimate

    before = estimate(plain, meta) if plan.cache.sets else {}
    wanted = plain.wanted(finished) if before else []
    open_before = [before[node.key].flops for node in wanted if node.kind in ENCODING]
    left = sum(flops or 0.0 for flops in open_before)
    after = sum(costs[node.key].flops or 0.0 for node in plan.wanted(finished)) if before else 0.0
    return {**asdict(plan.cache), "flops_without": left, "flops_saved": left - after, "exact": None not in open_before}


def told(values: Mapping[str, Any]) -> str | None:
    """Return the line for people; None where no hidden states are worth keeping."""
    if not values["paying"]:
        return None
    used, budget = room(values["used_bytes"]), room(values["budget_bytes"])
    text = f"hidden-state cache: {values['sets']} of {values['paying']} sets of hidden states, {used} of {budget}"
    if values["flops_without"]:
        saved, left = values["flops_saved"], values["flops_without"]
        what = "the arithmetic that is left" if values["exact"] else "the known arithmetic that is left"
        text += f"; saves {100 * saved / left:.0f} % of {what} ({amount(saved)}FLOP of {amount(left)}FLOP)"
    if values["left_out_bytes"]:
        why = "the free disk" if values["short_of_disk"] else "run.hidden_state_cache"
        count, lacking = values["paying"] - values["sets"], room(values["left_out_bytes"])
        text += f"; {count} more would pay, but {why} has no room for their {lacking}"
        if values["idle_bytes"]:
            text += f" ({room(values['idle_bytes'])} are of finished work: layover gc frees them)"
    return text
