"""Models and data sets of the hub that a plan needs and the local cache lacks, while the hub cannot be reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path

from layover.data.hub_copies import is_cached
from layover.data.task import HubSource, Location
from layover.files.checkpoints import SHARDS, WEIGHTS
from layover.files.hub_cache import COMMIT, cached_file
from layover.plan.nodes import Node, Plan
from layover.specs import EncoderSpec, StepSpec
from layover.specs.tokenize import TokenizeSpec


def lacks(plan: Plan, wanted: Iterable[Node[StepSpec]]) -> str:
    """Return which files of the hub the nodes that will run lack, and why; empty if the hub can be reached."""
    if not plan.offline:
        return ""
    names = list(dict.fromkeys(_absent(wanted)))
    return f"{plan.offline}; the local cache does not have {', '.join(names)}" if names else ""


@dataclass(frozen=True)
class _HubPart:
    """A model or a data set of the hub that a step reads."""

    name: str
    source: HubSource | None
    """None for an encoder."""
    encoder: EncoderSpec = EncoderSpec()

    def is_here(self) -> bool:
        return is_cached(self.source) if self.source is not None else _has_weights(self.encoder)


def _absent(wanted: Iterable[Node[StepSpec]]) -> Iterator[str]:
    seen: set[tuple[str, ...]] = set()
    for node in wanted:
        for part in _read(node.spec):
            source = part.source
            identity = (part.name, *(() if source is None else (str(source.config), source.split)))
            if identity not in seen and not part.is_here():
                yield part.name
            seen.add(identity)


@singledispatch
def _read(spec: StepSpec) -> Iterator[_HubPart]:
    """Yield the models and data sets of the hub that a step reads: an encoder that it runs, data that it encodes."""
    encoder = spec.read_encoder()
    if spec.encodes and encoder is not None:
        yield _HubPart(f"models/{encoder.source}@{(encoder.revision or '')[:12]}", None, encoder)


@_read.register
def _(spec: TokenizeSpec) -> Iterator[_HubPart]:
    location = spec.location
    for part in (location,) if isinstance(location, Location) else location.parts:
        if part.hub is not None:
            yield _HubPart(f"datasets/{part.hub.path}@{part.hub.revision[:12]}", part.hub)


def _has_weights(encoder: EncoderSpec) -> bool:
    """Return whether the local cache has the weights of an encoder, or at least the list of their files."""
    commit = encoder.revision
    if Path(encoder.source).is_dir() or commit is None or COMMIT.match(commit) is None:
        return True
    return any(isinstance(cached_file(encoder.source, commit, name), Path) for name in (WEIGHTS, SHARDS))
