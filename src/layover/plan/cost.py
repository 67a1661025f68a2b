"""What a plan will cost, from sizes alone: examples, tokens, arithmetic, disk, memory.

Counts of examples are exact where the data are already tokenized, else the published ones cut to the recipe's
limits. Lengths are typical ones until then; every estimate says so by being None where nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from layover import kinds
from layover.data.masking import PERCENT
from layover.errors import LayoverError
from layover.modules import Shape as Sizes
from layover.plan.encoders import Shape
from layover.plan.inputs import GateInputs, PredictInputs, RetrieveInputs, TokenizeInputs, TrainInputs
from layover.plan.memory import training_bytes
from layover.plan.mixtures import MixtureInputs
from layover.plan.nodes import Node, Plan

TYPICAL_TOKENS = {"classification": 40, "tagging": 35, "span": 230, "choice": 200, "mlm": 30, "retrieval": 16}
"""Tokens of an average example, all its rows together (XLM-R tokens of the tasks of the mission)."""

BYTES_PER_TOKEN_ON_DISK = 12
BYTES_PER_PREDICTION = 60


@dataclass(frozen=True)
class Cost:
    """Estimates for one node; None where nothing is known."""

    examples: int | None = None
    tokens: float | None = None
    flops: float | None = None
    disk_bytes: float | None = None
    peak_bytes: float | None = None


Training = TrainInputs | MixtureInputs

Meta = Callable[[str], Mapping[str, Any] | None]
"""Key of a tokenize node -> its counts when it is finished."""


def estimate(plan: Plan, meta: Meta) -> dict[str, Cost]:
    """Return the estimated cost of every node of a plan."""
    costs: dict[str, Cost] = {}
    for key, node in plan.nodes.items():
        if node.kind == "tokenize":
            costs[key] = _tokenize(node.inputs, meta(key))
        elif node.kind == "train":
            costs[key] = (_mixture if isinstance(node.inputs, MixtureInputs) else _train)(node.inputs, costs)
        elif node.kind == "gate":
            costs[key] = _gate(node.inputs, costs)
        elif node.kind == "predict":
            costs[key] = _predict(node.inputs, costs)
        else:
            costs[key] = Cost(disk_bytes=2000.0)
    return costs


def _tokenize(inputs: TokenizeInputs, meta: Mapping[str, Any] | None) -> Cost:
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
    tokens = count * float(min(inputs.max_length, TYPICAL_TOKENS[inputs.task.kind]))
    return Cost(count, tokens, 0.0, tokens * BYTES_PER_TOKEN_ON_DISK)


def _beside(inputs: Training, shape: Shape) -> tuple[int, int]:
    """Return how many weights train beside the target's module, and how many numbers per token mixing keeps."""
    composed = inputs.composed
    if composed is None:
        return 0, 0
    how, count = composed.composition, len(composed.learned)
    sizes = Sizes(shape.hidden, shape.intermediate, shape.layers)
    return how.extra_parameters(composed.module, count, sizes), how.kept_numbers(composed.module, count, sizes)


def _lowest(inputs: Training, shape: Shape) -> int:
    """Return the lowest layer that gets a gradient."""
    layers = inputs.module.layers_of(shape.layers)
    if inputs.composed is not None and _beside(inputs, shape)[0]:
        layers = (*layers, *inputs.composed.module.layers_of(shape.layers))
    dropped = inputs.adapterdrop.always_training
    return min((layer for layer in layers if layer >= dropped), default=shape.layers)


def _train(inputs: TrainInputs, costs: Mapping[str, Cost]) -> Cost:
    data, shape = costs[inputs.data], inputs.encoder.shape
    tokens = None if data.tokens is None else data.tokens * inputs.optimisation.epochs
    if shape is None:
        return Cost(data.examples, tokens)
    logits = kinds.get(inputs.task.kind).logits_per_token(shape.vocabulary, inputs.hidden_percent)
    flops = None if tokens is None else tokens * _flops_per_token(inputs, shape, logits)
    return Cost(data.examples, tokens, flops, 4.0 * _weights(inputs, shape), _peak(inputs, shape, logits))


