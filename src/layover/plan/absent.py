"""What of the hub a plan needs and the local cache does not have, where the hub cannot be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from layover.data.hub_copies import is_cached
from layover.data.task import Location
from layover.hub_files import COMMIT, cached_file
from layover.layouts.checkpoint import SHARDS, WEIGHTS
from layover.plan.encoders import EncoderRef
from layover.plan.inputs import PredictInputs, RetrieveInputs, TokenizeInputs, TrainInputs, TrunkInputs
from layover.plan.mixtures import MixtureInputs
from layover.plan.nodes import Node, Plan

Encoding = TrunkInputs | TrainInputs | MixtureInputs | PredictInputs | RetrieveInputs
"""The inputs of the steps that load an encoder's weights."""


def lacks(plan: Plan, wanted: Iterable[Node]) -> str:
    """Return what the nodes that will run lack, and why it cannot be had; empty where the hub can be asked."""
    if not plan.offline:
        return ""
    names = list(dict.fromkeys(_absent(wanted)))
    return f"{plan.offline}; the local cache does not have {', '.join(names)}" if names else ""


def _absent(wanted: Iterable[Node]) -> Iterator[str]:
    encoders: set[tuple[str, str]] = set()
    sources: set[tuple[str, str | None, str]] = set()
    for node in wanted:
        inputs = node.inputs
        if isinstance(inputs, TokenizeInputs):
            location = inputs.location
            for part in (location,) if isinstance(location, Location) else location.parts:
                source = part.hub
                if source is None or (key := (source.path, str(source.config), source.split)) in sources:
                    continue
                sources.add(key)
                if not is_cached(source):
                    yield f"datasets/{source.path}@{source.revision[:12]}"
        elif isinstance(inputs, Encoding):
            name = (inputs.encoder.source, inputs.encoder.revision or "")
            if name not in encoders:
                encoders.add(name)
                if not _has_weights(inputs.encoder):
                    yield f"models/{name[0]}@{name[1][:12]}"


def _has_weights(encoder: EncoderRef) -> bool:
    """Return whether the weights of an encoder are here, or at least the list of their files."""
    commit = encoder.revision
    if Path(encoder.source).is_dir() or commit is None or COMMIT.match(commit) is None:
        return True
    return any(isinstance(cached_file(encoder.source, commit, name), Path) for name in (WEIGHTS, SHARDS))
