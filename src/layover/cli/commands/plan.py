"""plan: show the cached nodes, the nodes to run, and their cost."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import amount, answer, duration, say, size, table
from layover.cli.device import unseen
from layover.cli.room import budget_of, memory_line, memory_need
from layover.cli.savings import savings, savings_line
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
    gpu: Annotated[str | None, typer.Option(help="Memory of a GPU to compare the plan with, such as 6GiB.")] = None,
    json: JsonOption = False,
) -> None:
    """Show cached nodes, nodes to run, their estimated cost and disk, and whether they fit into the memory."""
    prepared = planned(recipe, overrides, store, provisional=True)
    summary = summarise(prepared, None if gpu is None else budget_of(gpu, "--gpu"))
    if json:
        answer({**summary, "nodes": _listing(prepared)} if nodes else summary)
        return
    rows = [
        [row["kind"], *(str(row[name]) for name in ("nodes", "cached", "to_run")), *_estimates(row)]
        for row in summary["kinds"]
    ]
    say(f"{summary['cells']} cells, {summary['cells_finished']} finished")
    if prepared.plan.pending:
        most = summary["pending"]["at_most"]
        work = f"{most['nodes']} nodes and {amount(most['flops'])}FLOP"
        say(f"cells that wait for a choice: {len(prepared.plan.pending)}; they add at most {work} to the table below")
    say(*table(["node", "all", "cached", "to run", "examples", "tokens", "arithmetic", "disk"], rows))
    if summary["to_run"] or prepared.plan.pending:
        say(memory_line(summary["memory"]))
    say(f"work left: {_left(summary)}")
    if line := savings_line(summary["hidden_state_cache"]):
        say(line)
    for note in summary["notes"]:
        say(f"note: {note}")
    if nodes:
        for node in _listing(prepared):
            say(f"{node['key'][:12]}  {'cached' if node['cached'] else 'to run'}  {node['label']}")


def _estimates(row: dict[str, Any]) -> list[str]:
    """Return examples, tokens, arithmetic and disk; `>=` marks a sum without the unknown nodes."""
    sign = ">= " if row["unknown"] else ""
    work = f"{sign}{amount(row['flops'])}FLOP" if row["flops"] else ""
    counts = [sign + amount(row[name]) if row[name] else "" for name in ("examples", "tokens")]
    return [*counts, work, sign + size(row["disk_bytes"])]


def _left(summary: dict[str, Any]) -> str:
    """Return the time of one process for the remaining work, in words."""
    if summary["seconds_left"] is None:
        return "unknown (the speed is measured on finished nodes; none is finished yet)"
    return duration(summary["seconds_left"])


def summarise(prepared: Planned, gpu: int | None = None) -> dict[str, Any]:
    """Return the numbers of a plan as JSON values; its memory is compared with the bytes of a GPU, if given."""
    from layover import specs
    from layover.estimates.cost import ENCODING, bound, estimate, to_come
    from layover.estimates.eta import seconds_left
    from layover.plan.absent import lacks
    from layover.plan.hub import unresolved_message
    from layover.plan.rounds import whole
    from layover.recipe.unused_settings import unread_strides
    from layover.steps.artifacts import timed

    plan, store = prepared.plan, prepared.store
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
    memory = memory_need([costs[node.key] for node in left], plan.recipe.document.run, gpu)
    provisional = [f"hub revisions are not resolved, keys are provisional: {unresolved_message(plan.unresolved)}"]
    lacking = [lacks(plan, left)] if not plan.unresolved else provisional
    return {
        "cells": len(plan.cells) + len(plan.pending),
        "cells_finished": sum(cell.is_scored(finished) for cell in plan.cells),
        "pending": {
            "cells": [cell.label for cell in plan.pending],
            "rounds": [_round(choice, finished) for choice in plan.rounds],
            "at_most": {"nodes": len(beyond), "flops": _sum([costs[key] for key in beyond], "flops")},
        },
        "to_run": len(wanted),
        "by_kind": dict(Counter(node.kind for node in wanted)),
        "kinds": kinds,
        "peak_bytes": memory["peak_bytes"],
        "memory": memory,
        "seconds_left": seconds_left(whole(plan), costs, left, partial(timed, store)) if left else 0.0,
        "hidden_state_cache": savings(prepared.plain, plan, costs, meta, finished),
        "notes": [*plan.notes, *filter(None, lacking), *unread_strides(plan.recipe), *unseen(plan.recipe)],
        "damaged": dict(prepared.damaged),
        "older": {"nodes": len(prepared.older), "bytes": sum(prepared.older.values())},
    }


def _round(choice: Round, finished: set[str]) -> dict[str, Any]:
    """Return a round as JSON values: its candidates, the number of finished ones, and the choice."""
    return {
        "key": choice.key,
        "label": choice.label,
        "rule": choice.rule,
        "candidates": {candidate.value: list(candidate.nodes) for candidate in choice.candidates},
        "finished": sum(key in finished for key in choice.nodes()),
        "chosen": None if choice.chosen is None else list(choice.chosen.values),
    }


def _sum(costs: list[Any], name: str) -> float:
    return sum(getattr(cost, name) or 0 for cost in costs)


def _listing(prepared: Planned) -> list[dict[str, Any]]:
    finished = prepared.store.finished()
    return [
        {
            "key": key,
            "kind": node.kind,
            "label": node.label,
            "cached": key in finished,
            "needs": list(node.needs),
        }
        for key, node in prepared.plan.nodes.items()
    ]
