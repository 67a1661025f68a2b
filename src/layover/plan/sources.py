"""What the scores of a cell rest on: the model and the data, read from the identities of the nodes below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from layover.plan.encoders import EncoderRef
from layover.plan.inputs import PredictInputs, RetrieveInputs, ScoreInputs
from layover.plan.nodes import Node
from layover.plan.tokenizers import FORM
from layover.records import DataSource, EncoderSource, Sources


def with_sources(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Return the nodes, those that score with what they rest on; no key changes, for identities say the same."""
    return {
        key: replace(node, inputs=replace(node.inputs, sources=_sources(nodes, node))) if node.kind == "score" else node
        for key, node in nodes.items()
    }


def _sources(nodes: Mapping[str, Node], score: Node) -> Sources | None:
    """Return what scores rest on; None where nothing is predicted."""
    inputs: ScoreInputs = score.inputs
    if not inputs.predictions:
        return None
    predicted: list[PredictInputs | RetrieveInputs] = [nodes[key].inputs for key, _ in inputs.predictions.values()]
    first = predicted[0]
    below = [nodes[key] for key in _below(nodes, score.needs)]
    trained = [node for node in below if node.kind == "train"]
    own = [node for node in trained if isinstance(first, PredictInputs) and node.key == first.train]
    before = [node for node in trained if node not in own]

    def data(keys: Iterable[str]) -> tuple[DataSource, ...]:
        return tuple(dict.fromkeys(one for key in keys for one in _data(nodes[key].identity["data"])))

    return Sources(
        model=_model(first.encoder),
        scored={language: data([key]) for language, (_, key) in sorted(inputs.predictions.items())},
        trained_on=data(key for node in own for key in _training_sets(node)),
        selected_on=data(key for node in own for key in _selection_sets(node)),
        tuned_on=data(key for tuned in _tuned(inputs) for _, key in tuned.values()),
        learned_before=data(sorted({key for node in before for key in _training_sets(node)})),
        imported=tuple(sorted(node.identity["weights"] for node in below if node.kind == "import")),
    )


def _below(nodes: Mapping[str, Node], keys: Iterable[str]) -> Iterator[str]:
    """Yield the keys, and those of all nodes that they need, each once."""
    seen: set[str] = set()
    left = list(keys)
    while left:
        key = left.pop()
        if key not in seen:
            seen.add(key)
            yield key
            left.extend(nodes[key].needs)


def _training_sets(node: Node) -> list[str]:
    return [one["data"] for one in node.identity.get("tasks", [node.identity])]


def _selection_sets(node: Node) -> list[str]:
    return [one["select"]["data"] for one in node.identity.get("tasks", [node.identity]) if one["select"] is not None]


def _tuned(inputs: ScoreInputs) -> list[Mapping[str, tuple[str, str]]]:
    """Return the predictions, and their data, whose gold chooses a threshold or a layer."""
    return [inputs.threshold.predictions if inputs.threshold is not None else {}, inputs.choosing or {}]


def _model(encoder: EncoderRef) -> EncoderSource:
    identity = encoder.identity
    return EncoderSource(
        hub=identity.get("hub"),
        commit=identity.get("commit"),
        config_sha256=identity.get("config"),
        weights_sha256=tuple(identity.get("weights", ())),
        tokenizer_sha256=encoder.tokenizer.get(FORM),
    )


def _data(identity: Mapping[str, Any]) -> Iterator[DataSource]:
    """Yield the sources of a place, from its identity (`Location.identity`, `Joined.identity`)."""
    if "joined" in identity:
        for part in identity["joined"]:
            yield from _data(part)
    elif "hub" in identity:
        hub = identity["hub"]
        yield DataSource(hub=hub["path"], config=hub["config"], split=hub["split"], commit=hub["revision"])
    else:
        yield DataSource(files_sha256=tuple(identity["files"]))
