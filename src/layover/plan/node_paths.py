"""The paths that a node reads."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from layover.errors import LayoverError
from layover.plan.encoders import EncoderRef
from layover.plan.imports import ImportInputs
from layover.plan.inputs import TokenizeInputs


@runtime_checkable
class _WithEncoder(Protocol):
    """Inputs of a node that reads an encoder."""

    @property
    def encoder(self) -> EncoderRef: ...


def data_files(inputs: TokenizeInputs) -> list[Path]:
    """Return the files that a tokenized set is made of, in the order of its identity."""
    return [path for place in (inputs.location, *inputs.without) for path in place.files()]


def paths_of(inputs: Any) -> list[Path]:
    """Return every path that a node is handed, of files and folders.

    Args:
        inputs: Of the node.
    """
    found = data_files(inputs) if isinstance(inputs, TokenizeInputs) else []
    if isinstance(inputs, _WithEncoder):
        found.append(Path(inputs.encoder.source))  # what is no path but a name of the hub is not absolute
    if isinstance(inputs, ImportInputs):
        for name in inputs.files:
            with suppress(LayoverError):  # gone from the cache of the hub
                found.append(inputs.origin.place(name))
    return found
