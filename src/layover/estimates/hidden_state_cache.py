"""The hidden-state cache: which hidden states of the frozen lower layers are kept on disk, and which nodes read them.

Below the lowest layer that a module changes, hidden states depend only on encoder, data and precision. Whether they are
computed again or read from the disk is an execution setting: it enters the key of no other node.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch

from layover import kinds
from layover.estimates.cost import Estimate, data_cost, hidden_state_bytes, layer_flops
from layover.estimates.loads import on_encoder
from layover.estimates.passes import passes
from layover.numerics import Precision
from layover.plan.nodes import HiddenStateCache, Meta, Node, Nodes, Plan, spec_at
from layover.shape import Shape
from layover.specs import EncoderSpec, StepSpec
from layover.specs.hidden_states import HiddenStatesSpec
from layover.specs.predict import PredictSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec

LEAST_PASSES = 2.0
"""Least number of passes over the same hidden states that makes keeping them pay: computing them is one pass."""


@dataclass(frozen=True)
class _FrozenLayers:
    """The pretrained lower layers of an encoder that a node does not change."""

    encoder: EncoderSpec
    shape: Shape
    layer: int
    precision: Precision


@dataclass
class _Kept:
    """Hidden states of one tokenized set that could be kept."""

    node: Node[HiddenStatesSpec]
    bytes: int
    flops_per_byte: float
    """Arithmetic of one pass."""
    passes: float = 0.0
    """Number of passes over them by nodes that have to run."""
    readers: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of the key of a node that reads them and the key of its data."""

    def worth(self) -> float:
        """Return the saved arithmetic in flops per byte."""
        return (self.passes - 1) * self.flops_per_byte


def with_hidden_states(
    plan: Plan, meta: Meta, finished: Collection[str], budget_bytes: int, free_bytes: float = math.inf
) -> Plan:
    """Return the plan with the hidden states that are worth keeping; nodes that have to run read them.

    Finished sets come first. Then come new sets with at least two passes, as long as they fit; sets that save more
    arithmetic per byte come earlier.

    Args:
        plan: A plan without a hidden-state cache.
        meta: Counts of finished data; the sizes of other data are estimated.
        finished: Keys of the nodes in the store.
        budget_bytes: Limit for all sets together; 0 keeps none.
        free_bytes: Bytes of the disk that new sets may take.
    """
    stored = set(finished)
    wanted = {node.key for node in plan.wanted(stored)} if budget_bytes > 0 else set()
    if not wanted:
        return plan
    candidates, lost_flops = _candidates(plan, meta, wanted)
    kept_sets, cache = _chosen(candidates, stored, budget_bytes, free_bytes)
    hidden_states: dict[str, dict[str, str]] = {}
    for kept in kept_sets:
        for key, data in kept.readers:
            hidden_states.setdefault(key, {})[data] = kept.node.key
    made = {kept.node.key: kept.node for kept in kept_sets}
    return replace(plan, nodes=_reading(plan, made, hidden_states), cache=replace(cache, lost_flops=lost_flops))


def first_to_run(plan: Plan, finished: Collection[str]) -> list[Node[StepSpec]]:
    """Return the tokenize nodes that run before the choice of hidden states; empty if no hidden states can be kept.

    So the choice uses exact sizes, which are the same before and after a stop.
    """
    wanted = plan.wanted(finished)
    missing = [node for node in wanted if node.kind == "tokenize"]
    hidden_states = _FrozenLayersOf(plan)
    return missing if missing and any(hidden_states.of(node) is not None for node in wanted) else []


class _FrozenLayersOf:
    """Finds the frozen layers of a plan's nodes; nodes with the same modules on the encoder share the result."""

    def __init__(self, plan: Plan) -> None:
        self._nodes = plan.nodes
        self._known: dict[str, _FrozenLayers | None] = {}

    def of(self, node: Node[StepSpec]) -> _FrozenLayers | None:
        """Return the frozen layers whose hidden states a node could read; None if absent, or if they vary."""
        return None if _moves(node.spec) else self._below(node)

    def _below(self, node: Node[StepSpec]) -> _FrozenLayers | None:
        on = on_encoder(node.spec, self._nodes)
        if on is None:
            return None
        if on.key not in self._known:
            shape = on.encoder.shape
            layer = on.changed_from(shape.layers) if shape is not None else 0
            frozen = shape is not None and layer > 0
            self._known[on.key] = _FrozenLayers(on.encoder, shape, layer, on.computes_in) if shape and frozen else None
        return self._known[on.key]


@singledispatch
def _moves(spec: StepSpec) -> bool:  # noqa: ARG001
    """Return whether tokens, or modules on the lower layers, differ from step to step or from set to set.

    Also True for a step that reads no hidden states.
    """
    return True


@_moves.register
def _(spec: PredictSpec) -> bool:
    asks_head = spec.matching is None and spec.attack is None
    return not asks_head or spec.skipped > 0 or bool(spec.adapters) or kinds.get(spec.kind).changes_tokens


