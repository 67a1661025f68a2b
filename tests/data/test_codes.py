"""`codes`: which label a number in a file stands for, in every format, and what is no code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from layover.data.labels import Codes
from layover.errors import DataError
from layover.tasks import OwnTask, Task, declare

ROW = {"tokens": ["Ann", "runs", "far"], "ner": [0, 1, 2]}
CODES = [["B-P", "O", "I-P"], {0: "B-P", 1: "O", 2: "I-P"}, {"0": "B-P", "1.0": "O", "2": "I-P", "7": "O"}]


def examples(task: Task, folder: Path, name: str) -> list[Any]:
    place = task.locate("train", "en", root=folder, files={"train": name})
    assert place is not None
    return task.read(place)


def _written(save: Callable[[pa.Table, str], None]) -> Callable[[Path], None]:
    return lambda path: save(pa.Table.from_pylist([ROW]), str(path))


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.jsonl": lambda path: path.write_text(json.dumps(ROW) + "\n"),
    "a.json": lambda path: path.write_text(json.dumps([ROW])),
    "a.parquet": _written(pyarrow.parquet.write_table),
    "a.arrow": _written(pyarrow.feather.write_feather),
    "a.conll": lambda path: path.write_text("Ann\t0\nruns\t1\nfar\t2\n"),
}


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("name", WRITERS)
def test_tags_by_number_follow_the_codes_in_every_format(tmp_path: Path, name: str, codes: Any) -> None:
    WRITERS[name](tmp_path / name)
    columns = {} if name == "a.conll" else {"tokens": "tokens", "tags": "ner"}
    for labels in (("O", "B-P", "I-P"), "from training"):
        task = declare("t", OwnTask(kind="tagging", labels=labels, codes=codes, train_language="en", **columns))
        assert examples(task, tmp_path, name)[0].tags == ("B-P", "O", "I-P")
    plain = declare("t", OwnTask(kind="tagging", labels=("O", "B-P", "I-P"), train_language="en", **columns))
    if name != "a.conll":
        assert examples(plain, tmp_path, name)[0].tags == ("O", "B-P", "I-P"), "places in `labels` without codes"


@pytest.mark.parametrize(
    ("written", "content"),
    [
        ("a.csv", "text,label\nx,1\ny,2.0\nz,0\n"),
        ("a.tsv", "text\tlabel\nx\t1\ny\t2.0\nz\t0\n"),
        ("a.jsonl", '{"text":"x","label":1}\n{"text":"y","label":2.0}\n{"text":"z","label":"0"}\n'),
        ("a.json", '[{"text":"x","label":"1"},{"text":"y","label":2},{"text":"z","label":0}]'),
    ],
)
def test_labels_by_number_follow_the_codes(tmp_path: Path, written: str, content: str) -> None:
    (tmp_path / written).write_text(content)
    own = {"kind": "classification", "text": ("text",), "train_language": "en", "labels": ("1", "2", "3")}
    task = declare("t", OwnTask(**own, codes={0: "1", 1: "2", 2: "3"}))
    assert [one.label for one in examples(task, tmp_path, written)] == ["2", "3", "1"]
    short = declare("t", OwnTask(**own, codes={0: "1", 1: "3"}))
    with pytest.raises(DataError, match=r":\d: '?2(\.0)?'? is not a label; .*the codes are 0, 1"):
        examples(short, tmp_path, written)


def test_a_number_that_is_no_code_is_no_label_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\nx,0\ny,3\n")
    (tmp_path / "b.jsonl").write_text('{"text":"x","label":-1}\n')
    (tmp_path / "c.conll").write_text("Ann\t0\nruns\t3\n")
    own = {"text": ("text",), "train_language": "en"}
    task = declare("t", OwnTask(kind="classification", labels=("1", "2", "3"), codes={0: "1", 1: "2", 2: "3"}, **own))
    with pytest.raises(DataError, match=r"a.csv:3: '3' is not a label; with `codes`, every number .* are 0, 1, 2$"):
        examples(task, tmp_path, "a.csv")
    signs = declare("t", OwnTask(kind="classification", labels=("-1", "1"), codes=["-1", "1"], **own))
    with pytest.raises(DataError, match=r"b.jsonl:1: -1 is not a label; with `codes`, every number is a code"):
        examples(signs, tmp_path, "b.jsonl")
    opened = declare("t", OwnTask(kind="tagging", labels="from training", codes={0: "O"}, train_language="en"))
    with pytest.raises(DataError, match=r"c.conll:2: '3' is not a label; with `codes`, every number is a code"):
        examples(opened, tmp_path, "c.conll")


def test_places_in_labels_that_are_numbers_are_refused() -> None:
    for labels in (("1", "2", "3"), ("0.5", "x"), ("-1", "x")):
        with pytest.raises(DataError, match=r"codes: the label '.*' is a number.*remove `codes`.*\{0: .*, 1: "):
            declare("t", OwnTask(kind="classification", labels=labels, text=("text",), codes="labels"))


@pytest.mark.parametrize("keys", [("true", "false"), ("True", "False"), ("TRUE", "FALSE")])
@pytest.mark.parametrize("written", ["True,False", "true,false", "TRUE,FALSE"])
def test_true_and_false_in_any_letters(tmp_path: Path, keys: tuple[str, str], written: str) -> None:
    yes, no = written.split(",")
    (tmp_path / "a.csv").write_text(f"text,label\nx,{yes}\ny,{no}\n")
    (tmp_path / "b.jsonl").write_text('{"text":"x","label":true}\n{"text":"y","label":false}\n')
    codes = dict(zip(keys, ("pos", "neg"), strict=True))
    own = OwnTask(kind="classification", labels=("neg", "pos"), text=("text",), codes=codes, train_language="en")
    for name in ("a.csv", "b.jsonl"):
        assert [one.label for one in examples(declare("t", own), tmp_path, name)] == ["pos", "neg"]


@pytest.mark.parametrize("codes", [[], {}, {"1": "a", "1.0": "b"}, {"true": "a", "True": "b"}])
def test_codes_that_number_nothing_or_one_thing_twice_are_refused(codes: Any) -> None:
    with pytest.raises(ValueError, match=r"does not map numbers to labels|are the same number; remove one"):
        OwnTask(kind="classification", labels=("a", "b"), text=("text",), codes=codes)


def test_values_far_from_numbers() -> None:
    codes = Codes({"1": "a"})
    assert codes.get("1e0") == "a"
    assert codes.get("1e99999999999999999999") is None
    assert codes.get("x") is None
    assert codes.lacks("2")
    assert not codes.lacks("x")
    assert not Codes({"x": "a"}).lacks("2")
