"""Files from strangers: JSON and safetensors, read without trusting a byte of them.

No pickle is ever opened here, no path that a file names is followed, and nothing is read that was not checked first. A
file is opened once and held to be ordinary while it is open, so that nobody can put another in its place in between;
what is read of it is bounded before it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.errors import ModelError, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

MOST_JSON = 4 * 2**20
"""Bytes of a JSON file; a card of forty languages takes some thousands."""
MOST_HEADER = 2 * 2**20
"""Bytes of a safetensors header; a DoRA on every linear map of 24 layers takes 80,000."""
MOST_TENSORS = 4 * 2**30
"""Bytes of a safetensors file; XLM-R large as a whole takes 2.3 GB."""
DEEPEST = 32
"""Objects and lists inside each other; a config has three."""
LONGEST_NUMBER = 1000
"""Characters of a number; Python reads 4,300 digits at most, and says so in other words."""
BYTES: Mapping[str, int] = {"F32": 4, "F16": 2, "BF16": 2}
"""The types of weights that are taken, as safetensors calls them."""
_NAME = re.compile(r"[\w\-]{1,256}(?:\.[\w\-]{1,256}){0,30}", re.ASCII)
_LONGEST_NAME = 400
if sys.platform == "win32":
    _PLAINLY = os.O_BINARY
else:  # a link is not followed, and a pipe that nobody writes into is not waited for
    _PLAINLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Entry:
    """A tensor of a file, as its header tells."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    """Bytes from the beginning of the file."""
    size: int
    """Bytes."""


def is_there(path: Path) -> bool:
    """Return whether a path is anything at all, be it a link into nothing.

    Raises:
        ModelError: the system does not say.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None
    return True


def plain_file(path: Path) -> Path:
    """Return a path that is an ordinary file, no link to one.

    Raises:
        ModelError: it is not there, or is something else.
    """
    if not is_there(path):
        raise ModelError(f"{path}: is missing")
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ModelError(f"{path}: a link or no ordinary file; it is not followed")
    return path


