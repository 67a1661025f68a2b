"""train: a module and a head on one task, from a fresh start or after an intermediate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from layover import kinds
from layover.batches import Execution
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.heads import Head
from layover.plan import Node
from layover.plan.inputs import Selection, TrainInputs
from layover.predict import predict
from layover.steps.context import Context
from layover.steps.files import HEAD, MEASURED, TRAINING, weights_of
from layover.steps.machine import execution_of
from layover.steps.tokenize import load_examples, load_features
from layover.steps.trained import build_head, pieces_to_train, speak
from layover.store import write_json
from layover.training import LoopSettings, Progress, fit


def run(node: Node, folder: Path, context: Context) -> None:
    """Train, and write the trained weights, the head and the history."""
    inputs: TrainInputs = node.inputs
    numbers, task = inputs.optimisation, inputs.task
    clock = DropoutClock(numbers.seed)
    encoder = Encoder.load(inputs.encoder.source, inputs.encoder.revision, clock=clock, dropout=numbers.dropout)
    encoder.attach(pieces_to_train(context.store, node.identity, encoder.shape), seed=numbers.seed)
    speak(encoder, context.store, inputs.languages.train)
    head = build_head(task.kind, list(task.labels), encoder, clock, numbers.dropout, numbers.seed)
    start = _start(head, inputs, context)
    features = load_features(context.store, inputs.data)
    execution = execution_of(context.execution)
    result = fit(
        encoder,
        head,
        features,
        settings=_loop_settings(inputs),
        execution=execution,
        clock=clock,
        evaluate=_evaluation(inputs, encoder, head, context, execution),
        criterion=inputs.selection.metric if inputs.selection is not None else None,
        checkpoint_dir=context.store.work(node.key),
        progress=_reporter(context, numbers.batch),
        stop=context.stopping,
    )
    for name in encoder.trained():
        save_file(encoder.state(name), folder / weights_of(name))
    save_file({name: value.contiguous().cpu() for name, value in head.state_dict().items()}, folder / HEAD)
    counts = {name: sum(value.numel() for value in part.values()) for name, part in encoder.trained().items()}
    trained = {
        "parameters": {**counts, "head": sum(value.numel() for value in head.parameters())},
        "head_start": start,
    }
    write_json(folder / TRAINING, {**result.as_json(), **trained, "rows": features.rows})
    write_json(folder / MEASURED, result.measured.as_json())


def _start(head: Head, inputs: TrainInputs, context: Context) -> str:
    """Give the head the weights it starts from, and return where they come from."""
    if inputs.head_from is not None:
        file = context.store.path(inputs.head_from) / HEAD
        head.load_weights(load_file(file), str(file))
        return "intermediate"
    return "pretrained" if head.start_from(inputs.encoder.source, inputs.encoder.revision) else "random"


def _loop_settings(inputs: TrainInputs) -> LoopSettings:
    numbers = inputs.optimisation
    selection = inputs.selection
    return LoopSettings(
        lr=numbers.lr,
        epochs=numbers.epochs,
        batch=numbers.batch,
        warmup=numbers.warmup,
        weight_decay=numbers.weight_decay,
        clip=numbers.clip,
        precision=numbers.precision,
        seed=numbers.seed,
        select_every=selection.every if selection is not None else None,
        patience=selection.patience if selection is not None else None,
    )


def _evaluation(
    inputs: TrainInputs, encoder: Encoder, head: Head, context: Context, execution: Execution
) -> Callable[[], dict[str, float]] | None:
    """Return what scores the current weights on the development set, or None when nothing selects."""
    selection = inputs.selection
    if selection is None:
        return None
    features = load_features(context.store, selection.data)
    score, languages = _scorer(inputs, selection, features, context), inputs.languages
    swapped = languages.select != languages.train

    def evaluate() -> dict[str, float]:
        if swapped:
            speak(encoder, context.store, languages.select)
        outputs = predict(encoder, head, features, execution=execution, precision=inputs.optimisation.precision)
        if swapped:
            speak(encoder, context.store, languages.train)
        return score(outputs)

    return evaluate


def _scorer(
    inputs: TrainInputs, selection: Selection, features: Features, context: Context
) -> Callable[..., dict[str, float]]:
    task, kind = inputs.task, kinds.get(inputs.task.kind)
    examples = load_examples(context.store, selection.data, task.kind)

    def score(outputs: Mapping[str, Any]) -> dict[str, float]:
        predictions = kind.decode(outputs, features, examples, labels=task.labels)
        return kind.score(predictions, examples, metrics=task.metrics, language=selection.language)

    return score


def _reporter(context: Context, batch: int) -> Callable[[Progress], None]:
    """Return what tells of a training in examples, as people compare speeds."""

    def report(progress: Progress) -> None:
        values = progress.as_json()
        done, total = progress.done * batch, progress.total * batch
        context.progress({**values, "done": done, "total": total, "unit": "examples"})

    return report
