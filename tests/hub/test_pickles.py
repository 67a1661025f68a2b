"""Pickles are read as what they describe: equal to what torch reads, and anything but tensors is refused unopened."""

from __future__ import annotations

import collections
import os
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layover.errors import ModelError
from layover.hub import pickles

WEIGHTS = {"a.weight": torch.randn(3, 4), "a.bias": torch.randn(3), "one.row": torch.randn(1, 4)}


def saved(file: Path, value: object) -> Path:
    torch.save(value, file)
    return file


def packed(file: Path, program: bytes, **changes: bytes) -> Path:
    """Put a program into an archive that torch.save wrote, in the place of its own."""
    saved(file, WEIGHTS)
    with zipfile.ZipFile(file) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in records.items():
            own = name.partition("/")[2]
            archive.writestr(name, program if own == "data.pkl" else changes.get(own, content))
    return file


def program_of(file: Path) -> bytes:
    with zipfile.ZipFile(file) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


@pytest.mark.parametrize("count", [1, 3, 400])
def test_equals_what_torch_reads(tmp_path: Path, count: int) -> None:
    weights = {f"w{number}.{name}": value + number for number in range(count) for name, value in WEIGHTS.items()}
    file = saved(tmp_path / "x.bin", weights)
    expected = torch.load(file, weights_only=True)
    found = pickles.read(file)
    assert list(found) == list(expected)
    for name, (shape, numbers) in found.items():
        assert shape == tuple(expected[name].shape)
        assert numbers == expected[name].numpy().tobytes()


class Calls:
    """Pickles as a call of os.system that makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_a_call_is_named_and_never_made(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    file = saved(tmp_path / "x.bin", {**WEIGHTS, "b": Calls(marker)})
    with pytest.raises(ModelError, match=r"would call 'posix.system' when it is opened"):
        pickles.read(file)
    assert not marker.exists()
    torch.load(file, weights_only=False)  # the file does what the test says: elsewhere it would have run
    assert marker.exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_plain_pickle_is_no_archive(tmp_path: Path, protocol: int) -> None:
    marker, file = tmp_path / "ran", tmp_path / "x.bin"
    file.write_bytes(pickle.dumps(Calls(marker), protocol=protocol))
    with pytest.raises(ModelError, match="not an archive"):
        pickles.read(file)
    assert not marker.exists()


def test_a_pickle_before_an_archive_is_a_pickle_to_torch(tmp_path: Path) -> None:
    """zipfile reads from the end, torch looks at the beginning: the file must be the archive from its first byte."""
    file = saved(tmp_path / "x.bin", WEIGHTS)
    file.write_bytes(pickle.dumps(Calls(tmp_path / "ran")) + file.read_bytes())
    assert zipfile.is_zipfile(file)
    with pytest.raises(ModelError, match="not an archive"):
        pickles.read(file)


def test_two_ends(tmp_path: Path) -> None:
    file = saved(tmp_path / "x.bin", WEIGHTS)
    file.write_bytes(file.read_bytes() + saved(tmp_path / "y.bin", WEIGHTS).read_bytes())
    with pytest.raises(ModelError, match="not an archive"):
        pickles.read(file)


def test_a_large_end_elsewhere(tmp_path: Path) -> None:
    file = saved(tmp_path / "x.bin", WEIGHTS)
    content = bytearray(file.read_bytes())
    assert content[-42:-38] == b"PK\x06\x07"
    content[-34] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match="not an archive"):
        pickles.read(file)


OTHERS: dict[str, object] = {
    "a list": [torch.ones(2)],
    "a tensor": torch.ones(2),
    "an ordered dictionary": collections.OrderedDict(a=torch.ones(2)),
    "a number": {"a": 3},
    "a name that is a number": {3: torch.ones(2)},
    "whole numbers": {"a": torch.ones(2, dtype=torch.int64)},
    "half numbers": {"a": torch.ones(2, dtype=torch.float16)},
    "a part of a tensor": {"a": torch.ones(4)[1:3]},
    "a turned tensor": {"a": torch.ones(2, 3).t()},
    "with a gradient": {"a": torch.ones(2, requires_grad=True)},
    "three dimensions": {"a": torch.ones(2, 3, 4)},
    "one storage twice": {"a": torch.ones(4), "b": torch.ones(4)},
    "a parameter": {"a": torch.nn.Parameter(torch.ones(2))},
}


@pytest.mark.parametrize("what", OTHERS)
def test_nothing_but_a_dictionary_of_whole_float32_tensors(tmp_path: Path, what: str) -> None:
    value = OTHERS[what]
    if what == "one storage twice":
        assert isinstance(value, dict)
        value["b"] = value["a"]
    with pytest.raises(ModelError):
        pickles.read(saved(tmp_path / "x.bin", value))


def test_the_archive_has_its_records_and_no_other(tmp_path: Path) -> None:
    program = program_of(saved(tmp_path / "x.bin", WEIGHTS))
    assert pickles.read(packed(tmp_path / "good.bin", program)).keys() == WEIGHTS.keys()
    with pytest.raises(ModelError, match="byte order"):
        pickles.read(packed(tmp_path / "big.bin", program, byteorder=b"big"))
    with pytest.raises(ModelError, match=r"numbers of a\.weight are not there"):
        pickles.read(packed(tmp_path / "short.bin", program, **{"data/0": b"1234"}))
    for name in ("good/constants.pkl", "good/code/evil.py", "other/data/7", "good/../x"):
        file = packed(tmp_path / "good.bin", program)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(name, b"x")
        with pytest.raises(ModelError):
            pickles.read(file)
    file = packed(tmp_path / "deflated.bin", program)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deflated/data/9", b"0" * 1000)
    with pytest.raises(ModelError, match=r"no record of torch\.save"):
        pickles.read(file)


@pytest.mark.parametrize(
    "program",
    [
        b"",
        b".",
        b"}.",
        b"}}.",
        b"(.",
        b"\x80\x02}(.",
        b"t.",
        b"0.",
        b"\x80\x02}X\x01\x00\x00\x00a}s.",
        b"\x80\x02cos\nsystem\n.",
        b"\x80\x02}(u.trailing",
        b"cbuiltins\neval\n(X\x01\x00\x00\x001tR.",
        b"c__builtin__\neval\n(X\x01\x00\x00\x001tR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x02(ios\nsystem\n.",
        b"(" * 200_000 + b"t" * 200_000 + b".",
        b")" * 200_000 + b"(t" * 200_000 + b".",
        b")" + b"2" * 1000 + b"\x86" * 500 + b".",
    ],
)
def test_programs_by_hand(tmp_path: Path, program: bytes) -> None:
    with pytest.raises(ModelError):
        pickles.read(packed(tmp_path / "x.bin", program))


def test_opcodes_that_are_not_known_are_all_but_a_few() -> None:
    known = set(pickles._Walk("x").steps) | {"STOP"}
    assert known < {one.name for one in pickletools.opcodes}
    assert not known & {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD", "STACK_GLOBAL", "EXT1", "PERSID", "DUP"}


@settings(max_examples=150)
@given(data=st.data())
def test_damage_gives_the_same_tensors_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = saved(tmp_path_factory.getbasetemp() / "fuzzed.bin", WEIGHTS)
    good, content = pickles.read(file), bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(len(content) - 3, len(content)))])
    try:
        found = pickles.read(file)
    except ModelError:
        return
    # numbers are held by the checksums of the archive; names and shapes are compared with the safetensors by `verify`
    assert {numbers for _, numbers in found.values()} <= {numbers for _, numbers in good.values()}
