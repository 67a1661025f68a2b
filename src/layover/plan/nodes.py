"""The plan as data: nodes, cells and what is to be said about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from layover.errors import NodeError
from layover.plan.choices import Round
from layover.plan.hub import Unresolved
from layover.recipe import Recipe
from layover.specs import StepSpec
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec

S_co = TypeVar("S_co", bound=StepSpec, covariant=True)
S = TypeVar("S", bound=StepSpec)


@dataclass(frozen=True)
class Node(Generic[S_co]):
    """One cached step. Two nodes with equal specifications are the same node."""

    spec: S_co
    needs: tuple[str, ...]
    label: str
    """For people: `train xnli lora/mnli seed 1`."""
    job: str
    """Nodes of one job run in one process, one after the other."""
    hidden_states: Mapping[str, str] = field(default_factory=dict)
    """Data key -> key of the node with its hidden states: how the node is computed, no part of its key."""

    @property
    def key(self) -> str:
        """SHA-256 of what decides its result."""
        return self.spec.key

    @property
    def kind(self) -> str:
        """The name of its step, as the store has it."""
        return self.spec.kind_of_node


Nodes = Mapping[str, Node[StepSpec]]
"""By key."""

Meta = Callable[[str], Mapping[str, Any] | None]
"""Key of a tokenize node -> its counts when it is finished."""


def of(nodes: Nodes, kind: type[S]) -> Iterator[Node[S]]:
    """Yield the nodes of one kind of specification, in their order."""
    for node in nodes.values():
        if isinstance(node.spec, kind):
            yield node  # type: ignore[misc]


def spec_at(nodes: Nodes, key: str, kind: type[S]) -> S:
    """Return the specification of a node that is of a known kind.

    Raises:
        NodeError: it is of another kind.
    """
    spec = nodes[key].spec
    if not isinstance(spec, kind):
        raise NodeError(f"node {key[:12]} is a {spec.step}, no {kind.__name__}")
    return spec


class Combination(NamedTuple):
    """One value of each axis of the sweep."""

    model: str
    method: str
    intermediate: str
    target: str
    seed: int


@dataclass(frozen=True)
class Cell:
    """One combination of the sweep and the nodes that answer it."""

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
class Pending:
    """One combination of the sweep that waits for a choice."""

    model: str
    method: str
    intermediate: str
    target: str
    seed: int
    rounds: tuple[str, ...]
    """Keys of the rounds that it waits for."""
    scores: tuple[str, ...]
    """Keys of the scores that it may have, one for each candidate."""

    @property
    def label(self) -> str:
        """`base/lora/mnli/xnli/1`."""
        return f"{self.model}/{self.method}/{self.intermediate}/{self.target}/{self.seed}"


@dataclass(frozen=True)
class HiddenStateCache:
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
    nodes: Nodes
    """By key; every node stands after the nodes it needs."""
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    """What a user should know: combinations left out, languages without data."""
    unresolved: tuple[Unresolved, ...] = ()
    """Hub revisions that could not be resolved: keys are provisional, and only `plan` shows such a plan."""
    offline: str = ""
    """Why the hub is not asked; empty where it is."""
    cache: HiddenStateCache = HiddenStateCache()
    """Empty in a plan that knows of no hidden-state cache."""
    unread: frozenset[str] = frozenset()
    """Keys of data sets of which the plan knows no rows, since they are not here yet."""
    again: frozenset[str] = frozenset()
    """Keys of nodes that were finished and are damaged: they run again, even where nothing unfinished needs them."""

    rounds: tuple[Round, ...] = ()
    """What is chosen between trainings, open or chosen; the nodes of all rounds are among `nodes`."""
    pending: tuple[Pending, ...] = ()
    """Combinations of the sweep that wait for an open round."""
    possible: Nodes = field(default_factory=dict)
    """Nodes beside `nodes` that pending combinations may have; nothing of them is run before the choice."""

    def wanted(self, finished: Iterable[str]) -> list[Node[StepSpec]]:
        """Return the nodes that have to run: those that a missing score or an open round needs, and damaged ones.

        A node that nothing unfinished needs is not run again, even when it is gone (a full checkpoint that was
        removed after its evaluation).
        """
        there = set(finished)
        open_keys = [*(cell.score for cell in self.cells if cell.score not in there), *self.again]
        open_keys += [key for one in self.rounds if one.chosen is None for key in one.nodes()]
        seen: set[str] = set()
        while open_keys:
            key = open_keys.pop()
            if key in seen or key in there:
                continue
            seen.add(key)
            open_keys.extend(self.nodes[key].needs)
        return [node for key, node in self.nodes.items() if key in seen]


def partial(plan: Plan, scored: ScoreSpec) -> dict[str, str]:
    """Return the languages whose examples may not be all of the split's, and why: a limit, or files of the recipe.

    A task that is not on the hub has no other way to its official files than their names, so these count as whole.
    """
    on_hub = bool(plan.recipe.tasks[scored.name].hub)
    named = {str(split) for split in plan.recipe.settings(scored.name).files if on_hub}
    reasons = {}
    for language, (_, data) in scored.predictions.items():
        limit = spec_at(plan.nodes, data, TokenizeSpec).subset.limit
        if limit is not None:
            reasons[language] = f"limited to {limit} examples"
        elif scored.split in named:
            reasons[language] = "a file that the recipe names"
    return reasons
