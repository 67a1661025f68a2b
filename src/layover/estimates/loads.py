"""What each node of a plan asks of the memory; see `memory`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import singledispatch

from layover import kinds
from layover.execution import Execution
from layover.memory import TYPICAL_WORDS, Load, Workload, kept_per_layer, most_tokens
from layover.modules import Module
from layover.numerics import Precision
from layover.plan.nodes import Node, Nodes, Plan, spec_at
from layover.shape import Shape
from layover.specs import OnEncoder, StepSpec
from layover.specs.hidden_states import HiddenStatesSpec
from layover.specs.predict import PredictSpec
from layover.specs.tokenize import USUAL_PERCENT
from layover.specs.train import TrainSpec

Answers = tuple[str, tuple[str, ...], int]
"""Kind and labels of a head, and the share of the tokens that it has to guess."""


class Loads:
    """Finds the loads of a plan's nodes; what is on an encoder is looked at once for all that is predicted with it."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._run = plan, plan.recipe.document.run
        self._known: dict[tuple[object, ...], Load | None] = {}

    def of(self, node: Node[StepSpec], kept: Mapping[str, int]) -> Load | None:
        """Return the load of a node that runs the encoder; None of others, and where the encoder's shape is not known.

        Args:
            node: One of the plan.
            kept: By data, the layers that the node does without, for their hidden states are read from the disk.
        """
        asked = _alike(node.spec, kept)
        if asked not in self._known:
            self._known[asked] = self._of(node.spec, kept)
        return self._known[asked]

    def _of(self, spec: StepSpec, kept: Mapping[str, int]) -> Load | None:
        run, work = self._run, _work(spec, self._plan.nodes, kept)
        if work is None:
            return None
        device = device_of(run)
        work = replace(work, gradient_checkpointing=run.gradient_checkpointing, device=device)
        load = Load(work, spec.trains, run.micro_batch_tokens or most_tokens(device, trains=spec.trains))
        if spec.trains and run.memory is not None and run.micro_batch_tokens is None:
            return replace(load, most=load.tokens(run.memory))
        return load


@singledispatch
def _alike(spec: StepSpec, kept: Mapping[str, int]) -> tuple[object, ...]:
    """Return what two steps with the same load have in common."""
    return (spec.key, tuple(sorted(kept.items())))


@_alike.register
def _(spec: PredictSpec, kept: Mapping[str, int]) -> tuple[object, ...]:
    return (spec.train, spec.name, spec.encoder.label, spec.precision, spec.matching, kept.get(spec.data, 0))


@singledispatch
def on_encoder(spec: StepSpec, nodes: Nodes) -> OnEncoder | None:  # noqa: ARG001
    """Return what is on the encoder while a step runs; None where nothing is, or no encoder runs."""
    return None


@on_encoder.register
def _(spec: TrainSpec, nodes: Nodes) -> OnEncoder | None:  # noqa: ARG001
    return spec


@on_encoder.register
def _(spec: PredictSpec, nodes: Nodes) -> OnEncoder | None:
    return None if spec.train is None else spec_at(nodes, spec.train, OnEncoder)


def device_of(run: Execution) -> str:
    """Return the device that a plan counts with: the recipe's, the CPU where it does not say."""
    return "cpu" if run.device == "auto" else run.device


def beside(on: OnEncoder, shape: Shape) -> tuple[int, int]:
    """Return how many weights train beside the target's module, and how many numbers per token mixing keeps."""
    how, count = on.start.composition, len(on.start.learned)
    if how is None or not count:
        return 0, 0
    module = on.start.module
    return how.extra_parameters(module, count, shape), how.kept_numbers(module, count, shape)


def lowest_of(on: OnEncoder, shape: Shape) -> int:
    """Return the lowest layer that gets a gradient."""
    layers = on.module.layers_of(shape.layers)
    if beside(on, shape)[0]:
        layers = (*layers, *on.start.layers_of(shape.layers))
    return min((layer for layer in layers if layer >= on.dropped), default=shape.layers)


def weights_of(on: OnEncoder, shape: Shape) -> int:
    """Return how many weights of the encoder and its modules train."""
    return shape.parameters if on.module.whole else on.module.parameter_count(shape) + beside(on, shape)[0]


def work_of(module: Module, shape: Shape, precision: Precision) -> Workload:
    """Return the work of training a module alone, on the whole encoder with all its word embeddings."""
    return Workload(
        shape,
        precision,
        lowest=min(module.layers_of(shape.layers), default=shape.layers),
        trained=shape.parameters if module.whole else module.parameter_count(shape),
        kept=kept_per_layer(module, shape),
        whole=module.whole,
    )


@singledispatch
def _work(spec: StepSpec, nodes: Nodes, kept: Mapping[str, int]) -> Workload | None:  # noqa: ARG001
    """Return the work of a step with an encoder; None of other steps, and where the encoder's shape is not known."""
    return None


@_work.register
def _(spec: HiddenStatesSpec, nodes: Nodes, kept: Mapping[str, int]) -> Workload | None:  # noqa: ARG001
    return _frozen(spec.encoder.shape, spec.precision)


@_work.register
def _(spec: TrainSpec, nodes: Nodes, kept: Mapping[str, int]) -> Workload | None:  # noqa: ARG001
    answers = [(one.kind, one.labels, one.hidden_percent) for one in spec.tasks]
    return _with_modules(spec, spec.read_keys(), answers, kept)


@_work.register
def _(spec: PredictSpec, nodes: Nodes, kept: Mapping[str, int]) -> Workload | None:
    on = on_encoder(spec, nodes)
    if spec.matching is not None or on is None:
        return _frozen(spec.encoder.shape, spec.precision)
    return _with_modules(on, (spec.data,), [(spec.kind, spec.labels, USUAL_PERCENT)], kept)


def _frozen(shape: Shape | None, precision: Precision) -> Workload | None:
    if shape is None:
        return None
    return Workload(shape, precision, lowest=shape.layers, words=min(TYPICAL_WORDS, shape.vocabulary))


def _with_modules(
    on: OnEncoder, data: Sequence[str], answers: Sequence[Answers], kept: Mapping[str, int]
) -> Workload | None:
    """Return the work of an encoder with modules.

    Args:
        on: What is on the encoder.
        data: Keys of the sets that are read.
        answers: Of the heads.
        kept: By data, the layers whose hidden states are read from the disk.
    """
    shape, whole = on.encoder.shape, on.module.whole
    if shape is None:
        return None
    # a head that guesses words shares the whole table of their embeddings
    table = whole or any(kinds.get(kind).head_size(labels) is None for kind, labels, _ in answers)
    return Workload(
        shape,
        on.computes_in,
        lowest=lowest_of(on, shape),
        trained=weights_of(on, shape),
        kept=kept_per_layer(on.module, shape),
        whole=whole,
        from_layer=min(kept[key] for key in data) if all(key in kept for key in data) else 0,
        words=None if table else min(TYPICAL_WORDS, shape.vocabulary),
        first_only=all(kinds.get(kind).first_only for kind, _, _ in answers),
        logits=max(kinds.get(kind).logits_per_token(shape.vocabulary, percent) for kind, _, percent in answers),
        mixed=beside(on, shape)[1],
    )
