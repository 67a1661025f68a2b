"""What a plan will cost, from sizes alone: examples, tokens, arithmetic, disk, memory.

Counts of examples are exact where the data are here, else the published ones, cut to the recipe's limits. Lengths are
those of a sample, or typical ones of data that are not here; an estimate is None where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from layover import kinds
from layover.memory import Load
from layover.plan.imports import ImportInputs
from layover.plan.inputs import (
    ComposeInputs,
    GateInputs,
    PredictInputs,
    RetrieveInputs,
    TokenizeInputs,
    TrunkInputs,
)
from layover.plan.loads import Loads, lowest_of, weights_of
from layover.plan.mixtures import MixtureInputs
from layover.plan.nodes import Node, Plan
from layover.plan.passes import Pass, Training, on_encoder, passes
from layover.precision import Precision, state_bytes
from layover.shape import Shape

TYPICAL_TOKENS = {"classification": 40, "tagging": 35, "span": 230, "choice": 200, "mlm": 30, "retrieval": 16}
"""Tokens of an average example, all its rows together, of data that are not here (XLM-R tokens of built-in tasks)."""

ENCODING = ("trunk", "train", "gate", "predict")
"""Kinds of nodes that run the encoder: all arithmetic that counts is theirs."""

BYTES_PER_TOKEN_ON_DISK = 12
BYTES_PER_PREDICTION = 60


@dataclass(frozen=True)
class Cost:
    """Estimates for one node; None where nothing is known."""

    examples: int | None = None
    tokens: float | None = None
    flops: float | None = None
    disk_bytes: float | None = None
    load: Load | None = None
    """On the memory, where the node runs the encoder."""

    @property
    def peak_bytes(self) -> int | None:
        """Of the memory, with micro-batches of the usual size."""
        return None if self.load is None else self.load.peak()


Meta = Callable[[str], Mapping[str, Any] | None]
"""Key of a tokenize node -> its counts when it is finished."""


def estimate(plan: Plan, meta: Meta) -> dict[str, Cost]:
    """Return the estimated cost of every node of a plan; one that reads a trunk cache costs what is left to do."""
    costs: dict[str, Cost] = {}
    loads = Loads(plan)
    for key, node in plan.nodes.items():
        if node.kind == "tokenize":
            costs[key] = data_cost(node.inputs, meta(key))
        else:
            kept = {data: plan.nodes[trunk].inputs.layer for data, trunk in node.trunks.items()}
            costs[key] = replace(_node(plan, node, costs, kept), load=loads.of(node, kept))
    return costs


def _node(plan: Plan, node: Node, costs: Mapping[str, Cost], kept: Mapping[str, int]) -> Cost:
    """Return the cost of a node that reads hidden states; `kept` are the layers it does without, by data."""
    if node.kind == "trunk":
        return _trunk(node.inputs, costs)
    if node.kind in ("train", "gate"):
        return _train(plan, node, costs, kept)
    if node.kind == "predict":
        return (
            _retrieve(node.inputs, costs)
            if isinstance(node.inputs, RetrieveInputs)
            else _predict(plan, node, costs, kept)
        )
    if isinstance(node.inputs, ImportInputs):
        count = node.inputs.module.parameter_count(node.inputs.base.shape)
        return Cost(disk_bytes=4.0 * count)
    return Cost(disk_bytes=2000.0)


def data_cost(inputs: TokenizeInputs, meta: Mapping[str, Any] | None) -> Cost:
    """Return the size of a tokenized set: exact where it is finished, else estimated from a sample of its examples."""
    if meta is not None:
        tokens = float(meta["tokens"])
        return Cost(int(meta["examples"]), tokens, 0.0, tokens * BYTES_PER_TOKEN_ON_DISK)
    subset = inputs.subset
    count = inputs.count
    if subset.part == "held":
        count = subset.holdout
    elif subset.part == "rest" and count is not None and subset.holdout is not None:
        count = max(0, count - subset.holdout)
    if subset.limit is not None:
        count = subset.limit if count is None else min(count, subset.limit)
    if count is None:
        return Cost()
    each = inputs.tokens_each
    if each is None:
        each = float(min(inputs.max_length, TYPICAL_TOKENS[inputs.task.kind]))
    tokens = count * each
    return Cost(count, tokens, 0.0, tokens * BYTES_PER_TOKEN_ON_DISK)


def _trunk(inputs: TrunkInputs, costs: Mapping[str, Cost]) -> Cost:
    data, shape = costs[inputs.data], inputs.encoder.shape
    if shape is None or data.tokens is None:
        return Cost(data.examples, data.tokens)
    flops = data.tokens * layer_flops(shape, inputs.layer)
    return Cost(data.examples, data.tokens, flops, data.tokens * trunk_bytes(shape, inputs.precision))


def layer_flops(shape: Shape, layers: int) -> float:
    """Return the arithmetic of one token in so many layers, forward."""
    return 2.0 * layers * shape.layer_parameters


def trunk_bytes(shape: Shape, precision: Precision) -> int:
    """Return the bytes of one token's hidden states on disk."""
    return shape.hidden * state_bytes(precision)


