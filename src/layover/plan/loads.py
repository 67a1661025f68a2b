"""What each node of a plan asks of the memory; see `layover.memory`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from layover import kinds
from layover.data.masking import PERCENT
from layover.execution import Execution
from layover.memory import TYPICAL_WORDS, Load, Work, kept_per_layer, most_tokens
from layover.modules import Module
from layover.plan.inputs import ComposeInputs, GateInputs, PredictInputs, RetrieveInputs, TrainInputs, TrunkInputs
from layover.plan.mixtures import MixtureInputs
from layover.plan.nodes import Node, Plan
from layover.plan.passes import Training, data_of, on_encoder, tasks_of
from layover.precision import Precision
from layover.shape import Shape
from layover.tasks import Task


class Loads:
    """Finds the loads of a plan's nodes; what is on an encoder is looked at once for all that is predicted with it."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._run = plan, plan.recipe.document.run
        self._known: dict[tuple[str, str, int], Load | None] = {}

    def of(self, node: Node, kept: Mapping[str, int]) -> Load | None:
        """Return the load of a node that runs the encoder; None of others, and where the encoder's shape is not known.

        Args:
            node: One of the plan.
            kept: By data, the layers that the node does without, for their hidden states are read from the disk.
        """
        inputs = node.inputs
        if not isinstance(inputs, PredictInputs):
            return self._of(node, kept)
        asked = (inputs.train, inputs.task.name, kept.get(inputs.data, 0))
        if asked not in self._known:
            self._known[asked] = self._of(node, kept)
        return self._known[asked]

    def _of(self, node: Node, kept: Mapping[str, int]) -> Load | None:
        run, inputs = self._run, node.inputs
        work, trains = None, node.kind in ("train", "gate")
        if isinstance(inputs, TrunkInputs | RetrieveInputs):
            work = _frozen(inputs.encoder.shape, inputs)
        elif isinstance(inputs, TrainInputs | MixtureInputs | GateInputs | PredictInputs):
            work = _on_encoder(self._plan, node, kept)
        if work is None:
            return None
        device = device_of(run)
        work = replace(work, gradient_checkpointing=run.gradient_checkpointing, device=device)
        load = Load(work, trains, run.micro_tokens or most_tokens(device, trains=trains))
        if trains and run.memory is not None and run.micro_tokens is None:
            return replace(load, most=load.tokens(run.memory))
        return load


def device_of(run: Execution) -> str:
    """Return the device that a plan counts with: the recipe's, the CPU where it does not say."""
    return "cpu" if run.device == "auto" else run.device


def beside(inputs: Training, shape: Shape) -> tuple[int, int]:
    """Return how many weights train beside the target's module, and how many numbers per token mixing keeps."""
    composed = inputs.composed
    if composed is None:
        return 0, 0
    how, count = composed.composition, len(composed.learned)
    return how.extra_parameters(composed.module, count, shape), how.kept_numbers(composed.module, count, shape)


def lowest_of(inputs: Training, shape: Shape) -> int:
    """Return the lowest layer that gets a gradient."""
    layers = inputs.module.layers_of(shape.layers)
    if inputs.composed is not None and beside(inputs, shape)[0]:
        layers = (*layers, *inputs.composed.layers_of(shape.layers))
    dropped = inputs.adapterdrop.always_training
    return min((layer for layer in layers if layer >= dropped), default=shape.layers)


def weights_of(inputs: Training, shape: Shape) -> int:
    """Return how many weights of the encoder and its modules train."""
    return shape.parameters if inputs.module.whole else _own_weights(inputs.module, shape) + beside(inputs, shape)[0]


def _own_weights(module: Module, shape: Shape) -> int:
    return module.parameter_count(shape)


def work_of(module: Module, shape: Shape, precision: Precision) -> Work:
    """Return the work of training a module alone, on the whole encoder with all its word embeddings."""
    return Work(
        shape,
        precision,
        lowest=min(module.layers_of(shape.layers), default=shape.layers),
        trained=shape.parameters if module.whole else _own_weights(module, shape),
        kept=kept_per_layer(module, shape),
        whole=module.whole,
    )


def _frozen(shape: Shape | None, inputs: TrunkInputs | RetrieveInputs) -> Work | None:
    if shape is None:
        return None
    return Work(shape, inputs.precision, lowest=shape.layers, words=min(TYPICAL_WORDS, shape.vocabulary))


def _on_encoder(plan: Plan, node: Node, kept: Mapping[str, int]) -> Work | None:
    """Return the work of a node with modules on its encoder."""
    on = on_encoder(plan.nodes, node)
    shape = on.encoder.shape
    if shape is None:
        return None
    data, heads = _read_by(node, on)
    logits = max(kinds.get(task.kind).logits_per_token(shape.vocabulary, percent) for task, percent in heads)
    # a head that guesses words shares the whole table of their embeddings
    table = any(kinds.get(task.kind).head_size(task.labels) is None for task, _ in heads)
    work = Work(
        shape,
        on.precision if isinstance(on, ComposeInputs) else on.optimisation.precision,
        lowest=shape.layers,
        from_layer=min(kept[key] for key in data) if all(key in kept for key in data) else 0,
        words=None if table else min(TYPICAL_WORDS, shape.vocabulary),
        first_only=all(kinds.get(task.kind).first_only for task, _ in heads),
        logits=logits,
    )
    if isinstance(on, ComposeInputs):
        return work
    whole = on.module.whole
    return replace(
        work,
        lowest=lowest_of(on, shape),
        trained=weights_of(on, shape),
        kept=kept_per_layer(on.module, shape),
        whole=whole,
        words=None if whole else work.words,
        mixed=beside(on, shape)[1],
    )


def _read_by(node: Node, on: Training | ComposeInputs) -> tuple[list[str], list[tuple[Task, int]]]:
    """Return the keys of the data that a node reads, and whose heads do, with the share that each has to guess."""
    if isinstance(node.inputs, PredictInputs) or isinstance(on, ComposeInputs):
        return [node.inputs.data], [(node.inputs.task, PERCENT)]
    taught = tasks_of(on)
    return data_of(on, selects=node.kind == "train"), [(one.task, one.hidden_percent) for one in taught]
