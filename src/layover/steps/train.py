"""train: a module and a head on one task, from a fresh start or after an intermediate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file

from layover.encoder import DropoutClock, Encoder
from layover.execution import Execution
from layover.heads import Head
from layover.plan import Node
from layover.plan.inputs import TrainInputs
from layover.plan.mixtures import MixtureInputs
from layover.predict import predict
from layover.steps import mixture
from layover.steps.context import Context
from layover.steps.files import HEAD, MEASURED, TRAINING
from layover.steps.fitting import drop_layers, load_encoder, loop_settings, reporter, save_head, save_trained, scorer
from layover.steps.machine import execution_of
from layover.steps.states import Trunks, load_states
from layover.steps.tokenize import load_features
from layover.steps.trained import build_head, head_file, pieces_to_train, speak, spoken
from layover.store import write_json
from layover.training import Branch, fit


def run(node: Node, folder: Path, context: Context) -> None:
    """Train, and write the trained weights, the head and the history."""
    if isinstance(node.inputs, MixtureInputs):
        mixture.run(node, node.inputs, folder, context)
        return
    inputs: TrainInputs = node.inputs
    numbers, task = inputs.optimisation, inputs.task
    clock = DropoutClock(numbers.seed)
    store, encoder = context.store, load_encoder(inputs, node, context, clock)
    encoder.attach(pieces_to_train(context.store, node.identity, encoder.shape), seed=numbers.seed)
    acting = [one.module for one in inputs.composed.learned] if inputs.composed else [inputs.module]
    drop_layers(encoder, inputs.adapterdrop, acting)
    speak(encoder, context.store, inputs.languages.train)
    head = build_head(task.kind, list(task.labels), encoder, clock, numbers.dropout, numbers.seed)
    start = _start(head, inputs, context)
    features = load_features(context.store, inputs.data)
    execution = execution_of(context.execution)
    result = fit(
        encoder,
        [Branch(task.name, head, features, states=load_states(store, node.trunks, inputs.data))],
        settings=loop_settings(numbers, inputs.selection),
        execution=execution,
        clock=clock,
        evaluate=_evaluation(inputs, encoder, head, context, execution, node.trunks),
        criterion=inputs.selection.metric if inputs.selection is not None else None,
        checkpoint_dir=context.store.work(node.key),
        progress=reporter(context, numbers.batch),
        stop=context.stopping,
    )
    counts = save_trained(encoder, folder)
    trained = {"parameters": {**counts, "head": save_head(head, folder / HEAD)}, "head_start": start}
    write_json(folder / TRAINING, {**result.as_json(), **trained, "rows": features.rows})
    write_json(folder / MEASURED, result.measured.as_json())


def _start(head: Head, inputs: TrainInputs, context: Context) -> str:
    """Give the head the weights it starts from, and return where they come from."""
    if inputs.head_from is not None:
        file = head_file(context.store, inputs.head_from, inputs.task)
        head.load_weights(load_file(file), str(file))
        return "intermediate"
    return "pretrained" if head.start_from(inputs.encoder.source, inputs.encoder.revision) else "random"


def _evaluation(
    inputs: TrainInputs, encoder: Encoder, head: Head, context: Context, execution: Execution, trunks: Trunks
) -> Callable[[], dict[str, float]] | None:
    """Return what scores the current weights on the development set, or None when nothing selects."""
    selection = inputs.selection
    if selection is None:
        return None
    features = load_features(context.store, selection.data)
    states = load_states(context.store, trunks, selection.data)
    score = scorer(inputs.task, selection, features, context)
    precision = inputs.optimisation.precision

    def evaluate() -> dict[str, float]:
        with spoken(encoder, context.store, inputs.languages):
            outputs = predict(
                encoder,
                head,
                features,
                execution=execution,
                precision=precision,
                progress=context.heed,
                states=states,
            )
        return score(outputs)

    return evaluate
