"""train: trains a module and heads on one task or on several in turn, or the gates of a finished training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file, save_file

from layover import mixers
from layover.class_weights import by_label
from layover.compositions import MIX, AttachedModule, Attachment, Mix
from layover.data.features import Features
from layover.data.views import Rewriter
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.estimates.passes import turns_of
from layover.heads import CLASS_WEIGHTS, Head, build_head
from layover.plan import Node, tokenizers
from layover.specs.train import TaskSpec, TrainSpec
from layover.steps.artifacts import GATES, MEASURED, TRAINING, load_features, weights_of
from layover.steps.beginnings import beginning_of, copied_step, copy_beginning, keep_beginning
from layover.steps.context import Context
from layover.steps.evaluation import evaluation
from layover.steps.hidden_states import StatesOf, load_states, lowest_needed
from layover.steps.loaded import load
from layover.steps.trained import (
    attachments_to_train,
    file_of_head,
    head_file,
    load_heads,
    reads_table,
    set_language_adapter,
    trained_attachments,
)
from layover.store import Store, write_json
from layover.training import Branch, Evaluation, FitResult, Measured, Progress, fit
from layover.training.views import rewriter_of


def run(node: Node[TrainSpec], folder: Path, context: Context) -> None:
    """Train; write the trained modules, the heads and the history."""
    spec, store = node.spec, context.store
    if spec.until is not None and store.has(spec.whole.key):
        write_json(folder / TRAINING, beginning_of(store.read(spec.whole.key, TRAINING), spec.until))
        write_json(folder / MEASURED, Measured().as_json())
        return
    copy_beginning(store, node.key, spec)
    clock = DropoutClock(spec.hyperparameters.seed)
    encoder = _encoder(node, context, clock)
    heads, starts = _heads(spec, encoder, store)
    branches = _branches(spec, heads, store, node.hidden_states)
    execution = context.execution
    result = fit(
        encoder,
        branches,
        hyperparameters=spec.hyperparameters,
        execution=execution,
        clock=clock,
        judge=evaluation(node, encoder, heads, context, execution),
        checkpoint_dir=store.work(node.key),
        progress=_reporter(context, spec.hyperparameters.batch, copied_step(store.work(node.key))),
        stop=context.stopping,
        objective=spec.objective,
        train_head=spec.gates is None,
        until=spec.until,
        name=spec.whole.key,
        evaluated=lambda evaluation: context.evaluated(_plain(evaluation)),
        rewriter=_rewriter(spec, encoder),
    )
    if spec.until is not None:
        keep_beginning(store, node.key, spec)
        write_json(folder / TRAINING, result.as_json())
        write_json(folder / MEASURED, result.measured.as_json())
        return
    counts = _saved(spec, encoder, heads, folder)
    facts = _task_facts(spec, starts, branches, result)
    write_json(folder / TRAINING, {**result.as_json(), "parameters": counts, **facts})
    write_json(folder / MEASURED, result.measured.as_json())


def _rewriter(spec: TrainSpec, encoder: Encoder) -> Rewriter | None:
    """Return what makes the views of rows that the objective reads; None if it reads none."""
    view = spec.objective.row_view
    if view is None:
        return None
    source = spec.encoder
    tokenizer = tokenizers.load_planned(source.source, source.revision, source.tokenizer)
    return rewriter_of(view, tokenizer, encoder.max_length)


def _encoder(node: Node[TrainSpec], context: Context, clock: DropoutClock) -> Encoder:
    """Return the layers of the encoder that the data need, with all modules attached."""
    spec, numbers, store = node.spec, node.spec.hyperparameters, context.store
    encoder = load(
        spec.encoder.source,
        spec.encoder.revision,
        clock=clock,
        dropout=numbers.dropout,
        precision=numbers.precision,
        whole=spec.module.whole,
        from_layer=lowest_needed(store, node.hidden_states, spec.read_keys()),
        all_words=any(reads_table(kind, labels) for kind, labels in spec.outputs()),
    )
    if spec.gates is not None:
        attachments = gated(trained_attachments(store, spec.gates.train, encoder.shape))
    else:
        attachments = attachments_to_train(store, spec, encoder.shape)
    encoder.attach(attachments)
    if spec.adapterdrop.drops():
        for module in spec.start.modules() or (spec.module,):
            spec.adapterdrop.check(module, encoder.num_layers)
        encoder.drop(spec.adapterdrop)
    set_language_adapter(encoder, store, spec.languages.train)
    return encoder


def gated(attachments: list[Attachment]) -> list[Attachment]:
    """Return the attachments with a fresh gate on the module of the training, which is the last.

    Raises:
        ModelError: the last attachment is not a module.
    """
    if not attachments or not isinstance(attachments[-1], AttachedModule):
        raise ModelError("gates need a trained module, and this training has none")
    mix = Mix(MIX, mixers.get("gate")(), (attachments[-1],), None, trainable=True)
    return [*attachments[:-1], mix]


def _heads(spec: TrainSpec, encoder: Encoder, store: Store) -> tuple[list[Head], list[str]]:
    """Return the heads by their numbers, and the origin of each head's weights."""
    numbers, heads, starts = spec.hyperparameters, list[Head](), list[str]()
    if spec.gates is not None:
        return load_heads(store, spec.gates.train, encoder, numbers.dropout), starts
    for kind, labels in spec.outputs():
        head = build_head(kind, labels, encoder, numbers.dropout)
        if spec.head_from is not None:
            file = head_file(store, spec.head_from, (kind, labels))
            head.load_weights(load_file(file), str(file))
            starts.append("intermediate")
        else:
            pretrained = head.start_from(spec.encoder.source, spec.encoder.revision)
            starts.append("pretrained" if pretrained else "random")
        heads.append(head)
    return heads, starts


