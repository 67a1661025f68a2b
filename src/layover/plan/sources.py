"""The sources of the scores of a cell: its model and its data, read from the specifications of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from layover.plan.nodes import Node, Nodes, of, spec_at
from layover.records import DataSource, EncoderSource, Sources
from layover.specs import EncoderSpec, StepSpec
from layover.specs.import_ import ImportSpec
from layover.specs.predict import PredictSpec
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec


def with_sources(nodes: Nodes) -> dict[str, Node[StepSpec]]:
    """Return the nodes; score nodes get their sources. No key changes, because sources repeat facts of the keys."""
    scores = {node.key: node for node in of(nodes, ScoreSpec)}
    sourced = {
        key: replace(node, spec=replace(node.spec, sources=_sources(nodes, node))) for key, node in scores.items()
    }
    return {key: sourced.get(key, node) for key, node in nodes.items()}


def _sources(nodes: Nodes, score: Node[ScoreSpec]) -> Sources | None:
    """Return the sources of scores; None if nothing is predicted."""
    scored = score.spec
    if not scored.predictions:
        return None
    first = spec_at(nodes, next(iter(scored.predictions.values()))[0], PredictSpec)
    below = {key: nodes[key] for key in _below(nodes, score.needs)}
    trained = [node for node in of(below, TrainSpec) if node.spec.gates is None]
    own = [node for node in trained if first.matching is None and node.key == first.train]
    before = [node for node in trained if node not in own]

    def data(keys: Iterable[str]) -> tuple[DataSource, ...]:
        return tuple(
            dict.fromkeys(source for key in keys for source in _data(spec_at(nodes, key, TokenizeSpec).data.identity))
        )

    chosen_by = (*scored.tuning().values(), *scored.choosing().values())
    return Sources(
        model=_model(first.encoder),
        scored={language: data([key]) for language, (_, key) in sorted(scored.predictions.items())},
        trained_on=data(key for node in own for key in node.spec.data_keys()),
        selected_on=data(key for node in own for key in node.spec.read_keys()[len(node.spec.tasks) :]),
        tuned_on=data(key for _, key in chosen_by),
        learned_before=data(sorted({key for node in before for key in node.spec.data_keys()})),
        imported=tuple(sorted(node.spec.weights for node in of(below, ImportSpec))),
    )


def _below(nodes: Nodes, keys: Iterable[str]) -> Iterator[str]:
    """Yield the keys and the keys of all nodes that they need, each once."""
    seen: set[str] = set()
    left = list(keys)
    while left:
        key = left.pop()
        if key not in seen:
            seen.add(key)
            yield key
            left.extend(nodes[key].needs)


def _model(encoder: EncoderSpec) -> EncoderSource:
    return EncoderSource(
        hub=encoder.hub,
        commit=encoder.commit,
        config_sha256=encoder.config,
        weights_sha256=encoder.weights,
        tokenizer_sha256=encoder.tokenizer.serialised,
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
