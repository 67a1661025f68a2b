"""Files from strangers: JSON, safetensors and archives, read without trusting a byte of them.

No pickle is ever opened here, no path that a file names is followed, and nothing is read that was not checked first.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

MOST_JSON = 4 * 2**20
"""Bytes of a JSON file; a card of forty languages takes some thousands."""
MOST_HEADER = 16 * 2**20
"""Bytes of a safetensors header; a LoRA on every linear map of 24 layers takes 40,000."""
MOST_TENSORS = 4 * 2**30
"""Bytes of a safetensors file; XLM-R large as a whole takes 2.3 GB."""
BYTES: Mapping[str, int] = {"F32": 4, "F16": 2, "BF16": 2}
"""The types of weights that are taken, as safetensors calls them."""
_NAME = re.compile(r"[\w.\-]{1,256}", re.ASCII)
_DIGITS = 4300
"""Longest number in JSON text; Python refuses longer ones by itself in other words."""


@dataclass(frozen=True)
class Entry:
    """A tensor of a file, as its header tells."""

    dtype: str
    shape: tuple[int, ...]


def plain_file(path: Path) -> Path:
    """Return a path that is an ordinary file, no link to one.

    Raises:
        ModelError: it is not there, or is something else.
    """
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None
    if not stat.S_ISREG(mode):
        raise ModelError(f"{path}: a link or no ordinary file; it is not followed")
    return path


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        ModelError: it is too large, is not JSON, holds a key twice, NaN or infinity, or is no object.
    """
    size = plain_file(path).stat().st_size
    if size > MOST_JSON:
        raise ModelError(f"{path}: {size} bytes of JSON; at most {MOST_JSON} are read")
    return parse_json(path.read_bytes(), str(path))


def parse_json(text: bytes, where: str) -> dict[str, Any]:
    """Return the object that some bytes are; see `read_json`."""
    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where}: not plain JSON ({error or 'nested too deeply'})") from None
    if not isinstance(found, dict):
        raise ModelError(f"{where}: JSON, but no object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def header(path: Path) -> dict[str, Entry]:
    """Return what tensors a safetensors file holds, after checking that it is one to the last byte.

    Raises:
        ModelError: says what is wrong with it.
    """
    size = plain_file(path).stat().st_size
    if size > MOST_TENSORS:
        raise ModelError(f"{path}: {size} bytes; at most {MOST_TENSORS} are read")
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(MOST_HEADER, size - 8):
            raise ModelError(f"{path}: not a safetensors file: its header claims {length} bytes of the file's {size}")
        values = parse_json(stream.read(length), f"{path}: header")
    metadata = values.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError(f"{path}: header: its __metadata__ are no texts")
    places = {}
    for name, value in values.items():
        if _NAME.fullmatch(name) is None:
            raise ModelError(f"{path}: {name[:80]!r} is no name of a weight")
        places[name] = _entry(value, f"{path}: {name}")
    end = 0
    for begin, until in sorted(place for _, place in places.values()):
        if begin != end:
            raise ModelError(f"{path}: its tensors overlap, or leave gaps, at byte {min(begin, end)}")
        end = until
    if end != size - 8 - length:
        raise ModelError(f"{path}: {size - 8 - length} bytes of tensors, but its header tells of {end}")
    return {name: entry for name, (entry, _) in places.items()}


def _entry(value: Any, where: str) -> tuple[Entry, tuple[int, int]]:
    """Return a tensor's entry and its place."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise ModelError(f"{where}: an entry has a dtype, a shape and data_offsets, and nothing else")
    dtype, shape, place = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise ModelError(f"{where}: weights are {', '.join(BYTES)}, not {str(dtype)[:40]!r}")
    for numbers in (shape, place):
        if not isinstance(numbers, list) or not all(type(number) is int and number >= 0 for number in numbers):
            raise ModelError(f"{where}: its shape and offsets are lists of numbers from 0 on")
    if len(place) != 2 or not 1 <= len(shape) <= 2 or 0 in shape:
        raise ModelError(f"{where}: a weight has one or two dimensions and two offsets, not {shape} and {place}")
    if place[1] - place[0] != prod(shape) * BYTES[dtype]:
        raise ModelError(f"{where}: {place[1] - place[0]} bytes for the shape {shape} in {dtype}")
    return Entry(dtype, tuple(shape)), (place[0], place[1])


def tensors(path: Path) -> dict[str, Tensor]:
    """Return all tensors of a safetensors file in float32, each checked to be finite.

    Raises:
        ModelError: see `header`; or a weight is NaN or infinite.
    """
    from safetensors.torch import load_file

    header(path)
    found = {name: value.float() for name, value in load_file(path).items()}
    for name, value in found.items():
        if not bool(value.isfinite().all()):
            raise ModelError(f"{path}: {name}: holds NaN or infinity")
    return found
