"""The pickles that torch.save writes, read without unpickling: which tensors they hold, byte by byte.

The loader of adapters asks for a pickle unless it is told otherwise, so a package has one beside the safetensors. No
program in it is ever run: its opcodes are walked over, only those that name tensors are known, and anything else is
refused. Source: `torch.save` of torch 2.9 to 2.13 (a zip archive, protocol 2).
"""

from __future__ import annotations

import pickletools
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from layover.errors import ModelError, printable
from layover.files.safe import plain_file

MOST_PROGRAM = 8 * 2**20
"""Bytes of the opcodes; a LoRA on every linear map of 24 layers takes 60,000."""
_RECORD = re.compile(
    r"(\w[\w.-]*)/(data\.pkl|byteorder|version|\.format_version|\.storage_alignment|\.data/serialization_id|data/\d+)",
    re.ASCII,
)
_LOCAL, _END, _LARGE_END, _LOCATOR = b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
ORDERED, TENSOR, FLOATS = "collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch FloatStorage"
GLOBALS = (ORDERED, TENSOR, FLOATS)
"""All that a pickle of float32 tensors names."""

Saved = tuple[tuple[int, ...], bytes]
"""The shape of a tensor, and its float32 numbers, little-endian."""


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass(frozen=True)
class _Storage:
    key: str
    numbers: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    shape: tuple[int, ...]


def read(file: Path) -> dict[str, Saved]:
    """Return the tensors in a file of torch.save, by name; nothing of it is run.

    Raises:
        ModelError: it is something else than a dictionary of whole float32 tensors.
    """
    records = _records(plain_file(file))
    described = _Walk(str(file)).over(records["data.pkl"])
    found: dict[str, Saved] = {}
    for name, tensor in described.items():
        values = records.get(f"data/{tensor.storage.key}")
        if values is None or len(values) != 4 * tensor.storage.numbers:
            raise ModelError(f"{file}: the numbers of {printable(name[:120])} are not there")
        found[name] = tensor.shape, values
    keys = {f"data/{tensor.storage.key}" for tensor in described.values()}
    if len(keys) < len(found) or keys != {name for name in records if name.startswith("data/")}:
        raise ModelError(f"{file}: holds numbers that belong to no tensor, or to several")
    return found


def _records(file: Path) -> dict[str, bytes]:
    """Return the records of the archive, as torch reads them, without the name of the archive before each."""
    data = file.read_bytes()
    if not _one_archive(data):
        raise ModelError(f"{file}: not an archive as torch.save writes it")
    found: dict[str, bytes] = {}
    folders = set()
    try:
        with ZipFile(file) as archive:
            infos = archive.infolist()
            for info in infos:
                name = _RECORD.fullmatch(info.orig_filename)
                plain = info.compress_type == ZIP_STORED and not info.flag_bits & 1
                if name is None or not plain or name[2] in found:
                    raise ModelError(f"{file}: {printable(info.orig_filename[:80])!r} is no record of torch.save")
                if info.file_size > len(data):
                    raise ModelError(f"{file}: {name[2]} claims more bytes than the file has")
                folders.add(name[1])
                found[name[2]] = archive.read(info)
    except (BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError, struct.error) as error:
        raise ModelError(f"{file}: not an archive as torch.save writes it ({printable(str(error))[:120]})") from None
    if len(folders) != 1 or min(info.header_offset for info in infos) != 0:
        raise ModelError(f"{file}: not an archive as torch.save writes it")
    if found.get("byteorder") != b"little" or len(found.get("data.pkl", b"")) not in range(1, MOST_PROGRAM):
        raise ModelError(f"{file}: has no data.pkl, or one that is too large, or not the byte order of this machine")
    return found


def _one_archive(data: bytes) -> bool:
    """Return whether these bytes are one archive to every reader, torch's and Python's.

    torch takes a file that begins otherwise for a plain pickle, whatever archive follows; and where there are several
    ends, or an end that names another, readers differ in which they believe.
    """
    if not data.startswith(_LOCAL) or data[-22:-18] != _END or data[-2:] != b"\0\0":
        return False
    place = len(data) - 98
    return data[-42:-38] != _LOCATOR or (
        data[place : place + 4] == _LARGE_END and data[-34:-26] == place.to_bytes(8, "little")
    )


