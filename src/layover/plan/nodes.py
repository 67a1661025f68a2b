"""The plan as data: nodes, cells and notes about them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
    """For display: `train xnli lora/mnli seed 1`."""
    job: str
    """Nodes of one job run in one process, one after the other."""
    hidden_states: Mapping[str, str] = field(default_factory=dict)
    """Data key -> key of the node with its hidden states; an execution setting, so it does not enter the key."""

    @property
    def key(self) -> str:
        """SHA-256 of all that decides its result."""
        return self.spec.key

    @property
    def kind(self) -> str:
        """The name of its step in the store."""
        return self.spec.kind_of_node


Nodes = Mapping[str, Node[StepSpec]]
"""By key."""

Meta = Callable[[str], Mapping[str, Any] | None]
"""Key of a tokenize node -> its counts; None until it is finished."""


def of(nodes: Nodes, kind: type[S]) -> Iterator[Node[S]]:
    """Yield the nodes of one kind of specification, in their order."""
    for node in nodes.values():
        if isinstance(node.spec, kind):
            yield node  # type: ignore[misc]


def spec_at(nodes: Nodes, key: str, kind: type[S]) -> S:
    """Return the specification of a node, checked to be of the given kind.

    Raises:
        NodeError: it is of another kind.
    """
    spec = nodes[key].spec
    if not isinstance(spec, kind):
        raise NodeError(f"node {key[:12]} is of the step {spec.step}, not a {kind.__name__}")
    return spec


class Combination(NamedTuple):
    """One value of each axis of the sweep."""

    model: str
    method: str
    intermediate: str
    target: str
    seed: int


Group = tuple[str, str, str, str]
"""Model, method, intermediate and target: the cells that differ only in the seed."""


@dataclass(frozen=True)
class Cell:
    """One combination of the sweep and its nodes."""

    model: str
    method: str
    intermediate: str
    target: str
    seed: int
    train: str | None
    """Key of the training of its target, or of a composition. For a target that is not trained: key of the training of
    the intermediate; None without an intermediate."""
    score: str
    """Key of its scores."""
    baseline: str | None
    """Key of the scores of the same method without an intermediate; None if the cell has no intermediate itself."""
    seeded: bool = True
    """Whether the result depends on the seed: not if nothing is trained."""
    baseline_seeded: bool = True
    """Whether the baseline depends on the seed."""
    perturbed: tuple[tuple[str, str], ...] = ()
    """Each perturbation of its test sets, with the key of the scores: results of their own beside `score`."""
    baseline_perturbed: tuple[tuple[str, str], ...] = ()
    """The same for the baseline."""

    def scores(self) -> tuple[str, ...]:
        """Return the keys of its scores: of the unchanged texts, then of each perturbation."""
        return self.score, *(key for _, key in self.perturbed)

    def is_scored(self, finished: Collection[str]) -> bool:
        """Return whether all its scores are among the finished nodes."""
        return all(key in finished for key in self.scores())

    @property
    def group(self) -> Group:
        """The cell without its seed."""
        return self.model, self.method, self.intermediate, self.target

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
    perturbed: tuple[tuple[str, ...], ...] = ()
    """For each candidate the keys of its scores on perturbed test sets."""

    def candidates(self) -> list[tuple[str, ...]]:
        """Return the keys of all scores of each candidate."""
        return [
            (score, *more) for score, more in zip(self.scores, self.perturbed or ((),) * len(self.scores), strict=True)
        ]

    @property
    def label(self) -> str:
        """`base/lora/mnli/xnli/1`."""
        return f"{self.model}/{self.method}/{self.intermediate}/{self.target}/{self.seed}"


@dataclass(frozen=True)
class HiddenStateCache:
    """The decision which hidden states are kept; sizes in bytes."""

    sets: int = 0
    """Sets of hidden states that unfinished nodes read."""
    paying: int = 0
    """Sets that are worth keeping, including the sets that are read."""
    used_bytes: int = 0
    """Size of the sets that are read."""
    idle_bytes: int = 0
    """Size of finished sets that no unfinished node reads; they count until `gc` removes them."""
    left_out_bytes: int = 0
    """Size of the sets that are worth keeping but do not fit."""
    short_of_disk: bool = False
    """Whether one of these sets fits the budget of the recipe, but not the free disk."""
    budget_bytes: int = 0
    """The budget of the recipe."""
    lost_flops: float = 0.0
    """Arithmetic of the frozen layers in trainings whose objective needs the embeddings at every step."""


@dataclass(frozen=True)
class Plan:
    """Everything a sweep will do."""

    recipe: Recipe
    nodes: Nodes
    """By key; every node comes after the nodes it needs."""
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    """Notes for the user: excluded combinations, languages without data."""
    unresolved: tuple[Unresolved, ...] = ()
    """Hub revisions that could not be resolved: keys are provisional, and only the verb `plan` accepts the plan."""
    offline: str = ""
    """Why the hub is not queried; empty if it is."""
    cache: HiddenStateCache = HiddenStateCache()
    """Empty in a plan without a hidden-state cache."""
    unread: frozenset[str] = frozenset()
    """Keys of data sets whose rows the plan has not read, because they are not downloaded yet."""
    again: frozenset[str] = frozenset()
    """Keys of nodes that were finished and are damaged: they run again, even if no unfinished node needs them."""

    diverged: frozenset[str] = frozenset()
    """Keys of trainings whose loss is not finite: as trials they have no score, and do not run again."""

    rounds: tuple[Round, ...] = ()
    """Rounds of choices between trainings, open or chosen; the nodes of all rounds are among `nodes`."""
    pending: tuple[Pending, ...] = ()
    """Combinations of the sweep that wait for an open round."""
    possible: Nodes = field(default_factory=dict)
    """Nodes in addition to `nodes` that pending combinations may need; none of them runs before the choice."""

    def wanted(self, finished: Iterable[str]) -> list[Node[StepSpec]]:
        """Return the nodes that have to run: the needs of missing scores and open rounds, and damaged nodes.

        A node that no unfinished node needs does not run again, even if it was removed (a full checkpoint, removed
        after its evaluation).
        """
        there = set(finished)
        open_keys = [*(key for cell in self.cells for key in cell.scores() if key not in there), *self.again]
        open_rounds = [choice_round for choice_round in self.rounds if choice_round.chosen is None]
        trials = (key for choice_round in open_rounds for key in choice_round.nodes())
        open_keys += [key for key in trials if key not in self.diverged]
        seen: set[str] = set()
        while open_keys:
            key = open_keys.pop()
            if key in seen or key in there:
                continue
            seen.add(key)
            open_keys.extend(self.nodes[key].needs)
        return [node for key, node in self.nodes.items() if key in seen]


def partial(plan: Plan, scored: ScoreSpec) -> dict[str, str]:
    """Return the languages whose examples may be only a part of the split, and why: a limit, or files of the recipe.

    For a task that is not on the hub, the files that the recipe names may be the official ones, and count as whole.
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