@_moves.register
def _(spec: TrainSpec) -> bool:
    return spec.adapterdrop.drops() or any(
        bool(task.languages.adapters()) or kinds.get(task.kind).changes_tokens for task in spec.tasks
    )


def _runs_of_frozen_layers(spec: StepSpec) -> float:
    """Return how often a training step runs the frozen layers, forward or backward; 0 if it can read their output."""
    if not isinstance(spec, TrainSpec) or not spec.objective.runs_embeddings:
        return 0.0
    return sum(
        passes.count * (1 + passes.perturbation) for passes in spec.objective.passes(spec.hyperparameters.epochs)
    )


def _candidates(plan: Plan, meta: Meta, wanted: set[str]) -> tuple[list[_Kept], float]:
    """Return the sets that nodes of the plan could read, with the passes of the nodes that have to run.

    The second value is the arithmetic of the frozen layers in trainings that could read sets if their objective did not
    need the embeddings, in flops.
    """
    lost_flops = 0.0
    sizes: dict[str, Estimate] = {}
    known: dict[tuple[str, str, int, str], _Kept | None] = {}
    made: dict[str, _Kept] = {}
    hidden_states = _FrozenLayersOf(plan)

    def size(key: str) -> Estimate:
        if key not in sizes:
            sizes[key] = data_cost(spec_at(plan.nodes, key, TokenizeSpec), meta(key))
        return sizes[key]

    for node in plan.nodes.values():
        frozen = hidden_states.of(node)
        if frozen is None:
            continue
        for turn in passes(node.spec, lambda key: size(key).examples) or ():
            runs = _runs_of_frozen_layers(node.spec) if turn.trains else 0.0
            if runs:
                each = runs * layer_flops(frozen.shape, frozen.layer)
                lost_flops += turn.times * (size(turn.data).tokens or 0.0) * each if node.key in wanted else 0.0
                continue
            request = (frozen.encoder.label, turn.data, frozen.layer, frozen.precision)
            if request not in known:
                new = _kept(frozen, plan.nodes[turn.data], size(turn.data).tokens)
                # two names of the same encoder share their sets
                known[request] = None if new is None else made.setdefault(new.node.key, new)
            kept = known[request]
            if kept is not None and node.key in wanted:
                kept.passes += turn.times
                kept.readers.append((node.key, turn.data))
    return list(made.values()), lost_flops


def _kept(frozen: _FrozenLayers, data: Node[StepSpec], tokens: float | None) -> _Kept | None:
    if tokens is None:
        return None
    spec = HiddenStatesSpec(encoder=frozen.encoder, data=data.key, layer=frozen.layer, precision=frozen.precision)
    label = f"hidden states of {frozen.layer} layers: {data.label.removeprefix('tokenize ')} {frozen.encoder.label}"
    node = Node(spec, (data.key,), label, f"hidden_states {frozen.encoder.label} {frozen.layer} {frozen.precision}")
    each = hidden_state_bytes(frozen.shape, frozen.precision)
    return _Kept(node, round(tokens * each), layer_flops(frozen.shape, frozen.layer) / each)


def _chosen(
    candidates: list[_Kept], finished: set[str], budget_bytes: int, free_bytes: float
) -> tuple[list[_Kept], HiddenStateCache]:
    """Return the sets that are read, and the facts about the cache."""
    stored = [candidate for candidate in candidates if candidate.node.key in finished]
    idle = sum(candidate.bytes for candidate in stored if not candidate.passes)
    paying = [candidate for candidate in stored if candidate.passes]
    new = [
        candidate for candidate in candidates if candidate.node.key not in finished and candidate.passes >= LEAST_PASSES
    ]
    for sets in (paying, new):
        sets.sort(key=lambda candidate: (-candidate.worth(), candidate.node.key))
    room, disk = budget_bytes - idle, free_bytes
    kept, left_out, short_of_disk = [], 0, False
    for candidate in (*paying, *new):
        added = 0 if candidate.node.key in finished else candidate.bytes
        if candidate.bytes <= room and added <= disk:
            kept.append(candidate)
            room, disk = room - candidate.bytes, disk - added
        else:
            left_out += candidate.bytes
            short_of_disk = short_of_disk or candidate.bytes <= room
    used = sum(candidate.bytes for candidate in kept)
    return kept, HiddenStateCache(len(kept), len(paying) + len(new), used, idle, left_out, short_of_disk, budget_bytes)


def _reading(
    plan: Plan, made: Mapping[str, Node[HiddenStatesSpec]], hidden_states: Mapping[str, Mapping[str, str]]
) -> Nodes:
    """Return the nodes of a plan, each set of hidden states before the first node that reads it."""
    nodes: dict[str, Node[StepSpec]] = {}
    for key, node in plan.nodes.items():
        read = hidden_states.get(key)
        if read is None:
            nodes[key] = node
            continue
        for read_key in read.values():
            nodes.setdefault(read_key, made[read_key])
        nodes[key] = replace(node, hidden_states=read, needs=tuple(dict.fromkeys((*node.needs, *read.values()))))
    return nodes
