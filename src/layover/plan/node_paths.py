"""The paths that a node reads."""

from __future__ import annotations

from contextlib import suppress
from functools import singledispatch
from pathlib import Path

from layover.errors import LayoverError
from layover.specs import StepSpec
from layover.specs.import_ import ImportSpec
from layover.specs.tokenize import TokenizeSpec


def data_files(spec: TokenizeSpec) -> list[Path]:
    """Return the files of a tokenized set, in the order of its canonical form."""
    return [path for place in spec.places for path in place.files()]


def paths_of(spec: StepSpec) -> list[Path]:
    """Return the paths of all files and folders that a step reads outside the store."""
    encoder = spec.read_encoder()
    # a name of the hub is a relative path
    return _files_of(spec) + ([] if encoder is None else [Path(encoder.source)])


@singledispatch
def _files_of(spec: StepSpec) -> list[Path]:  # noqa: ARG001
    return []


_files_of.register(data_files)


@_files_of.register
def _(spec: ImportSpec) -> list[Path]:
    _, origin = spec.located()
    files = []
    for name in spec.files:
        with suppress(LayoverError):  # removed from the cache of the hub
            files.append(origin.place(name))
    return files
