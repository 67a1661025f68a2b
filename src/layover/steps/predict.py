"""predict: a trained task on one language; one prediction per example, as JSON Lines."""

from __future__ import annotations

from pathlib import Path

from layover import kinds
from layover.encoder import Encoder, Shares
from layover.heads import Head
from layover.modules import AdapterDrop
from layover.plan import Node
from layover.plan.inputs import PredictInputs, RetrieveInputs
from layover.predict import predict
from layover.steps import retrieve
from layover.steps.context import Context, write_lines
from layover.steps.files import PREDICTIONS
from layover.steps.loaded import once
from layover.steps.machine import execution_of
from layover.steps.shares import write_shares
from layover.steps.states import load_states, lowest_needed
from layover.steps.tokenize import load_examples, load_features
from layover.steps.trained import restore, speak
from layover.steps.unchanged import check_encoder
from layover.store import Store


def run(node: Node, folder: Path, context: Context) -> None:
    """Predict one language with the weights of a finished training."""
    if isinstance(node.inputs, RetrieveInputs):
        retrieve.run(node.inputs, folder, context)
        return
    inputs: PredictInputs = node.inputs
    check_encoder(inputs.encoder)
    store, kind = context.store, kinds.get(inputs.task.kind)
    features = load_features(store, inputs.data)
    examples = load_examples(store, inputs.data, inputs.task.kind)
    encoder, head = _restored(inputs, store, lowest_needed(store, node.trunks, (inputs.data,)))
    encoder.drop(AdapterDrop(predict=inputs.skipped))
    speak(encoder, store, inputs.adapter)
    precision = store.done(inputs.train)["identity"]["precision"]
    execution = execution_of(context.execution)
    shares, states = Shares(), load_states(store, node.trunks, inputs.data)
    outputs = predict(encoder, head, features, execution=execution, precision=precision, shares=shares, states=states)
    write_shares(folder, shares)
    predictions = kind.decode(outputs, features, examples, labels=inputs.task.labels)
    write_lines(folder / PREDICTIONS, predictions)
    context.progress({"done": len(examples), "total": len(examples), "unit": "examples"})


def _restored(inputs: PredictInputs, store: Store, from_layer: int) -> tuple[Encoder, Head]:
    """Load a trained task once for all the languages of a job."""
    of = (store, inputs.train, inputs.encoder.source, inputs.encoder.revision, from_layer)
    return once(("predict", *of), lambda: restore(*of))
