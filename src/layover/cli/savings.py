"""The arithmetic that the hidden-state cache saves, as JSON values and as a line of text."""

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
    """Return the size of the cache, the remaining arithmetic without it, and the arithmetic that it saves.

    Args:
        plain: The plan without a hidden-state cache.
        plan: The plan with it.
        costs: Estimates of the nodes of `plan`.
        meta: Returns the counts of finished data.
        finished: Keys of the finished nodes of the store.
    """
    from layover.estimates.cost import ENCODING, estimate

    before = estimate(plain, meta) if plan.cache.sets else {}
    wanted = plain.wanted(finished) if before else []
    open_before = [before[node.key].flops for node in wanted if node.kind in ENCODING]
    left = sum(flops or 0.0 for flops in open_before)
    after = sum(costs[node.key].flops or 0.0 for node in plan.wanted(finished)) if before else 0.0
    return {**asdict(plan.cache), "flops_without": left, "flops_saved": left - after, "exact": None not in open_before}


def savings_line(values: Mapping[str, Any]) -> str | None:
    """Return the line of text, or None if no hidden states are worth keeping."""
    if not values["paying"]:
        return f"hidden-state cache: {lost}" if (lost := _lost(values)) else None
    used, budget = room(values["used_bytes"]), room(values["budget_bytes"])
    text = f"hidden-state cache: {values['sets']} of {values['paying']} sets of hidden states, {used} of {budget}"
    if values["flops_without"]:
        saved, left = values["flops_saved"], values["flops_without"]
        work = "the remaining arithmetic" if values["exact"] else "the known remaining arithmetic"
        text += f"; saves {100 * saved / left:.0f} % of {work} ({amount(saved)}FLOP of {amount(left)}FLOP)"
    if values["left_out_bytes"]:
        why = "the free disk" if values["short_of_disk"] else "run.hidden_state_cache"
        count, lacking = values["paying"] - values["sets"], room(values["left_out_bytes"])
        text += f"; {count} more would save time, but {why} has no room for their {lacking}"
        if values["idle_bytes"]:
            idle = room(values["idle_bytes"])
            text += f" (hidden states that no unfinished node reads take {idle}; `layover gc` removes them)"
    return "; ".join(part for part in (text, _lost(values)) if part)


def _lost(values: Mapping[str, Any]) -> str:
    """Return the words on trainings that cannot use the cache; empty without them."""
    if not values["lost_flops"]:
        return ""
    lost = amount(values["lost_flops"])
    return f"trainings whose objective perturbs the embeddings cannot use it: their frozen layers cost {lost}FLOP"
