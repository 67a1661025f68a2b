"""The cost of a plan, estimated from sizes alone: examples, tokens, arithmetic, disk, memory.

Counts of examples are exact if the data are available, else the published counts, cut to the recipe's limits. Lengths
come from a sample, or are typical lengths if the data are not available. An unknown estimate is None.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

from layover import kinds
from layover.estimates.loads import Loads, lowest_of, on_encoder, perturbed_layer, weights_of
from layover.estimates.passes import Pass, examples_of, passes
from layover.memory import Load
from layover.numerics import Precision, state_bytes
from layover.objectives import PLAIN, Attack, StepPasses
from layover.plan.nodes import Meta, Node, Nodes, Plan, of, spec_at
from layover.shape import Shape
from layover.specs import OnEncoder, StepSpec, get, steps
from layover.specs.hidden_states import HiddenStatesSpec
from layover.specs.import_ import ImportSpec
from layover.specs.predict import PredictSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec

ENCODING = frozenset(step for step in steps() if get(step).encodes)
"""Steps that run the encoder; the arithmetic of other steps is neglected."""

BYTES_PER_TOKEN_ON_DISK = 12
BYTES_PER_PREDICTION = 60


@dataclass(frozen=True)
class Estimate:
    """Estimates for one node; None if unknown."""

    examples: int | None = None
    tokens: float | None = None
    flops: float | None = None
    disk_bytes: float | None = None
    load: Load | None = None
    """Memory load, if the node runs the encoder."""

    @property
    def peak_bytes(self) -> int | None:
        """Peak of the memory in bytes, with micro-batches of the usual size."""
        return None if self.load is None else self.load.peak()


def estimate(plan: Plan, meta: Meta) -> dict[str, Estimate]:
    """Return the estimated cost of every node; with cached hidden states, only the layers above them cost."""
    loads, costs, begun = Loads(plan), dict[str, Estimate](), _beginnings(plan.nodes)
    for data in of(plan.nodes, TokenizeSpec):
        costs[data.key] = data_cost(data.spec, meta(data.key))
    for key, node in plan.nodes.items():
        if key not in costs:
            cached = node.hidden_states.items()
            kept = {data: spec_at(plan.nodes, states, HiddenStatesSpec).layer for data, states in cached}
            cost = _part(_cost(node.spec, plan.nodes, costs, kept), node.spec, begun)
            costs[key] = replace(cost, load=loads.of(node, kept))
    return costs


def _beginnings(nodes: Nodes) -> dict[str, list[float]]:
    """Return key of a whole training -> the shares of its epochs after which beginnings of it stop, in order."""
    begun: dict[str, list[float]] = {}
    for node in of(nodes, TrainSpec):
        if node.spec.until is not None:
            begun.setdefault(node.spec.whole.key, []).append(_end(node.spec))
    return {key: sorted(shares) for key, shares in begun.items()}


def _end(spec: TrainSpec) -> float:
    """Return the share of the epochs after which a training ends."""
    return spec.epochs_at(spec.until) / spec.hyperparameters.epochs


def _part(cost: Estimate, spec: StepSpec, begun: Mapping[str, list[float]]) -> Estimate:
    """Return the cost of a training that resumes the checkpoint of its beginning."""
    if not begun or not isinstance(spec, TrainSpec) or cost.flops is None:
        return cost
    end = _end(spec)
    start = max((share for share in begun.get(spec.whole.key, ()) if share < end), default=0.0)
    return replace(cost, flops=cost.flops * (end - start))


def cost_with(plan: Plan, node: Node[StepSpec], costs: Mapping[str, Estimate], kept: Mapping[str, int]) -> Estimate:
    """Return the cost of a node that skips some layers.

    Args:
        plan: The plan.
        node: A node of any step except tokenize.
        costs: Costs of the data it reads, at least.
        kept: Key of data -> the layers whose hidden states are read instead of computed.
    """
    return _cost(node.spec, plan.nodes, costs, kept)


def data_cost(data: TokenizeSpec, meta: Mapping[str, Any] | None) -> Estimate:
    """Return the size of a tokenized set: exact if it is finished, else estimated from a sample of its examples."""
    if meta is not None:
        tokens = float(meta["tokens"])
        return Estimate(int(meta["examples"]), tokens, 0.0, tokens * BYTES_PER_TOKEN_ON_DISK)
    subset, count = data.subset, data.count
    if subset.part == "held":
        count = subset.holdout
    elif subset.part == "rest" and count is not None and subset.holdout is not None:
        count = max(0, count - subset.holdout)
    if subset.limit is not None:
        count = subset.limit if count is None else min(count, subset.limit)
    if count is None:
        return Estimate()
    count *= 1 if data.augment is None else data.augment.copies
    each = data.tokens_each
    if each is None:
        each = float(min(data.max_length, kinds.get(data.kind).typical_tokens))
    tokens = count * each
    return Estimate(count, tokens, 0.0, tokens * BYTES_PER_TOKEN_ON_DISK)


def layer_flops(shape: Shape, layers: int) -> float:
    """Return the arithmetic of the forward pass of one token in a number of layers, in flops."""
    return 2.0 * layers * shape.layer_parameters


def hidden_state_bytes(shape: Shape, precision: Precision) -> int:
    """Return the bytes of one token's hidden states on disk."""
    return shape.hidden * state_bytes(precision)


