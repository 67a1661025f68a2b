"""The hidden-state cache: which hidden states of the frozen lower layers are kept on disk, and which nodes read them.

Up to the lowest layer that anything on the encoder changes, hidden states are a function of encoder, data and
precision alone. Whether they are computed again or read back is execution: no other node's key depends on it.
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
"""Over the same hidden states, from which on keeping them pays: computing them is one pass, too."""


@dataclass(frozen=True)
class _FrozenLayers:
    """The part of an encoder that stays as it was pretrained under a node."""

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
    """Over them, by nodes that have to run."""
    readers: list[tuple[str, str]] = field(default_factory=list)
    """Keys of these nodes and of the data."""

    def worth(self) -> float:
        """Return the arithmetic that is saved, per byte."""
        return (self.passes - 1) * self.flops_per_byte


def with_hidden_states(
    plan: Plan, meta: Meta, finished: Collection[str], budget_bytes: int, free_bytes: float = math.inf
) -> Plan:
    """Return the plan with the hidden states that are worth keeping, which nodes that have to run read.

    Finished sets count first. Of the others that these nodes go over twice or more, those that save most arithmetic
    per byte are taken as long as there is room.

    Args:
        plan: One without a hidden-state cache.
        meta: Counts of finished data; the sizes of other data are estimated.
        finished: Keys of what is in the store.
        budget_bytes: Of all sets together; 0 keeps none.
        free_bytes: What new sets may take of the disk.
    """
    there = set(finished)
    wanted = {node.key for node in plan.wanted(there)} if budget_bytes > 0 else set()
    if not wanted:
        return plan
    kept, cache = _chosen(_candidates(plan, meta, wanted), there, budget_bytes, free_bytes)
    hidden_states: dict[str, dict[str, str]] = {}
    for one in kept:
        for key, data in one.readers:
            hidden_states.setdefault(key, {})[data] = one.node.key
    return replace(plan, nodes=_reading(plan, {one.node.key: one.node for one in kept}, hidden_states), cache=cache)


def first_to_run(plan: Plan, finished: Collection[str]) -> list[Node[StepSpec]]:
    """Return the data to be tokenized before it is decided about hidden states; nothing where none could be kept.

    So the decision rests on exact sizes, the same before and after a stop.
    """
    wanted = plan.wanted(finished)
    missing = [node for node in wanted if node.kind == "tokenize"]
    hidden_states = _FrozenLayersOf(plan)
    return missing if missing and any(hidden_states.of(node) is not None for node in wanted) else []


class _FrozenLayersOf:
    """Finds the hidden_states of a plan's nodes; what is on an encoder is looked at once for all that read it."""

    def __init__(self, plan: Plan) -> None:
        self._nodes = plan.nodes
        self._known: dict[str, _FrozenLayers | None] = {}

    def of(self, node: Node[StepSpec]) -> _FrozenLayers | None:
        """Return the frozen layers whose hidden states a node could read; None where there is none, or they vary."""
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
    """Return whether tokens, or what acts on the lower layers, differ from step to step or from set to set.

    True, too, of a step that reads no hidden states.
    """
    return True


@_moves.register
def _(spec: PredictSpec) -> bool:
    asks_head = spec.matching is None
    return not asks_head or spec.skipped > 0 or bool(spec.adapters) or kinds.get(spec.kind).changes_tokens


@_moves.register
def _(spec: TrainSpec) -> bool:
    return spec.adapterdrop.drops() or any(
        bool(one.languages.adapters()) or kinds.get(one.kind).changes_tokens for one in spec.tasks
    )


def _candidates(plan: Plan, meta: Meta, wanted: set[str]) -> list[_Kept]:
    """Return the sets that nodes of the plan could read, with the passes of those that have to run."""
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
        for one in passes(node.spec, lambda key: size(key).examples) or ():
            asked = (frozen.encoder.label, one.data, frozen.layer, frozen.precision)
            if asked not in known:
                found = _kept(frozen, plan.nodes[one.data], size(one.data).tokens)
                # two names of one encoder share what they keep
                known[asked] = None if found is None else made.setdefault(found.node.key, found)
            kept = known[asked]
            if kept is not None and node.key in wanted:
                kept.passes += one.times
                kept.readers.append((node.key, one.data))
    return list(made.values())


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
    """Return the sets that are read, and what is to be said of them."""
    there = [one for one in candidates if one.node.key in finished]
    idle = sum(one.bytes for one in there if not one.passes)
    paying = sorted((one for one in there if one.passes), key=lambda one: (-one.worth(), one.node.key))
    new = [one for one in candidates if one.node.key not in finished and one.passes >= LEAST_PASSES]
    new.sort(key=lambda one: (-one.worth(), one.node.key))
    room, disk = budget_bytes - idle, free_bytes
    kept, left_out, short_of_disk = [], 0, False
    for one in (*paying, *new):
        added = 0 if one.node.key in finished else one.bytes
        if one.bytes <= room and added <= disk:
            kept.append(one)
            room, disk = room - one.bytes, disk - added
        else:
            left_out += one.bytes
            short_of_disk = short_of_disk or one.bytes <= room
    used = sum(one.bytes for one in kept)
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
        for one in read.values():
            nodes.setdefault(one, made[one])
        nodes[key] = replace(node, hidden_states=read, needs=tuple(dict.fromkeys((*node.needs, *read.values()))))
    return nodes
