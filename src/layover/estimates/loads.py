"""The memory load of each node of a plan (`layover.memory`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import singledispatch

from layover import kinds
from layover.execution import Execution
from layover.memory import TYPICAL_WORDS, Load, Workload, kept_per_layer, most_tokens
from layover.modules import Module
from layover.numerics import Precision
from layover.objectives import PLAIN
from layover.plan.nodes import Node, Nodes, Plan, spec_at
from layover.shape import Shape
from layover.specs import OnEncoder, StepSpec
from layover.specs.hidden_states import HiddenStatesSpec
from layover.specs.predict import PredictSpec
from layover.specs.tokenize import USUAL_PERCENT
from layover.specs.train import TrainSpec

Answers = tuple[str, tuple[str, ...], int]
"""Kind and labels of a head, and the percentage of tokens that it has to predict."""


class Loads:
    """Finds the loads of a plan's nodes; predictions with the same modules on the encoder share the result."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._run = plan, plan.recipe.document.run
        self._known: dict[tuple[object, ...], Load | None] = {}

    def of(self, node: Node[StepSpec], kept: Mapping[str, int]) -> Load | None:
        """Return the load of a node that runs the encoder; None for other nodes, and if the shape is unknown.

        Args:
            node: A node of the plan.
            kept: Key of data -> the layers whose hidden states are read from the disk.
        """
        request = _alike(node.spec, kept)
        if request not in self._known:
            self._known[request] = self._of(node.spec, kept)
        return self._known[request]

    def _of(self, spec: StepSpec, kept: Mapping[str, int]) -> Load | None:
        run, work = self._run, _work(spec, self._plan.nodes, kept)
        if work is None:
            return None
        device = device_of(run)
        work = replace(work, gradient_checkpointing=run.gradient_checkpointing, device=device)
        # an attack keeps the tensors of a backward pass, as a training does
        keeps = spec.trains or (isinstance(spec, PredictSpec) and spec.attack is not None)
        load = Load(work, keeps, run.micro_batch_tokens or most_tokens(device, trains=keeps))
        if spec.trains and run.memory is not None and run.micro_batch_tokens is None:
            return replace(load, most=load.tokens(run.memory))
        return load


@singledispatch
def _alike(spec: StepSpec, kept: Mapping[str, int]) -> tuple[object, ...]:
    """Return a key that two steps with the same load share."""
    return (spec.key, tuple(sorted(kept.items())))


@_alike.register
def _(spec: PredictSpec, kept: Mapping[str, int]) -> tuple[object, ...]:
    attacks = spec.attack is not None
    return (spec.train, spec.name, spec.encoder.label, spec.precision, spec.matching, attacks, kept.get(spec.data, 0))


@singledispatch
def on_encoder(spec: StepSpec, nodes: Nodes) -> OnEncoder | None:  # noqa: ARG001
    """Return the training or composition on the encoder while a step runs; None if absent, or if no encoder runs."""
    return None


@on_encoder.register
def _(spec: TrainSpec, nodes: Nodes) -> OnEncoder | None:  # noqa: ARG001
    return spec


@on_encoder.register
def _(spec: PredictSpec, nodes: Nodes) -> OnEncoder | None:
    return None if spec.train is None else spec_at(nodes, spec.train, OnEncoder)


def device_of(run: Execution) -> str:
    """Return the device of the estimates: the device of the recipe, or the CPU if the recipe names none."""
    return "cpu" if run.device == "auto" else run.device


def mixing(on: OnEncoder, shape: Shape) -> tuple[int, int]:
    """Return the number of weights of the mixer that train, and of values per token that it keeps for the gradient."""
    how, count = on.start.composition, len(on.start.learned)
    if how is None or not count:
        return 0, 0
    module = on.start.module
    return how.extra_parameters(module, count, shape), how.kept_numbers(module, count, shape)


def lowest_of(on: OnEncoder, shape: Shape) -> int:
    """Return the lowest layer that gets a gradient."""
    layers = on.module.layers_of(shape.layers)
    if mixing(on, shape)[0]:
        layers = (*layers, *on.start.layers_of(shape.layers))
    return min((layer for layer in layers if layer >= on.dropped), default=shape.layers)


def perturbed_layer(on: OnEncoder, shape: Shape) -> int:
    """Return the lowest layer that the gradient of a perturbation reaches; the number of layers without one."""
    place = on.objective.place if isinstance(on, TrainSpec) else None
    return shape.layers if place is None else 0 if place == "embeddings" else on.changed_from(shape.layers)


def weights_of(on: OnEncoder, shape: Shape) -> int:
    """Return the number of weights of the encoder and its modules that train."""
    return shape.parameters if on.module.whole else on.module.parameter_count(shape) + mixing(on, shape)[0]


def work_of(module: Module, shape: Shape, precision: Precision) -> Workload:
    """Return the workload of training a module alone, on the whole encoder with all its word embeddings."""
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
    """Return the workload of a step with an encoder; None for other steps, and if the shape is unknown."""
    return None


@_work.register
def _(spec: HiddenStatesSpec, nodes: Nodes, kept: Mapping[str, int]) -> Workload | None:  # noqa: ARG001
    return _frozen(spec.encoder.shape, spec.precision)


@_work.register
def _(spec: TrainSpec, nodes: Nodes, kept: Mapping[str, int]) -> Workload | None:  # noqa: ARG001
    answers = [(task.kind, task.labels, task.hidden_percent) for task in spec.tasks]
    work, objective = _with_modules(spec, spec.read_keys(), answers, kept), spec.objective
    if work is None or objective == PLAIN:
        return work
    lowest = work.lowest
    if any(passes.perturbation for passes in objective.passes(spec.hyperparameters.epochs)):
        lowest = min(lowest, perturbed_layer(spec, work.shape))
    return replace(work, lowest=lowest, graphs=objective.graphs, perturbed=objective.place is not None)


@_work.register
def _(spec: PredictSpec, nodes: Nodes, kept: Mapping[str, int]) -> Workload | None:
    on = on_encoder(spec, nodes)
    if spec.matching is not None or on is None:
        return _frozen(spec.encoder.shape, spec.precision)
    work = _with_modules(on, (spec.data,), [(spec.kind, spec.labels, USUAL_PERCENT)], kept)
    if work is None or spec.attack is None:
        return work
    return replace(work, lowest=0, trained=0, perturbed=True)


def _frozen(shape: Shape | None, precision: Precision) -> Workload | None:
    if shape is None:
        return None
    return Workload(shape, precision, lowest=shape.layers, words=min(TYPICAL_WORDS, shape.vocabulary))


def _with_modules(
    on: OnEncoder, data: Sequence[str], answers: Sequence[Answers], kept: Mapping[str, int]
) -> Workload | None:
    """Return the workload of an encoder with modules.

    Args:
        on: The training or composition on the encoder.
        data: Keys of the sets that are read.
        answers: Kind, labels and masked percentage of each head.
        kept: Key of data -> the layers whose hidden states are read from the disk.
    """
    shape, whole = on.encoder.shape, on.module.whole
    if shape is None:
        return None
    # a head that predicts masked words shares the whole table of word embeddings
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
        mixed=mixing(on, shape)[1],
    )
