"""The fingerprint of an encoder: a hash that is equal for all copies of its weights, in any files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from layover.encoder.files import weight_files
from layover.encoder.loading import OLD_NAMES
from layover.errors import ModelError
from layover.packages.fingerprint import of_named

_ENCODER = re.compile(r"(?:(?:roberta|bert)\.)?(encoder\.layer\.\d+\..+|embeddings\..+)")
_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")


def of_encoder(source: str, revision: str | None) -> str:
    """Return the SHA-256 of an encoder's weights, read from its checkpoint one tensor at a time.

    The names are those of the bare encoder in transformers; pooler, head and buffers do not count. A checkpoint in
    float16 or bfloat16 has the fingerprint of the same numbers in float32.

    Args:
        source: Hub id or directory.
        revision: The revision on the hub.

    Raises:
        ModelError: the checkpoint has no safetensors weights.
    """
    places = _places(source, revision)

    def read() -> Iterator[tuple[str, Tensor]]:
        for own in sorted(places):
            file, name = places[own]
            with safe_open(file, framework="pt") as stream:
                yield own, stream.get_tensor(name)

    return of_named(read())


def count_of(source: str, revision: str | None) -> int:
    """Return the number of weights that `of_encoder` hashes; reads only the headers of the files.

    Raises:
        ModelError: see `of_encoder`.
    """
    total = 0
    for file, name in _places(source, revision).values():
        with safe_open(file, framework="pt") as stream:
            total += prod(stream.get_slice(name).get_shape())
    return total


def _places(source: str, revision: str | None) -> dict[str, tuple[Path, str]]:
    """Return the name of a weight in the bare encoder -> its file and its name there."""
    places: dict[str, tuple[Path, str]] = {}
    for file in weight_files(source, revision):
        with safe_open(file, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118 - safe_open is not a mapping
                match = _ENCODER.fullmatch(name)
                if match is None or match[1] in _BUFFERS:
                    continue
                own = match[1]
                for old, new in OLD_NAMES.items():
                    own = own.replace(old, new)
                places[own] = (file, name)
    if not places:
        raise ModelError(f"{source}: the checkpoint has no weights of an encoder")
    return places
