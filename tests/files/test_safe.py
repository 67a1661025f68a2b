"""Files from strangers: what is wrong with one is told in one sentence, and nothing of it is trusted before."""

from __future__ import annotations

import json
import os
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.quick import assert_quick, quick

from layover.errors import ModelError, shown
from layover.files import safe
from layover.files.safe import header, parse_json, plain_file, read_json, tensors


def made(file: Path, entries: Any, data: bytes = b"", *, length: int | None = None) -> Path:
    """Write a safetensors file with any header."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return file


def entry(begin: int = 0, end: int = 8, shape: Any = (2,), dtype: Any = "F32", **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end], **more}


def test_what_safetensors_writes_is_read(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    written = {
        "a.b": torch.randn(3, 5, generator=generator),
        "c": torch.randn(7, generator=generator).to(torch.float16),
        "d.e_f-g": torch.randn(2, 2, generator=generator).to(torch.bfloat16),
        "one": torch.full((1,), 1e-45),  # the smallest number above zero
    }
    save_file(written, tmp_path / "x", metadata={"format": "pt"})
    found = tensors(tmp_path / "x")
    assert found.keys() == written.keys()
    for name, value in written.items():
        assert torch.equal(found[name], value.float()), name
        assert found[name].dtype == torch.float32
        found[name].add_(1)  # it is nobody else's
    assert {name: entry.shape for name, entry in header(tmp_path / "x").items()} == {
        name: tuple(value.shape) for name, value in written.items()
    }
    assert list(tensors(tmp_path / "x", ["c"])) == ["c"]
    with pytest.raises(ModelError, match="x: nothing is missing"):
        tensors(tmp_path / "x", ["nothing"])


HEADERS: dict[str, tuple[Any, bytes, str]] = {
    "gap": ({"a": entry(), "b": entry(12, 20)}, bytes(20), "overlap, or leave gaps, at byte"),
    "gap-before": ({"a": entry(4, 12)}, bytes(12), "overlap, or leave gaps"),
    "overlap": ({"a": entry(), "b": entry(4, 12)}, bytes(12), "overlap, or leave gaps"),
    "the-same-twice": ({"a": entry(), "b": entry()}, bytes(8), "overlap, or leave gaps"),
    "too-much": ({"a": entry()}, bytes(9), "but its header needs"),
    "too-little": ({"a": entry()}, bytes(7), "but its header needs"),
    "no-tensors-but-bytes": ({}, bytes(1), "but its header needs"),
    "backwards": ({"a": entry(8, 0)}, bytes(8), "do not fit the shape"),
    "other-size": ({"a": entry(0, 8, [3])}, bytes(8), "do not fit the shape"),
    "overflow": ({"a": entry(0, 0, [2**33, 2**33])}, b"", "do not fit the shape"),
    "huge": ({"a": entry(0, 8, [10**900])}, bytes(8), "one or two whole numbers"),
    "negative": ({"a": entry(-8, 0)}, b"", "one or two whole numbers"),
    "floats": ({"a": entry(0, 8, [2.0])}, bytes(8), "one or two whole numbers"),
    "booleans": ({"a": entry(0, 4, [True])}, bytes(4), "one or two whole numbers"),
    "scalar": ({"a": entry(0, 4, [])}, bytes(4), "one or two dimensions"),
    "cube": ({"a": entry(0, 32, [2, 2, 2])}, bytes(32), "one or two whole numbers"),
    "many-dimensions": ({"a": entry(0, 4, [1] * 100_000)}, bytes(4), "one or two whole numbers"),
    "empty-shape": ({"a": entry(0, 0, [0])}, b"", "one or two dimensions"),
    "empty-side": ({"a": entry(0, 0, [4, 0])}, b"", "one or two dimensions"),
    "one-offset": ({"a": {**entry(), "data_offsets": [0]}}, bytes(8), "two offsets"),
    "no-offsets": ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8), "its entry must have a dtype"),
    "more": ({"a": entry(more=1)}, bytes(8), "its entry must have a dtype"),
    "no-entry": ({"a": [1]}, bytes(8), "its entry must have a dtype"),
    "F64": ({"a": entry(0, 16, dtype="F64")}, bytes(16), 'its dtype is "F64", but must be one of F32, F16, BF16'),
    "I64": ({"a": entry(0, 16, dtype="I64")}, bytes(16), 'its dtype is "I64"'),
    "dtype-list": ({"a": entry(dtype=["F32"])}, bytes(8), r'its dtype is \["F32"\]'),
    "metadata": ({"__metadata__": {"format": 1}, "a": entry()}, bytes(8), "has a value that is not text"),
    "metadata-list": ({"__metadata__": ["pt"], "a": entry()}, bytes(8), "has a value that is not text"),
    "list": ([1], b"", "its header is not JSON"),
    "space": (b' {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4), "its header is not JSON"),
    "twice": (b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":1}', bytes(4), 'the key "a" appears twice'),
    "twice-inside": (b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4), "twice"),
    "nan": (b'{"a":NaN}', b"", "NaN is not a number"),
    "latin": (b'{"\xff":1}', b"", "not plain JSON"),
    "deep": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"", "nested too deeply"),
    "no-json": (b"not json at all", b"", "its header is not JSON"),
    "half-json": (b'{"a": ', b"", "not plain JSON"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_wrong_header_is_refused(tmp_path: Path, name: str) -> None:
    entries, data, message = HEADERS[name]
    file = made(tmp_path / "x", entries, data)
    for read in (header, tensors):
        with pytest.raises(ModelError, match=message) as error:
            read(file)
        assert str(error.value).startswith(f"{file}: ")
        assert len(str(error.value)) < 400 + len(str(file))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "../a",
            "a/b",
            "/etc/passwd",
            "a\\b",
            "..",
            "a..b",
            ".a",
            "a.",
            "a\0b",
            "a b",
            "a\nb",
            "ä",
            "\ud800",
            "x" * 500,
        ),
        *("\x1b[31m", "a" * 257, ".".join("a" * 40)),
    ],
)
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="is not the name of a weight") as error:
        header(made(tmp_path / "x", {name: entry()}, bytes(8)))
    assert str(error.value).removeprefix(str(tmp_path)).isprintable()


@pytest.mark.parametrize("length", [0, 1, 2**63, 2**64 - 1, 1000])
def test_a_header_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelError, match="not a safetensors file"):
        header(made(tmp_path / "x", {"a": entry()}, bytes(8), length=length))


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3), "b": torch.ones(2, 2)}, tmp_path / "x")
    whole = (tmp_path / "x").read_bytes()
    assert tensors(tmp_path / "x")
    for length in range(len(whole)):
        (tmp_path / "x").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            tensors(tmp_path / "x")
    (tmp_path / "x").write_bytes(whole + b"\0")
    with pytest.raises(ModelError, match="but its header needs"):
        tensors(tmp_path / "x")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused(tmp_path: Path, dtype: torch.dtype, number: float) -> None:
    save_file({"fine": torch.ones(2), "one": torch.tensor([1.0, number], dtype=dtype)}, tmp_path / "x")
    with pytest.raises(ModelError, match="one holds NaN or infinity"):
        tensors(tmp_path / "x")
    assert torch.equal(tensors(tmp_path / "x", ["fine"])["fine"], torch.ones(2))


def test_oversized_headers_are_not_read(tmp_path: Path) -> None:
    length = safe.MOST_HEADER + 1
    with (tmp_path / "x").open("wb") as stream:
        stream.write(struct.pack("<Q", length))
        stream.truncate(8 + length)
    with pytest.raises(ModelError, match=f"its header has {length} bytes"):
        header(tmp_path / "x")


def test_oversized_files_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as stream:
        stream.truncate(safe.MOST_TENSORS + 1)  # a hole: it takes no place on the disk
    for read in (header, tensors, read_json):
        with pytest.raises(ModelError, match="at most"):
            read(tmp_path / "x")


def measured(read: Callable[[], object]) -> tuple[float, int]:
    """Return seconds of the processor, and the peak of memory in bytes, of something that is refused."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(ModelError):
            read()
        return time.process_time() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def filled(unit: str, most: int) -> str:
    return ",".join(unit.replace("#", str(number)) for number in range((most - 100) // (len(unit) + 6)))


WORST: dict[str, Callable[[int], bytes]] = {
    "objects": lambda most: b'{"a":[' + b"{}," * ((most - 20) // 3) + b"1]}",
    "numbers": lambda most: b'{"a":[' + b"9," * ((most - 20) // 2) + b"1]}",
    "fractions": lambda most: b'{"a":[' + b"1e9," * ((most - 20) // 4) + b"1]}",
    "names": lambda most: f"{{{filled(chr(34) + '#' + chr(34) + ':1', most)}}}".encode(),
    "the-last-twice": lambda most: f'{{{filled(chr(34) + "#" + chr(34) + ":1", most)},"7":1}}'.encode(),
    "digits": lambda most: b'{"a":' + b"9" * (most - 20) + b"}",
    "text": lambda most: b'{"a":"' + b"\\u0041" * ((most - 20) // 6) + b'"}',
    "open": lambda most: b'{"a":' * ((most - 20) // 5),
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_header_takes_seconds_and_megabytes(tmp_path: Path, name: str) -> None:
    file = made(tmp_path / "x", WORST[name](safe.MOST_HEADER))
    seconds, peak = measured(lambda: header(file))
    assert_quick(seconds, 10)
    assert peak < 250 * 2**20


def test_many_entries_take_no_quadratic_time(tmp_path: Path) -> None:
    """As many tensors as a header can name, each of them fine, and the last one twice."""
    names = [f"base_model.model.classifier.w{number}" for number in range(15_000)]
    entries = {name: entry(4 * number, 4 * number + 4, [1]) for number, name in enumerate(names)}
    file = made(tmp_path / "x", entries, bytes(4 * len(names)))
    with quick(5):
        assert len(header(file)) == len(names)


JSON: dict[str, tuple[bytes, str]] = {
    "twice": (b'{"r": 8, "r": 16}', 'the key "r" appears twice'),
    "twice-deep": (b'{"config": {"r": 8, "r": 8}}', "appears twice"),
    "twice-escaped": (b'{"r": 8, "\\u0072": 16}', "appears twice"),
    "NaN": (b'{"r": NaN}', "NaN is not a number"),
    "Infinity": (b'{"r": Infinity}', "Infinity is not a number"),
    "-Infinity": (b'{"r": -Infinity}', "-Infinity is not a number"),
    "1e999": (b'{"r": 1e999}', "1e999 is too large a number"),
    "-1e999": (b'{"r": -1e999}', "too large a number"),
    "long": (b'{"r": ' + b"1" * 1001 + b"}", "too large a number"),
    "long-fraction": (b'{"r": 0.' + b"1" * 1001 + b"}", "too large a number"),
    "endless": (b'{"r": ' + b"1" * 100_000 + b"}", "too large a number"),
    "lists": (b"[" * 100_000, "nested too deeply"),
    "objects": (b'{"a":' * 100_000, "nested too deeply"),
    "33": (b'{"a":' * 33 + b"1" + b"}" * 33, "nested too deeply"),
    "33-lists": (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "nested too deeply"),
    "list": (b"[]", "not an object"),
    "number": (b"7", "not an object"),
    "null": (b"null", "not an object"),
    "empty": (b"", "not plain JSON"),
    "bom": (b"\xef\xbb\xbf{}", "not plain JSON"),
    "utf-16": ('{"a": 1}'.encode("utf-16"), "not plain JSON"),
    "comment": (b"{} // nothing", "not plain JSON"),
    "comma": (b'{"a": 1,}', "not plain JSON"),
    "single": (b"{'a': 1}", "not plain JSON"),
    "control": (b'{"a": "\x01"}', "not plain JSON"),
    "two": (b"{}{}", "not plain JSON"),
}


@pytest.mark.parametrize("name", JSON)
def test_what_is_no_plain_json_is_refused(tmp_path: Path, name: str) -> None:
    text, message = JSON[name]
    (tmp_path / "x.json").write_bytes(text)
    with pytest.raises(ModelError, match=message) as error:
        read_json(tmp_path / "x.json")
    assert str(error.value).startswith(f"{tmp_path / 'x.json'}: ")


def test_plain_json_is_read_as_json_reads_it() -> None:
    text = '{"a": [1, 2.5, -0.0, 1e-400, true, null, "ä\\ud83d\\ude00", {"b": []}], "": 9007199254740993}'
    assert parse_json(text.encode(), "here") == json.loads(text)
    deep = '{"a":' * 32 + "1" + "}" * 32
    assert parse_json(deep.encode(), "here") == json.loads(deep)


def test_oversized_json_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"{" + b" " * safe.MOST_JSON + b"}")
    with pytest.raises(ModelError, match=f"at most {safe.MOST_JSON}"):
        read_json(tmp_path / "x")


def link(path: Path) -> None:
    (path.parent / "target").write_text("{}")
    path.symlink_to("target")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "link": (link, "it is a link, or is not an ordinary file"),
    "dangling": (dangling, "it is a link, or is not an ordinary file"),
    "loop": (loop, "it is a link, or is not an ordinary file"),
    "folder": (Path.mkdir, "it is a link, or is not an ordinary file"),
    "pipe": (os.mkfifo, "it is a link, or is not an ordinary file"),
    "nothing": (lambda _path: None, "is missing"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_only_ordinary_files_are_opened(tmp_path: Path, name: str) -> None:
    """A pipe would be waited for until somebody writes into it, a link leads anywhere."""
    make, message = STRANGE[name]
    make(tmp_path / "x")
    for read in (plain_file, read_json, header, tensors):
        with pytest.raises(ModelError, match=message):
            read(tmp_path / "x")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "file/below"])
def test_impossible_paths_are_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    for read in (plain_file, read_json, header):
        with pytest.raises(ModelError, match=r"is missing|cannot be read"):
            read(tmp_path / name)


def test_a_file_that_is_put_in_place_of_another_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at a path and its opening a link, or a pipe, may take its place."""
    secret = tmp_path / "secret"
    secret.write_text('{"secret": 1}')
    for swap in (lambda path: path.symlink_to(secret), os.mkfifo, Path.mkdir):
        path = tmp_path / "x.json"
        path.write_text("{}")

        def swapped(one: Path, swap: Any = swap) -> Path:
            one.unlink()
            swap(one)
            return one

        monkeypatch.setattr(safe, "plain_file", swapped)
        with pytest.raises(ModelError, match=r"x\.json: (cannot be read|it is a link, or is not an ordinary file)"):
            read_json(path)
        monkeypatch.undo()
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_a_file_that_shrinks_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"a": torch.ones(40_000)}, tmp_path / "x")
    real = safe._header

    def shrunk(*told: Any) -> Any:
        found = real(*told)
        os.truncate(tmp_path / "x", 100_000)
        return found

    monkeypatch.setattr(safe, "_header", shrunk)
    with pytest.raises(ModelError, match="a: the file ends before the end of this weight"):
        tensors(tmp_path / "x")


def test_values_are_shown_in_one_short_line() -> None:
    assert shown(None) == "null"
    assert shown("a\n\x1b[2J\u202e\ud800") == r'"a\n\u001b[2J\u202e\ud800"'
    assert len(shown(["x" * 1000])) < 70


def test_sizes_fit_what_is_written() -> None:
    """The limits are far above what modules of the largest encoders need."""
    names = 48 * 6 * 3
    assert names * 250 < safe.MOST_HEADER / 4
    assert np.dtype(np.float32).itemsize == safe.BYTES["F32"]
