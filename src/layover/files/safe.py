"""Untrusted files: JSON and safetensors, read without trusting a byte of them.

No pickle is opened here, no path in a file is followed, and everything is checked before it is read. A file is opened
once and checked to be ordinary while it is open, so that it cannot be replaced in between. Every read has a limit.
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
"""Bytes of a JSON file; a card of 40 languages takes some thousands."""
MOST_HEADER = 2 * 2**20
"""Bytes of a safetensors header; a DoRA on every linear map of 24 layers takes 80,000."""
MOST_TENSORS = 4 * 2**30
"""Bytes of a safetensors file; the whole XLM-R large takes 2.3 GB."""
DEEPEST = 32
"""Levels of nested objects and lists; a config has three."""
LONGEST_NUMBER = 1000
"""Characters of a number; Python reads 4,300 digits at most, and its error has another text."""
BYTES: Mapping[str, int] = {"F32": 4, "F16": 2, "BF16": 2}
"""The accepted types of weights, by their names in safetensors."""
_NAME = re.compile(r"[\w\-]{1,256}(?:\.[\w\-]{1,256}){0,30}", re.ASCII)
_LONGEST_NAME = 400
if sys.platform == "win32":
    _PLAINLY = os.O_BINARY
else:  # do not follow a link, and do not wait for a pipe without a writer
    _PLAINLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Entry:
    """A tensor of a file, by its header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    """Bytes from the beginning of the file."""
    size: int
    """Bytes."""


def is_there(path: Path) -> bool:
    """Return whether a path exists, even as a broken link.

    Raises:
        ModelError: the system refuses to answer.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None
    return True


def plain_file(path: Path) -> Path:
    """Return a path after a check that it is an ordinary file and no link.

    Raises:
        ModelError: the file is missing, or is not an ordinary file.
    """
    if not is_there(path):
        raise ModelError(f"{path} is missing")
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ModelError(f"{path}: it is a link, or is not an ordinary file, and is not opened")
    return path


@contextmanager
def opened(path: Path, most: int) -> Iterator[tuple[BufferedReader, int]]:
    """Open an ordinary file for reading, and yield its stream and its number of bytes.

    Args:
        path: An ordinary file: no link, no folder, no pipe.
        most: The most bytes that it may have.

    Raises:
        ModelError: the file is missing, is not an ordinary file, is too large, or cannot be read.
    """
    try:
        with os.fdopen(os.open(plain_file(path), os.O_RDONLY | _PLAINLY), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"{path}: it is a link, or is not an ordinary file, and is not opened")
            if status.st_size > most:
                raise ModelError(f"{path}: the file has {status.st_size} bytes, but at most {most} are read")
            yield stream, status.st_size
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None


def sha256(path: Path, most: int = MOST_TENSORS) -> str:
    """Return the SHA-256 of an ordinary file; see `opened`."""
    with opened(path, most) as (stream, _):
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        ModelError: the file is too large, is not JSON, has a key twice, NaN or infinity, is nested too deeply, or is no
            object.
    """
    with opened(path, MOST_JSON) as (stream, size):
        text = stream.read(size)
    return parse_json(text, str(path))


