"""The nodes that `gc` may remove: all that no kept plan needs."""

from __future__ import annotations

from collections.abc import Sequence

from layover.plan.nodes import Plan, of
from layover.plan.rounds import everything
from layover.specs.train import TrainSpec
from layover.store import Store

POLICIES = ("all", "modules", "records")


def removable(store: Store, plans: Sequence[Plan], policy: str) -> list[str]:
    """Return the keys of the finished nodes that can be removed.

    Args:
        store: The store.
        plans: The plans whose results are kept.
        policy: `all` keeps every node of the plans; `modules` removes full checkpoints that no unfinished
            node and no open round needs; `records` keeps scores, and nodes that unfinished nodes or open rounds
            need. Hidden states are kept for unfinished nodes only.
    """
    finished = store.finished()
    reached = {key: node for plan in plans for key, node in everything(plan).items()}
    needed = {need for plan in plans for node in plan.wanted(finished) for need in node.needs}
    open_rounds = [choice_round for plan in plans for choice_round in plan.rounds if choice_round.chosen is None]
    needed |= {key for choice_round in open_rounds for key in choice_round.nodes()}
    whole = {node.key for node in of(reached, TrainSpec) if node.spec.module.whole and node.spec.gates is None}
    keep = set()
    for key, node in reached.items():
        full = node.key in whole
        dropped = (policy == "modules" and full) or (policy == "records" and node.kind != "score")
        dropped = dropped or node.kind == "hidden_states"
        if key in needed or not dropped:
            keep.add(key)
    return sorted(finished - keep)