def _branches(spec: TrainSpec, heads: Sequence[Head], store: Store, hidden_states: StatesOf) -> list[Branch]:
    """Return the tasks with their heads, training sets and steps per epoch."""
    features = [load_features(store, task.data, task.kind) for task in spec.tasks]
    turns = turns_of(spec, [data.units for data in features])
    return [
        Branch(
            task.name,
            heads[task.place],
            data,
            steps,
            load_states(store, hidden_states, task.data),
            _class_weights(task, heads[task.place], data),
        )
        for task, data, steps in zip(spec.tasks, features, turns, strict=True)
    ]


def _class_weights(task: TaskSpec, head: Head, features: Features) -> npt.NDArray[np.float32] | None:
    """Return the factor of each class on the loss, (classes,), from the training set; None if all count alike."""
    if task.class_weights is None:
        return None
    classes = head.classes(features, np.arange(features.units))
    counts = np.bincount(classes, minlength=len(task.labels)).tolist()
    weights = by_label(task.class_weights, dict(zip(task.labels, counts, strict=True)))
    return np.array([weights[label] for label in task.labels], np.float32)


def _reporter(context: Context, batch: int, copied: int) -> Callable[[Progress], None]:
    """Return a callback that reports the progress of a training in examples, the usual unit of speed.

    `step` and `steps` count the whole training. `done` and `total` count the part of this node: without the `copied`
    steps of a shorter training, and up to the end of a beginning.
    """

    def report(progress: Progress) -> None:
        steps = {"step": progress.done, "steps": progress.total}
        done, end = max(0, progress.done - copied), progress.end or progress.total
        examples = {"done": done * batch, "total": (end - copied) * batch, "unit": "examples"}
        context.progress({**progress.as_json(), **steps, **examples})

    return report


def _plain(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain values; a metric that is not finite is None, like an undefined one."""
    metrics = {
        name: value if value is not None and isfinite(value) else None for name, value in evaluation.metrics.items()
    }
    return {**asdict(evaluation), "metrics": metrics}


def _saved(spec: TrainSpec, encoder: Encoder, heads: Sequence[Head], folder: Path) -> dict[str, int]:
    """Write the trained weights of every attachment and head; return name -> number of weights."""
    counts = {name: sum(value.numel() for value in weights.values()) for name, weights in encoder.trained().items()}
    if spec.gates is not None:
        save_file(encoder.state(MIX), folder / GATES)
        return {"gates": counts[MIX]}
    for name in encoder.trained():
        save_file(encoder.state(name), folder / weights_of(name))
    for place, head in enumerate(heads):
        file = file_of_head(spec, place)
        save_file({name: value.contiguous().cpu() for name, value in head.state_dict().items()}, folder / file)
        counts[_name_of(file)] = sum(value.numel() for value in head.parameters())
    return counts


def _name_of(file: str) -> str:
    return file.removesuffix(".safetensors")


def _task_facts(
    spec: TrainSpec, starts: Sequence[str], branches: Sequence[Branch], result: FitResult
) -> Mapping[str, Any]:
    """Return the origins of the heads, and the contribution of each task to the kept weights."""
    if spec.gates is not None:
        return {"rows": sum(branch.features.rows for branch in branches)}
    if not spec.numbered:
        return {"rows": branches[0].features.rows, "head_start": starts[0], **_weighed(spec.tasks[0], branches[0])}
    names = [_name_of(file_of_head(spec, place)) for place in range(len(starts))]
    tasks = [
        {
            "name": task.name,
            "head": names[task.place],
            "rows": branch.features.rows,
            "steps": seen.steps,
            "examples": seen.units,
            **_weighed(task, branch),
        }
        for task, branch, seen in zip(spec.tasks, branches, result.seen, strict=True)
    ]
    return {"head_start": dict(zip(names, starts, strict=True)), "tasks": tasks}


def _weighed(task: TaskSpec, branch: Branch) -> dict[str, Any]:
    """Return the factor of each label on the loss; empty if all labels count alike."""
    if branch.class_weights is None:
        return {}
    return {CLASS_WEIGHTS: dict(zip(task.labels, branch.class_weights.tolist(), strict=True))}