def parse_json(text: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object in some bytes; see `read_json`."""
    try:
        values = json.loads(
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
    if not isinstance(values, dict):
        raise ModelError(f"{where}: the JSON is not an object")
    _shallow(values, where)
    return values


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {shown(name)} appears twice")
            seen.add(name)
    return values


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


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
    """Refuse values that are nested too deeply for recursive functions on Python's stack."""
    level: list[object] = [value]
    for _ in range(DEEPEST):
        inside: list[object] = []
        for outer in level:
            if isinstance(outer, dict):
                inside += [item for item in outer.values() if isinstance(item, (dict, list))]
            elif isinstance(outer, list):
                inside += [item for item in outer if isinstance(item, (dict, list))]
        if not inside:
            return
        level = inside
    raise ModelError(f"{where}: not plain JSON (nested too deeply)")


def header(path: Path) -> dict[str, Entry]:
    """Return the tensors in the header of a safetensors file, after a check of the file to the last byte.

    Raises:
        ModelError: the file is damaged, or has tensors that no module has.
    """
    with opened(path, MOST_TENSORS) as (stream, size):
        return _header(stream, size, path)


def _header(stream: BufferedReader, size: int, path: Path) -> dict[str, Entry]:
    length = int.from_bytes(stream.read(8), "little")
    if not 2 <= length <= size - 8:
        raise ModelError(f"{path}: not a safetensors file: its header claims {length} bytes of the file's {size}")
    if length > MOST_HEADER:
        raise ModelError(f"{path}: its header has {length} bytes, but at most {MOST_HEADER} are read")
    text = stream.read(length)
    if not text.startswith(b"{"):
        raise ModelError(f"{path}: not a safetensors file: its header is not JSON")
    values = parse_json(text, f"{path}: header")
    metadata = values.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError(f"{path}: header: its __metadata__ has a value that is not text")
    entries = {}
    for name, value in values.items():
        if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
            raise ModelError(f"{path}: {shown(name)} is not the name of a weight")
        entries[name] = _entry(value, 8 + length, f"{path}: {name}")
    end = 8 + length
    for entry in sorted(entries.values(), key=lambda entry: (entry.begin, entry.size)):
        if entry.begin != end:
            raise ModelError(f"{path}: its tensors overlap, or leave gaps, at byte {min(entry.begin, end)}")
        end += entry.size
    if end != size:
        raise ModelError(f"{path}: the file has {size} bytes, but its header needs {end}; copy the whole file again")
    return entries


def _entry(value: Any, before: int, where: str) -> Entry:
    """Return a tensor's entry; `before` is the number of bytes before all tensors."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise ModelError(f"{where}: its entry must have a dtype, a shape and data_offsets, and nothing else")
    dtype, shape, place = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise ModelError(f"{where}: its dtype is {shown(dtype)}, but must be one of {', '.join(BYTES)}")
    for numbers in (shape, place):
        if not isinstance(numbers, list) or len(numbers) > 2 or not all(map(_is_count, numbers)):
            raise ModelError(f"{where}: its shape and offsets must be one or two whole numbers, not {shown(numbers)}")
    if len(place) != 2 or not shape or 0 in shape:
        raise ModelError(
            f"{where}: a weight must have one or two dimensions and two offsets, not {shown(shape)} and {shown(place)}"
        )
    needed = BYTES[dtype]
    for count in shape:
        needed *= count
    if place[1] - place[0] != needed:
        raise ModelError(f"{where}: its offsets {shown(place)} do not fit the shape {shown(shape)} in {dtype}")
    return Entry(dtype, tuple(shape), before + place[0], needed)


def _is_count(number: object) -> bool:
    return type(number) is int and 0 <= number < 2**48


def tensors(path: Path, names: Collection[str] | None = None) -> dict[str, Tensor]:
    """Return tensors of a safetensors file in float32, each checked to be finite.

    Args:
        path: The file.
        names: The names of the tensors; None for all.

    Raises:
        ModelError: see `header`; or a name is missing, or a weight is NaN or infinite.
    """
    return dict(each_tensor(path, names))


def each_tensor(path: Path, names: Collection[str] | None = None) -> Iterator[tuple[str, Tensor]]:
    """Yield name and value of each tensor, so that only one tensor is in memory at a time; see `tensors`."""
    import torch

    for name, values in each_array(path, names):
        yield name, torch.from_numpy(values)


def each_array(path: Path, names: Collection[str] | None = None) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the same values as `each_tensor`, as numpy arrays, without torch."""
    import numpy as np

    with opened(path, MOST_TENSORS) as (stream, size):
        entries = _header(stream, size, path)
        for name in entries if names is None else names:
            if name not in entries:
                raise ModelError(f"{path}: {name} is missing")
            entry = entries[name]
            raw = bytearray(entry.size)
            stream.seek(entry.begin)
            if stream.readinto(raw) != entry.size:
                raise ModelError(f"{path}: {name}: the file ends before the end of this weight")
            # the bytes are little-endian on every machine
            if entry.dtype == "BF16":
                values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                values = np.frombuffer(raw, f"<f{BYTES[entry.dtype]}").astype(np.float32, copy=False)
            if not np.isfinite(values).all():
                raise ModelError(f"{path}: {name} holds NaN or infinity")
            yield name, values.reshape(entry.shape)
