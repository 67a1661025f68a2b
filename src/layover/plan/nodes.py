"""The plan as data: nodes, cells and what is to be said about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from layover.plan.hub import Unresolved
from layover.plan.inputs import ScoreInputs
from layover.recipe import Recipe

STEP_VERSIONS = {"tokenize": 4, "trunk": 1, "import": 1, "train": 4, "compose": 1, "gate": 1, "predict": 4, "score": 3}
"""Raised when a step computes something else from the same identity; old results are then not used any more."""

RESUMABLE = frozenset({"train", "gate"})
"""Steps that answer a stop by a checkpoint, and go on from it."""


@dataclass(frozen=True)
class Node:
    """One cached step.

    Two nodes with the same identity are the same node: `label` and `inputs` decide nothing.
    """

    kind: str
    key: str
    identity: Mapping[str, Any]
    needs: tuple[str, ...]
    label: str
    """For people: `train xnli lora/mnli seed 1`."""
    inputs: Any
    """What the step is handed: a class of `layover.plan.inputs`, or `layover.plan.mixtures` for a mixture."""
    job: str
    """Nodes of one job run in one process, one after the other."""
    trunks: Mapping[str, str] = field(default_factory=dict)
    """Data key -> key of the trunk node with its hidden states: how the node is computed, no part of its identity."""


@dataclass(frozen=True)
class Cell:
    """One point of the sweep and the nodes that answer it."""

    model: str
    method: str
    intermediate: str
    target: str
    seed: int
    train: str | None
    """Key of its target training, or of what was composed without one; of the intermediate's training for a target
    that is not trained, None without one."""
    score: str
    """Key of its scores."""
    baseline: str | None
    """Key of the scores of the same method without an intermediate; None for such a cell itself."""
    seeded: bool = True
    """Whether the seed decides anything: not where nothing is trained."""
    baseline_seeded: bool = True
    """The same of the baseline."""

    @property
    def label(self) -> str:
        """`base/lora/mnli/xnli/1`."""
        return f"{self.model}/{self.method}/{self.intermediate}/{self.target}/{self.seed}"


@dataclass(frozen=True)
class TrunkCache:
    """What was decided about keeping hidden states; sizes in bytes."""

    sets: int = 0
    """Sets of hidden states that unfinished nodes read."""
    paying: int = 0
    """Sets that are worth keeping, these among them."""
    used_bytes: int = 0
    """Of the sets that are read."""
    idle_bytes: int = 0
    """Of finished sets that nothing unfinished reads; they count until `gc` removes them."""
    left_out_bytes: int = 0
    """Of the sets that are worth keeping and for which there is no room."""
    short_of_disk: bool = False
    """Whether the recipe would have had room for one of them and the disk has not."""
    budget_bytes: int = 0
    """What the recipe allows."""


@dataclass(frozen=True)
class Plan:
    """Everything a sweep will do."""

    recipe: Recipe
    nodes: Mapping[str, Node]
    """By key; every node stands after the nodes it needs."""
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    """What a user should know: combinations left out, languages without data."""
    unresolved: tuple[Unresolved, ...] = ()
    """Hub revisions that could not be resolved: keys are provisional, and only `plan` shows such a plan."""
    offline: str = ""
    """Why the hub is not asked; empty where it is."""
    cache: TrunkCache = TrunkCache()
    """Empty in a plan that knows of no trunk cache."""
    unread: frozenset[str] = frozenset()
    """Keys of data sets of which the plan knows no rows, since they are not here yet."""
    again: frozenset[str] = frozenset()
    """Keys of nodes that were finished and are damaged: they run again, even where nothing unfinished needs them."""

    def wanted(self, finished: Iterable[str]) -> list[Node]:
        """Return the nodes that have to run: those that a missing score needs, and damaged ones, in order.

        A node that nothing unfinished needs is not run again, even when it is gone (a full checkpoint that was
        removed after its evaluation).
        """
        there = set(finished)
        open_keys = [*(cell.score for cell in self.cells if cell.score not in there), *self.again]
        seen: set[str] = set()
        while open_keys:
            key = open_keys.pop()
            if key in seen or key in there:
                continue
            seen.add(key)
            open_keys.extend(self.nodes[key].needs)
        return [node for key, node in self.nodes.items() if key in seen]


def partial(plan: Plan, scored: ScoreInputs) -> dict[str, str]:
    """Return the languages whose examples may not be all of the split's, and why: a limit, or files of the recipe.

    A task that is not on the hub has no other way to its official files than their names, so these count as whole.
    """
    named = {str(split) for split in plan.recipe.settings(scored.task.name).files if scored.task.hub}
    found = {}
    for language, (_, data) in scored.predictions.items():
        limit = plan.nodes[data].inputs.subset.limit
        if limit is not None:
            found[language] = f"limited to {limit} examples"
        elif scored.split in named:
            found[language] = "a file that the recipe names"
    return found
