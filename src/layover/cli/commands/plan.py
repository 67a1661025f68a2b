"""plan: what is cached, what will run, and what it will cost."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import amount, answer, duration, say, size, table
from layover.cli.device import unseen
from layover.cli.room import answered, asked, budget_of
from layover.cli.savings import savings, told
from layover.cli.shared import (
    DEFAULT_STORE,
    JsonOption,
    Overrides,
    Planned,
    RecipeArgument,
    StoreOption,
    meta_of,
    planned,
)

if TYPE_CHECKING:
    from layover.plan.choices import Round

ORDER = 20


def command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    nodes: Annotated[bool, typer.Option("--nodes", help="List every node.")] = False,
    gpu: Annotated[str | None, typer.Option(help="Memory of a GPU to hold the plan against, 6GiB.")] = None,
    json: JsonOption = False,
) -> None:
    """Show what is cached, what will run, the estimated cost and disk, and whether it fits into the memory."""
    found = planned(recipe, overrides, store, provisional=True)
    summary = summarise(found, None if gpu is None else budget_of(gpu, "--gpu"))
    if json:
        answer({**summary, "nodes": _listing(found)} if nodes else summary)
        return
    rows = [
        [row["kind"], *(str(row[name]) for name in ("nodes", "cached", "to_run")), *_estimates(row)]
        for row in summary["kinds"]
    ]
    say(f"{summary['cells']} cells, {summary['cells_finished']} finished")
    if found.plan.pending:
        most = summary["pending"]["at_most"]
        work = f"{most['nodes']} nodes and {amount(most['flops'])}FLOP"
        say(f"cells that wait for a choice: {len(found.plan.pending)}; they add at most {work} to the table below")
    say(*table(["node", "all", "cached", "to run", "examples", "tokens", "arithmetic", "disk"], rows))
    say(answered(summary["memory"]))
    say(f"work left: {_left(summary)}")
    if worth := told(summary["hidden_state_cache"]):
        say(worth)
    for note in summary["notes"]:
        say(f"note: {note}")
    if nodes:
        for line in _listing(found):
            say(f"{line['key'][:12]}  {'cached' if line['cached'] else 'to run'}  {line['label']}")


def _estimates(row: dict[str, Any]) -> list[str]:
    """Return examples, tokens, arithmetic and disk; at least so much where some nodes are unknown."""
    sign = ">= " if row["unknown"] else ""
    work = f"{sign}{amount(row['flops'])}FLOP" if row["flops"] else ""
    counts = [sign + amount(row[name]) if row[name] else "" for name in ("examples", "tokens")]
    return [*counts, work, sign + size(row["disk_bytes"])]


def _left(summary: dict[str, Any]) -> str:
    """Return the time of one process for the work that is left, in words."""
    if summary["seconds_left"] is None:
        return "unknown (the speed is measured on finished nodes; none is finished yet)"
    return duration(summary["seconds_left"])


def summarise(found: Planned, gpu: int | None = None) -> dict[str, Any]:
    """Return the plan in numbers, for people and machines alike; held against the bytes of a GPU if given."""
    from layover import specs
    from layover.estimates.cost import ENCODING, bound, estimate, to_come
    from layover.estimates.eta import seconds_left
    from layover.plan.absent import lacks
    from layover.plan.hub import unresolved_message
    from layover.plan.rounds import whole
    from layover.recipe.unused_settings import unread_strides
    from layover.steps.artifacts import timed

    plan, store = found.plan, found.store
    finished = store.finished()
    meta = meta_of(store, finished)
    costs = estimate(whole(plan), meta)
    wanted, beyond, left = plan.wanted(finished), bound(plan, costs, finished), to_come(plan, costs, finished)
    open_keys = {node.key for node in wanted}
    kinds, sized = [], (*ENCODING, "tokenize")
    for kind in sorted({node.kind for node in plan.nodes.values()}, key=lambda kind: specs.get(kind).order):
        keys = [key for key, node in plan.nodes.items() if node.kind == kind]
        to_run = [costs[key] for key in keys if key in open_keys]
        kinds.append(
            {
                "kind": kind,
                "nodes": len(keys),
                "cached": sum(key in finished for key in keys),
                "to_run": len(to_run),
                "unknown": sum(None in (cost.examples, cost.flops) for cost in to_run) if kind in sized else 0,
                **{name: _sum(to_run, name) for name in ("examples", "tokens", "flops", "disk_bytes")},
            }
        )
    memory = asked([costs[node.key] for node in left], plan.recipe.document.run, gpu)
    provisional = [f"hub revisions are not resolved, keys are provisional: {unresolved_message(plan.unresolved)}"]
    lacking = [lacks(plan, left)] if not plan.unresolved else provisional
    return {
        "cells": len(plan.cells) + len(plan.pending),
        "cells_finished": sum(cell.score in finished for cell in plan.cells),
        "pending": {
            "cells": [cell.label for cell in plan.pending],
            "rounds": [_round(one, finished) for one in plan.rounds],
            "at_most": {"nodes": len(beyond), "flops": _sum([costs[key] for key in beyond], "flops")},
        },
        "to_run": len(wanted),
        "by_kind": dict(Counter(node.kind for node in wanted)),
        "kinds": kinds,
        "peak_bytes": memory["peak_bytes"],
        "memory": memory,
        "seconds_left": seconds_left(whole(plan), costs, left, partial(timed, store)) if left else 0.0,
        "hidden_state_cache": savings(found.plain, plan, costs, meta, finished),
        "notes": [*plan.notes, *filter(None, lacking), *unread_strides(plan.recipe), *unseen(plan.recipe)],
        "damaged": dict(found.damaged),
        "older": {"nodes": len(found.older), "bytes": sum(found.older.values())},
    }


def _round(one: Round, finished: set[str]) -> dict[str, Any]:
    """Return a round for machines: its candidates, which of them are finished, and what was chosen."""
    return {
        "key": one.key,
        "label": one.label,
        "rule": one.rule,
        "candidates": {candidate.value: candidate.node for candidate in one.candidates},
        "finished": sum(key in finished for key in one.nodes()),
        "chosen": None if one.chosen is None else one.chosen.value,
    }


def _sum(costs: list[Any], name: str) -> float:
    return sum(getattr(cost, name) or 0 for cost in costs)


def _listing(found: Planned) -> list[dict[str, Any]]:
    finished = found.store.finished()
    return [
        {
            "key": key,
            "kind": node.kind,
            "label": node.label,
            "cached": key in finished,
            "needs": list(node.needs),
        }
        for key, node in found.plan.nodes.items()
    ]