def _train(plan: Plan, node: Node, costs: Mapping[str, Cost], kept: Mapping[str, int]) -> Cost:
    """Return the cost of a training, selection included, or of the gates of one, whose weights all stay."""
    gate = isinstance(node.inputs, GateInputs)
    inputs: Training = node.inputs.trained if gate else node.inputs
    shape, found = inputs.encoder.shape, passes(node.inputs, lambda key: costs[key].examples)
    examples = None
    if found is not None:
        sizes = [costs[one.data].examples or 0 for one in found if one.trains]
        examples = sum(inputs.sampling.sizes(sizes) if isinstance(inputs, MixtureInputs) else sizes)
    tokens = None if found is None else sum(one.times * (costs[one.data].tokens or 0.0) for one in found if one.trains)
    if shape is None:
        return Cost(examples, tokens)
    flops = None if found is None else _flops(on_encoder(plan.nodes, node), shape, found, costs, kept)
    disk = None if gate else 4.0 * weights_of(inputs, shape)
    return Cost(examples, tokens, flops, disk)


def _flops(
    inputs: Training | ComposeInputs,
    shape: Shape,
    found: tuple[Pass, ...],
    costs: Mapping[str, Cost],
    kept: Mapping[str, int],
) -> float | None:
    """Return the arithmetic of passes over data, None where the size of one is not known."""
    total = 0.0
    for one in found:
        tokens = costs[one.data].tokens
        if tokens is None:
            return None
        each = layer_flops(shape, shape.layers) + _head(one, shape)
        if one.trains and not isinstance(inputs, ComposeInputs):
            backward = layer_flops(shape, shape.layers - lowest_of(inputs, shape)) + _head(one, shape)
            each += backward * (2 if inputs.module.name == "full" else 1)
        if one.data in kept:  # one operation per number that is read, so that nothing is free
            each += shape.hidden - layer_flops(shape, kept[one.data])
        total += one.times * tokens * each
    return total


def _head(one: Pass, shape: Shape) -> float:
    """Return the arithmetic of one token in the head, forward."""
    return 2.0 * shape.hidden * kinds.get(one.kind).logits_per_token(shape.vocabulary, one.hidden_percent)


def _predict(plan: Plan, node: Node, costs: Mapping[str, Cost], kept: Mapping[str, int]) -> Cost:
    inputs: PredictInputs = node.inputs
    data, shape = costs[inputs.data], inputs.encoder.shape
    found = passes(inputs, lambda key: costs[key].examples)
    flops = None if shape is None or found is None else _flops(on_encoder(plan.nodes, node), shape, found, costs, kept)
    return Cost(data.examples, data.tokens, flops, _predicted_bytes(data, 1))


def _retrieve(inputs: RetrieveInputs, costs: Mapping[str, Cost]) -> Cost:
    data, shape = costs[inputs.data], inputs.encoder.shape
    flops = None
    if shape is not None and data.tokens is not None:
        flops = data.tokens * layer_flops(shape, max(inputs.layers))
    return Cost(data.examples, data.tokens, flops, _predicted_bytes(data, len(inputs.layers)))


def _predicted_bytes(data: Cost, each: int) -> float | None:
    return None if data.examples is None else float(data.examples * each * BYTES_PER_PREDICTION)


def cost_with(plan: Plan, node: Node, costs: Mapping[str, Cost], kept: Mapping[str, int]) -> Cost:
    """Return the cost of a node that goes without some layers.

    Args:
        plan: The plan.
        node: Any but one that tokenizes.
        costs: Of the data it reads, at least.
        kept: Key of data -> the layers whose hidden states are read instead of computed.
    """
    return _node(plan, node, costs, kept)