class _Walk:
    """A walk over opcodes that keeps what tensors they describe.

    Args:
        where: The file, for messages.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.steps: Mapping[str, Callable[[Any], None]] = {
            "PROTO": lambda _: None,
            "EMPTY_DICT": lambda _: self.stack.append({}),
            "EMPTY_TUPLE": lambda _: self.stack.append(()),
            "MARK": lambda _: self.marks.append(len(self.stack)),
            "NEWFALSE": lambda _: self.stack.append(False),
            "BINUNICODE": self.stack.append,
            "BININT": self.stack.append,
            "BININT1": self.stack.append,
            "BININT2": self.stack.append,
            "GLOBAL": self._global,
            "BINPUT": self._put,
            "LONG_BINPUT": self._put,
            "BINGET": self._get,
            "LONG_BINGET": self._get,
            "TUPLE": lambda _: self.stack.append(tuple(self._after_mark())),
            "TUPLE1": lambda _: self.stack.append(tuple(self._popped(1))),
            "TUPLE2": lambda _: self.stack.append(tuple(self._popped(2))),
            "TUPLE3": lambda _: self.stack.append(tuple(self._popped(3))),
            "REDUCE": self._reduce,
            "BINPERSID": self._storage,
            "SETITEM": lambda _: self._set(self._popped(2)),
            "SETITEMS": lambda _: self._set(self._after_mark()),
        }

    def over(self, program: bytes) -> dict[str, _Tensor]:
        """Return the tensors that a pickle describes, by name.

        Raises:
            ModelError: it has an opcode, or names a thing, that tensors do not need.
        """
        try:
            for opcode, argument, place in pickletools.genops(program):
                if opcode.name == "STOP":
                    return self._end(complete=place == len(program) - 1)
                if opcode.name not in self.steps:
                    raise ModelError(f"{self.where}: the opcode {opcode.name}, which no tensor needs; it is not run")
                self.steps[opcode.name](argument)
        except (ValueError, IndexError, KeyError, TypeError, struct.error) as error:
            raise ModelError(f"{self.where}: no pickle of tensors ({printable(str(error))[:120]})") from None
        raise ModelError(f"{self.where}: no pickle of tensors (it does not end)")

    def _end(self, *, complete: bool) -> dict[str, _Tensor]:
        if not complete or self.marks or len(self.stack) != 1 or not isinstance(self.stack[0], dict):
            raise ModelError(f"{self.where}: no pickle of one dictionary")
        found: dict[str, _Tensor] = self.stack[0]
        return found

    def _global(self, name: str) -> None:
        if name not in GLOBALS:
            raise ModelError(
                f"{self.where}: would call {printable(name[:80]).replace(' ', '.')!r} when it is opened; a pickle of "
                "tensors calls no such thing. It is not opened"
            )
        self.stack.append(_Global(name))

    def _put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def _get(self, place: int) -> None:
        self.stack.append(self.memo[place])

    def _popped(self, count: int) -> list[Any]:
        if len(self.stack) - count < (self.marks[-1] if self.marks else 0):
            raise ValueError("its stack is empty")
        found = self.stack[-count:]
        del self.stack[-count:]
        return found

    def _after_mark(self) -> list[Any]:
        place = self.marks.pop()
        found = self.stack[place:]
        del self.stack[place:]
        return found

    def _storage(self, _: Any) -> None:
        (value,) = self._popped(1)
        kind, of, key, device, numbers = value
        if (kind, of, device) != ("storage", _Global(FLOATS), "cpu"):
            raise ValueError("a storage of something else than float32 numbers in memory")
        if type(key) is not str or type(numbers) is not int:
            raise ValueError("a storage without name or size")
        self.stack.append(_Storage(key, numbers))

    def _reduce(self, _: Any) -> None:
        called, arguments = self._popped(2)
        if called == _Global(ORDERED) and arguments == ():
            self.stack.append(called)  # hooks of a tensor: none
            return
        storage, offset, shape, stride, gradient, hooks = arguments
        if called != _Global(TENSOR) or not isinstance(storage, _Storage):
            raise ValueError("calls something with what it does not take")
        if offset != 0 or gradient is not False or hooks != _Global(ORDERED) or not _whole(storage, shape, stride):
            raise ValueError("a tensor that is a part of another, or that has hooks")
        self.stack.append(_Tensor(storage, shape))

    def _set(self, items: list[Any]) -> None:
        found, names, values = self.stack[-1], items[::2], items[1::2]
        if not isinstance(found, dict) or len(names) != len(values):
            raise ValueError("items of no dictionary")
        for name, value in zip(names, values, strict=True):
            if type(name) is not str or not isinstance(value, _Tensor) or name in found:
                raise ValueError("something else than tensors, each with a name of its own")
            found[name] = value


def _whole(storage: _Storage, shape: Any, stride: Any) -> bool:
    """Return whether a tensor is all of a storage, row by row."""
    if not _sizes(shape) or not _sizes(stride) or len(shape) != len(stride):
        return False
    rows = [prod(shape[place + 1 :]) for place in range(len(shape))]
    laid = all(one == other or size == 1 for one, other, size in zip(stride, rows, shape, strict=True))
    return laid and prod(shape) == storage.numbers


def _sizes(numbers: Any) -> bool:
    return type(numbers) is tuple and len(numbers) <= 2 and all(type(one) is int and one >= 0 for one in numbers)
