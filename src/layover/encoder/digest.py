"""What an encoder is known by: a hash that is equal for every copy of its weights, in whichever files."""

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
    """Return the SHA-256 of an encoder's weights, read from its checkpoint one at a time.

    Names as the bare encoder of transformers has them; pooler, head and buffers do not count. A checkpoint in float16
    or bfloat16 has the fingerprint of the same numbers in float32.

    Args:
        source: Hub id or directory.
        revision: Of the hub.

    Raises:
        ModelError: there are no safetensors weights.
    """
    places = _places(source, revision)

    def read() -> Iterator[tuple[str, Tensor]]:
        for own in sorted(places):
            file, name = places[own]
            with safe_open(file, framework="pt") as stream:
                yield own, stream.get_tensor(name)

    return of_named(read())


def count_of(source: str, revision: str | None) -> int:
    """Return how many weights an encoder has, those that `of_encoder` counts; reads the headers of its files only.

    Raises:
        ModelError: see `of_encoder`.
    """
    total = 0
    for file, name in _places(source, revision).values():
        with safe_open(file, framework="pt") as stream:
            total += prod(stream.get_slice(name).get_shape())
    return total


def _places(source: str, revision: str | None) -> dict[str, tuple[Path, str]]:
    """Return the file of each weight of an encoder, and its name there, by the bare encoder's name for it."""
    places: dict[str, tuple[Path, str]] = {}
    for file in weight_files(source, revision):
        with safe_open(file, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118 - it is no mapping
                found = _ENCODER.fullmatch(name)
                if found is None or found[1] in _BUFFERS:
                    continue
                own = found[1]
                for old, new in OLD_NAMES.items():
                    own = own.replace(old, new)
                places[own] = (file, name)
    if not places:
        raise ModelError(f"{source}: no weight of an encoder in its checkpoint")
    return places