@singledispatch
def _cost(spec: StepSpec, nodes: Nodes, costs: Mapping[str, Estimate], kept: Mapping[str, int]) -> Estimate:  # noqa: ARG001
    """Return the cost of a step.

    Args:
        spec: Specification of the step.
        nodes: Nodes of the plan.
        costs: Costs of the data that it reads, at least.
        kept: Key of data -> the layers whose hidden states are read instead of computed.
    """
    return Estimate(disk_bytes=2000.0)


@_cost.register
def _(spec: ImportSpec, nodes: Nodes, costs: Mapping[str, Estimate], kept: Mapping[str, int]) -> Estimate:  # noqa: ARG001
    return Estimate(disk_bytes=4.0 * spec.module.parameter_count(spec.located()[0].shape))


@_cost.register
def _(spec: HiddenStatesSpec, nodes: Nodes, costs: Mapping[str, Estimate], kept: Mapping[str, int]) -> Estimate:  # noqa: ARG001
    data, shape = costs[spec.data], spec.encoder.shape
    if shape is None or data.tokens is None:
        return Estimate(data.examples, data.tokens)
    flops = data.tokens * layer_flops(shape, spec.layer)
    return Estimate(data.examples, data.tokens, flops, data.tokens * hidden_state_bytes(shape, spec.precision))


@_cost.register
def _(spec: TrainSpec, nodes: Nodes, costs: Mapping[str, Estimate], kept: Mapping[str, int]) -> Estimate:  # noqa: ARG001
    shape, read = spec.encoder.shape, passes(spec, lambda key: costs[key].examples)
    trained = [turn for turn in read or () if turn.trains]
    examples = None if read is None else examples_of(spec, [costs[turn.data].examples or 0 for turn in trained])
    tokens = None if read is None else sum(turn.times * (costs[turn.data].tokens or 0.0) for turn in trained)
    if shape is None:
        return Estimate(examples, tokens)
    flops = None if read is None else _flops(spec, shape, read, costs, kept)
    disk = None if spec.gates is not None else 4.0 * weights_of(spec, shape)
    return Estimate(examples, tokens, flops, disk)


@_cost.register
def _(spec: PredictSpec, nodes: Nodes, costs: Mapping[str, Estimate], kept: Mapping[str, int]) -> Estimate:
    data, shape, on, flops = costs[spec.data], spec.encoder.shape, on_encoder(spec, nodes), None
    answers = 1 if spec.matching is None else len(spec.matching.layers)
    if shape is not None and data.tokens is not None:
        if spec.matching is not None:
            flops = data.tokens * layer_flops(shape, max(spec.matching.layers))
        elif on is not None:
            read = passes(spec, lambda key: costs[key].examples) or ()
            flops = _flops(on, shape, read, costs, kept, spec.attack)
    disk = None if data.examples is None else float(data.examples * answers * BYTES_PER_PREDICTION)
    return Estimate(data.examples, data.tokens, flops, disk)


