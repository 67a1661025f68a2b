"""predict: the predictions of an encoder with its modules in one language, one per example, as JSON Lines."""

from __future__ import annotations

from pathlib import Path

from layover import kinds
from layover.encoder import DropoutClock, Encoder, MixingWeights
from layover.heads import Head
from layover.inference.predict import predict
from layover.modules import AdapterDrop
from layover.plan import Node
from layover.specs.predict import PredictSpec
from layover.steps.artifacts import load_examples, load_features, predictions_of, write_lines, write_mixing_weights
from layover.steps.context import Context
from layover.steps.hidden_states import load_states, lowest_needed
from layover.steps.loaded import load, once
from layover.steps.matching import MatchingInput, matched
from layover.steps.trained import load_head, restore_encoder, set_language_adapter
from layover.store import Store
from layover.training.attack import attacked


def run(node: Node[PredictSpec], folder: Path, context: Context) -> None:
    """Write the predictions of one language; in retrieval each searched layer has its own file."""
    spec, store, execution = node.spec, context.store, context.execution
    features = load_features(store, spec.data, spec.kind)
    examples = load_examples(store, spec.data, spec.kind)
    encoder, head = _restored(spec, store, lowest_needed(store, node.hidden_states, (spec.data,)))
    encoder.drop(AdapterDrop(predict=spec.skipped))
    mixing, kind = MixingWeights(), kinds.get(spec.kind)
    if head is None or spec.matching is not None:
        sentences = MatchingInput(spec, features, examples, folder)
        by_file = matched(sentences, encoder, store, mixing, execution)
    else:
        set_language_adapter(encoder, store, spec.adapters[0] if spec.adapters else None)
        if spec.attack is not None:
            outputs = attacked(encoder, head, features, spec.attack, execution=execution, precision=spec.precision)
        else:
            states = load_states(store, node.hidden_states, spec.data)
            outputs = predict(
                encoder, head, features, execution=execution, precision=spec.precision, shares=mixing, states=states
            )
        by_file = iter([(predictions_of(0, (0,)), outputs)])
    for file, outputs in by_file:
        write_lines(folder / file, kind.decode(outputs, features, examples, labels=spec.labels))
    write_mixing_weights(folder, mixing)
    context.progress({"done": len(examples), "total": len(examples), "unit": "examples"})


def _restored(spec: PredictSpec, store: Store, from_layer: int) -> tuple[Encoder, Head | None]:
    """Return an encoder with its modules, and its head if it is used; loaded once for all languages of a job."""
    identity = (store, spec.train, spec.encoder.source, spec.encoder.revision, spec.precision)
    uses_head = spec.matching is None

    def make() -> tuple[Encoder, Head | None]:
        if spec.train is None:
            source, revision = spec.encoder.source, spec.encoder.revision
            return load(source, revision, clock=DropoutClock(0), precision=spec.precision), None
        encoder = restore_encoder(store, spec.train, spec.encoder.source, spec.encoder.revision, from_layer)
        return encoder, load_head(store, spec.train, encoder, 0.0) if uses_head else None

    return once(("predict", uses_head, from_layer, *identity), make)