def _mixture(inputs: MixtureInputs, costs: Mapping[str, Cost]) -> Cost:
    """Return the cost of tasks that take turns; one whose size is not known leaves the work unknown."""
    shape, numbers = inputs.encoder.shape, inputs.optimisation
    found = [costs[key] for key in inputs.data_keys()]
    counts = [one.examples for one in found if one.examples is not None]
    examples, tokens = None, None
    if len(counts) == len(found):
        examples = sum(inputs.sampling.sizes(counts))
        steps = inputs.sampling.steps(counts, [one.weight for one in inputs.tasks], batch=numbers.batch)
        passes = [one / math.ceil(count / numbers.batch) for one, count in zip(steps, counts, strict=True)]
        tokens = [numbers.epochs * one * (cost.tokens or 0.0) for one, cost in zip(passes, found, strict=True)]
    total = None if tokens is None else sum(tokens)
    if shape is None:
        return Cost(examples, total)
    logits = [kinds.get(one.task.kind).logits_per_token(shape.vocabulary, one.hidden_percent) for one in inputs.tasks]
    each = [_flops_per_token(inputs, shape, one) for one in logits]
    flops = None if tokens is None else sum(one * rate for one, rate in zip(tokens, each, strict=True))
    return Cost(examples, total, flops, 4.0 * _weights(inputs, shape), _peak(inputs, shape, max(logits)))


def _weights(inputs: Training, shape: Shape) -> int:
    """Return how many weights of the encoder and its modules train."""
    if inputs.module.name == "full":
        return shape.parameters
    return inputs.module.parameter_count(shape.hidden, shape.intermediate, shape.layers) + _beside(inputs, shape)[0]


def _flops_per_token(inputs: Training, shape: Shape, logits: float) -> float:
    """Return the arithmetic of one token, forward and backward; `logits` as in `training_bytes`."""
    head = 2.0 * shape.hidden * logits
    forward = 2.0 * shape.layers * shape.layer_parameters + head
    above = shape.layers - _lowest(inputs, shape)
    return forward + (2.0 * above * shape.layer_parameters + head) * (2 if inputs.module.name == "full" else 1)


def _peak(inputs: Training, shape: Shape, logits: float) -> float:
    weights, lowest = _weights(inputs, shape), _lowest(inputs, shape)
    precision, mixed = inputs.optimisation.precision, _beside(inputs, shape)[1]
    return float(training_bytes(shape, weights, lowest=lowest, precision=precision, logits=logits, mixed=mixed))


def _gate(inputs: GateInputs, costs: Mapping[str, Cost]) -> Cost:
    """Return the cost of so many steps more of a training, whose weights all stay."""
    whole, numbers = costs[inputs.key], inputs.trained.optimisation
    if not whole.examples:
        return Cost(peak_bytes=whole.peak_bytes)
    share = inputs.steps * numbers.batch / (whole.examples * numbers.epochs)
    flops = None if whole.flops is None else whole.flops * share
    tokens = None if whole.tokens is None else whole.tokens * share
    return Cost(whole.examples, tokens, flops, peak_bytes=whole.peak_bytes)


def _predict(inputs: PredictInputs | RetrieveInputs, costs: Mapping[str, Cost]) -> Cost:
    data, shape = costs[inputs.data], inputs.encoder.shape
    each = len(inputs.layers) if isinstance(inputs, RetrieveInputs) else 1
    disk = None if data.examples is None else float(data.examples * each * BYTES_PER_PREDICTION)
    if shape is None or data.tokens is None:
        return Cost(data.examples, data.tokens, disk_bytes=disk)
    if isinstance(inputs, RetrieveInputs):
        forward = 2.0 * max(inputs.layers) * shape.layer_parameters
    else:
        logits = kinds.get(inputs.task.kind).logits_per_token(shape.vocabulary, PERCENT)
        forward = 2.0 * shape.layers * shape.layer_parameters + 2.0 * shape.hidden * logits
    return Cost(data.examples, data.tokens, data.tokens * forward, disk)


def seconds_left(
    plan: Plan, costs: Mapping[str, Cost], wanted: list[Node], seconds_of: Callable[[str], float | None]
) -> float | None:
    """Return the estimated seconds of work that is left, one process after the other.

    The speed is the median of the finished nodes of the plan; None while none of a kind is finished.
    """
    left = 0.0
    for kind in ("train", "gate", "predict"):
        open_flops = [costs[node.key].flops for node in wanted if node.kind == kind]
        if not open_flops:
            continue
        open_keys = {node.key for node in wanted}
        speeds = []
        for key, node in plan.nodes.items():
            flops = costs[key].flops
            if node.kind == kind and key not in open_keys and flops and (seconds := _seconds(seconds_of, key)):
                speeds.append(flops / seconds)
        if not speeds or any(flops is None for flops in open_flops):
            return None
        left += sum(flops or 0.0 for flops in open_flops) / median(speeds)
    return left


def _seconds(seconds_of: Callable[[str], float | None], key: str) -> float | None:
    try:
        return seconds_of(key)
    except LayoverError:
        return None  # removed by gc since