def _flops(
    on: OnEncoder,
    shape: Shape,
    read: tuple[Pass, ...],
    costs: Mapping[str, Estimate],
    kept: Mapping[str, int],
    attack: Attack | None = None,
) -> float | None:
    """Return the arithmetic of passes over data, in flops; None if the size of a data set is unknown."""
    total = 0.0
    for turn in read:
        tokens = costs[turn.data].tokens
        if tokens is None:
            return None
        read_numbers = shape.hidden if turn.data in kept else 0  # a number that is read is not free
        each = token_flops(on, shape, turn, kept.get(turn.data, 0), attack)
        total += turn.times * tokens * (each + read_numbers)
    return total


def token_flops(on: OnEncoder, shape: Shape, turn: Pass, below: int = 0, attack: Attack | None = None) -> float:
    """Return the arithmetic of one token of a data set, each time it is read, in flops.

    Args:
        on: The training, or the encoder of a prediction.
        shape: Sizes of the encoder.
        turn: The data set, and whether weights are trained on it.
        below: Number of lowest layers whose hidden states are read.
        attack: The attack of a prediction.
    """
    passes: tuple[StepPasses, ...] = (StepPasses(1, weights=False),) if attack is None else attack.passes()
    perturbed = 0
    if turn.trains:
        passes = on.objective.passes(on.hyperparameters.epochs) if isinstance(on, TrainSpec) else PLAIN.passes(1.0)
        perturbed = perturbed_layer(on, shape)
    return sum(each.count * _pass_flops(on, shape, turn, each, below, perturbed) for each in passes)


def _pass_flops(on: OnEncoder, shape: Shape, turn: Pass, passes: StepPasses, below: int, perturbed: int) -> float:
    """Return the arithmetic of one token in one pass, in flops.

    Args:
        on: The training, or the encoder of a prediction.
        shape: Sizes of the encoder.
        turn: The data of the pass.
        passes: Where its gradient goes.
        below: Number of lowest layers whose hidden states are read.
        perturbed: The lowest layer that the gradient of a perturbation reaches.
    """
    flops = layer_flops(shape, shape.layers - below) + _head(turn, shape)
    if passes.weights or passes.perturbation:
        reached = lowest_of(on, shape) if passes.weights else shape.layers
        if passes.perturbation:
            reached = min(reached, perturbed)
        flops += layer_flops(shape, shape.layers - reached) + _head(turn, shape)
    if passes.weights and on.module.whole:  # products for the gradients of the weights themselves
        flops += layer_flops(shape, shape.layers) + _head(turn, shape)
    return flops


def _head(turn: Pass, shape: Shape) -> float:
    """Return the arithmetic of the forward pass of one token in the head, in flops."""
    return 2.0 * shape.hidden * kinds.get(turn.kind).logits_per_token(shape.vocabulary, turn.hidden_percent)


def bound(plan: Plan, costs: Mapping[str, Estimate], finished: Collection[str] = ()) -> list[str]:
    """Return the keys of the nodes that pending cells need at most, each once and in the order of the plan.

    These are, for each cell, the nodes of its most expensive candidate that the plan does not have already.

    Args:
        plan: A plan with pending cells.
        costs: Costs of all its nodes, including possible nodes.
        finished: Keys of the nodes in the store, which cost nothing.
    """
    needed: dict[str, None] = {}
    for cell in plan.pending:
        options = [list(_beyond(plan, keys, finished)) for keys in cell.candidates()]
        needed |= dict.fromkeys(max(options, key=lambda keys: sum(costs[key].flops or 0.0 for key in keys), default=[]))
    for choice_round in plan.rounds:
        later = choice_round.later if choice_round.chosen is None else ()
        needed |= {key: None for top in later for key in _beyond(plan, (top,), finished)}
    return [key for key in plan.possible if key in needed]


def _beyond(plan: Plan, keys: Iterable[str], finished: Collection[str]) -> Iterator[str]:
    """Yield the keys of unfinished nodes that some keys need and that only a candidate needs."""
    waiting, seen = [*keys], set[str]()
    while waiting:
        key = waiting.pop()
        if key in plan.possible and key not in seen and key not in finished:
            seen.add(key)
            yield key
            waiting.extend(plan.possible[key].needs)


def to_come(plan: Plan, costs: Mapping[str, Estimate], finished: Collection[str]) -> list[Node[StepSpec]]:
    """Return the nodes that have to run, then the nodes that pending cells need at most (`bound`)."""
    return [*plan.wanted(finished), *(plan.possible[key] for key in bound(plan, costs, finished))]