@contextmanager
def opened(path: Path, most: int) -> Iterator[tuple[BufferedReader, int]]:
    """Open an ordinary file to read; give the stream, and how many bytes the file has.

    Args:
        path: No link, no folder, no pipe.
        most: Bytes that it may have.

    Raises:
        ModelError: it is not there, is something else, is too large, or cannot be read.
    """
    try:
        with os.fdopen(os.open(plain_file(path), os.O_RDONLY | _PLAINLY), "rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ModelError(f"{path}: a link or no ordinary file; it is not followed")
            if found.st_size > most:
                raise ModelError(f"{path}: {found.st_size} bytes; at most {most} are read")
            yield stream, found.st_size
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None


def sha256(path: Path, most: int = MOST_TENSORS) -> str:
    """Return the SHA-256 of an ordinary file; see `opened`."""
    with opened(path, most) as (stream, _):
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        ModelError: it is too large, is not JSON, holds a key twice, NaN or infinity, is nested too deeply, or is no
            object.
    """
    with opened(path, MOST_JSON) as (stream, size):
        text = stream.read(size)
    return parse_json(text, str(path))


def parse_json(text: bytes, where: str) -> dict[str, Any]:
    """Return the object that some bytes are; see `read_json`."""
    try:
        found = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except RecursionError:
        raise ModelError(f"{where}: not plain JSON (nested too deeply)") from None
    except ValueError as error:
        raise ModelError(f"{where}: not plain JSON ({error})") from None
    if not isinstance(found, dict):
        raise ModelError(f"{where}: JSON, but no object")
    _shallow(found, where)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {shown(name)} stands twice")
            seen.add(name)
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number) or len(text) > LONGEST_NUMBER:
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"{text[:20]}... is too large a number")
    return int(text)


def _shallow(value: object, where: str) -> None:
    """Refuse what is nested too deeply for others to walk through, who count on Python's stack."""
    level: list[object] = [value]
    for _ in range(DEEPEST):
        inside: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inside += [item for item in one.values() if isinstance(item, (dict, list))]
            elif isinstance(one, list):
                inside += [item for item in one if isinstance(item, (dict, list))]
        if not inside:
            return
        level = inside
    raise ModelError(f"{where}: not plain JSON (nested too deeply)")


def header(path: Path) -> dict[str, Entry]:
    """Return what tensors a safetensors file holds, after checking that it is one to the last byte.

    Raises:
        ModelError: says what is wrong with it.
    """
    with opened(path, MOST_TENSORS) as (stream, size):
        return _header(stream, size, path)


def _header(stream: BufferedReader, size: int, path: Path) -> dict[str, Entry]:
    length = int.from_bytes(stream.read(8), "little")
    if not 2 <= length <= size - 8:
        raise ModelError(f"{path}: not a safetensors file: its header claims {length} bytes of the file's {size}")
    if length > MOST_HEADER:
        raise ModelError(f"{path}: a header of {length} bytes; at most {MOST_HEADER} are read")
    text = stream.read(length)
    if not text.startswith(b"{"):
        raise ModelError(f"{path}: not a safetensors file: its header is no JSON")
    values = parse_json(text, f"{path}: header")
    metadata = values.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError(f"{path}: header: its __metadata__ are no texts")
    found = {}
    for name, value in values.items():
        if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
            raise ModelError(f"{path}: {shown(name)} is no name of a weight")
        found[name] = _entry(value, 8 + length, f"{path}: {name}")
    end = 8 + length
    for one in sorted(found.values(), key=lambda entry: (entry.begin, entry.size)):
        if one.begin != end:
            raise ModelError(f"{path}: its tensors overlap, or leave gaps, at byte {min(one.begin, end)}")
        end += one.size
    if end != size:
        raise ModelError(f"{path}: {size} bytes, but its header tells of {end}: it was not copied whole")
    return found


def _entry(value: Any, before: int, where: str) -> Entry:
    """Return a tensor's entry; `before` are the bytes of the file before all tensors."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise ModelError(f"{where}: an entry has a dtype, a shape and data_offsets, and nothing else")
    dtype, shape, place = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise ModelError(f"{where}: weights are {', '.join(BYTES)}, not {shown(dtype)}")
    for numbers in (shape, place):
        if not isinstance(numbers, list) or len(numbers) > 2 or not all(map(_is_count, numbers)):
            raise ModelError(f"{where}: its shape and offsets are one or two whole numbers, not {shown(numbers)}")
    if len(place) != 2 or not shape or 0 in shape:
        raise ModelError(
            f"{where}: a weight has one or two dimensions and two offsets, not {shown(shape)} and {shown(place)}"
        )
    needed = BYTES[dtype]
    for count in shape:
        needed *= count
    if place[1] - place[0] != needed:
        raise ModelError(f"{where}: its place {shown(place)} is none for the shape {shown(shape)} in {dtype}")
    return Entry(dtype, tuple(shape), before + place[0], needed)


def _is_count(number: object) -> bool:
    return type(number) is int and 0 <= number < 2**48


def tensors(path: Path, names: Collection[str] | None = None) -> dict[str, Tensor]:
    """Return tensors of a safetensors file in float32, each checked to be finite.

    Args:
        path: The file.
        names: Which; None for all.

    Raises:
        ModelError: see `header`; or one of the names is not there, or a weight is NaN or infinite.
    """
    return dict(each_tensor(path, names))


def each_tensor(path: Path, names: Collection[str] | None = None) -> Iterator[tuple[str, Tensor]]:
    """Yield name and value of tensors one after another, so that one is in memory at a time; see `tensors`."""
    import torch

    for name, values in each_array(path, names):
        yield name, torch.from_numpy(values)


def each_array(path: Path, names: Collection[str] | None = None) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the same as `each_tensor`, as numpy arrays, without torch."""
    import numpy as np

    with opened(path, MOST_TENSORS) as (stream, size):
        entries = _header(stream, size, path)
        for name in entries if names is None else names:
            if name not in entries:
                raise ModelError(f"{path}: {name}: is missing")
            entry = entries[name]
            raw = bytearray(entry.size)
            stream.seek(entry.begin)
            if stream.readinto(raw) != entry.size:
                raise ModelError(f"{path}: {name}: the file ends before it")
            # the bytes are little-endian on every machine
            if entry.dtype == "BF16":
                values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                values = np.frombuffer(raw, f"<f{BYTES[entry.dtype]}").astype(np.float32, copy=False)
            if not np.isfinite(values).all():
                raise ModelError(f"{path}: {name}: holds NaN or infinity")
            yield name, values.reshape(entry.shape)
