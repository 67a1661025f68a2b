"""What lies at a path of a recipe: files, folders of saved data sets, links, pipes; what is none is named."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet
import pytest

from layover.errors import DataError
from layover.tasks import OwnTask, declare

ROWS = [{"text": text, "label": number % 2} for number, text in enumerate("abcdef")]
FEATURES = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])})


def task(**own: Any) -> Any:
    own = {"kind": "classification", "labels": ("neg", "pos"), "text": ("text",), "train_language": "en", **own}
    return declare("mine", OwnTask(**own))


def locate(root: Path, path: str, split: str = "train", **own: Any) -> Any:
    return task(**own).locate(split, "en", root=root, files={split: path})


def saved(folder: Path, rows: list[dict[str, Any]] = ROWS, **how: Any) -> None:
    datasets.Dataset.from_list(rows, features=FEATURES).save_to_disk(str(folder), **how)


def test_what_is_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.csv").touch()
    os.mkfifo("pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.csv")
    Path("device.csv").symlink_to("/dev/null")
    Path("broken.csv").symlink_to("nowhere.csv")
    Path("loop.csv").symlink_to("loop.csv")
    for name in ("train.csv", "a.xlsx", "a.zip"):
        Path(name).touch()
    for path, message in (
        ("folder", "folder is a folder; name a file in it: b.csv"),
        ("pipe.csv", "is a named pipe, but Layover must read it more than once"),
        ("socket.csv", "is a socket"),
        ("device.csv", "is a device"),
        ("broken.csv", "is a link to nowhere.csv, which does not exist"),
        ("loop.csv", "loop.csv cannot be read"),
        ("tran.csv", "tran.csv does not exist; did you mean 'train.csv'"),
        ("xyz", "xyz does not exist; one of: "),
        (f"{'x' * 300}.csv", "cannot be read"),
        ("a\0.csv", r"a\\x00.csv cannot be read"),
        ("train.csv/a.csv", "cannot be read"),
        ("a.xlsx", "a.xlsx: the extension .xlsx means a spreadsheet"),
        ("a.zip", "a.zip: the extension .zip means an archive; name the file inside"),
    ):
        with pytest.raises(DataError, match=message):
            locate(Path(), path)


def test_links_and_names_with_spaces_are_files(tmp_path: Path) -> None:
    folder = tmp_path / "d\u00e4 ta"
    folder.mkdir()
    (folder / "\u00fc b.csv").write_text("text,label\na,pos\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(folder / "\u00fc b.csv")
    for path in ("d\u00e4 ta/\u00fc b.csv", "link.csv"):
        assert [one.label for one in task().read(locate(tmp_path, path))] == ["pos"]


def test_a_saved_data_set_gives_the_names_of_its_labels(tmp_path: Path) -> None:
    saved(tmp_path / "one", num_shards=3)
    place = locate(tmp_path, "one")
    assert [path.name[:10] for path in place.files()] == ["data-00000", "data-00001", "data-00002"]
    assert [(one.first, one.label) for one in task().read(place)] == [
        (row["text"], ("pos", "neg")[row["label"]]) for row in ROWS
    ]
    # the rows are known by their content, wherever the folder lies and whatever it is called
    saved(tmp_path / "other", num_shards=3)
    (tmp_path / "root").mkdir()
    for root, path in ((tmp_path, "other"), (tmp_path / "root", "../other"), (tmp_path / "root", f"{tmp_path}/other")):
        assert locate(root, path).identity(Path.read_bytes) == place.identity(Path.read_bytes)


def test_a_saved_data_set_of_several_splits(tmp_path: Path) -> None:
    splits = {"train": ROWS[:2], "validation": ROWS[2:3], "dev": ROWS[3:4]}
    datasets.DatasetDict(
        {name: datasets.Dataset.from_list(rows, features=FEATURES) for name, rows in splits.items()}
    ).save_to_disk(str(tmp_path / "all"))
    found = {
        split: [one.first for one in task().read(locate(tmp_path, "all", split))] for split in ("train", "validation")
    }
    assert found == {"train": ["a", "b"], "validation": ["c"]}
    assert [one.first for one in task().read(locate(tmp_path, "all/dev", "test"))] == ["d"]
    with pytest.raises(DataError, match=r"has no split 'test'; name one of its folders: .*all/train, .*all/dev"):
        locate(tmp_path, "all", "test")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("{", "state.json: cannot be read"),
        ("[]", "state.json: the content is not a JSON object"),
        ("{}", "state.json: names no files of rows"),
        ('{"_data_files": 5}', "state.json: names no files of rows"),
        ('{"_data_files": {"filename": "a"}}', "state.json: names no files of rows"),
        ('{"_data_files": [5]}', "state.json: names no files of rows"),
        ('{"_data_files": [{"filename": 5}]}', "state.json: names no files of rows"),
        ('{"_data_files": [{"filename": ""}]}', "state.json: names no files of rows"),
        ('{"_data_files": [{"filename": "a\\u0000b"}]}', "state.json: names no files of rows"),
        ("[" * 200_000, "state.json: cannot be read"),
        ('{"_data_files": [{"filename": "../secret"}]}', "names no files of rows"),
        ('{"_data_files": [{"filename": "gone.arrow"}]}', "gone.arrow does not exist; "),
        (
            '{"_data_files": [{"filename": "a"}], "_indices_data_files": [{"filename": "b"}]}',
            "a file of indices",
        ),
    ],
)
def test_a_damaged_description_is_an_error(tmp_path: Path, state: str, message: str) -> None:
    saved(tmp_path / "one")
    (tmp_path / "one" / "state.json").write_text(state, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        locate(tmp_path, "one")


def test_sides_of_a_retrieval_are_one_file_each(tmp_path: Path) -> None:
    rows = [{"l": text, "e": text} for text in "abcd"]
    own = {"kind": "retrieval", "labels": (), "text": ("l", "e")}
    for shards in (1, 2):
        datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / f"s{shards}"), num_shards=shards)
    assert len(task(**own).read(locate(tmp_path, "s1", "test", **own))) == 8
    with pytest.raises(DataError, match=r"has its rows in 2 files, .*`num_shards=1`"):
        locate(tmp_path, "s2", "test", **own)


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.json", '{"text": "a", "label": "pos"}\n{"text": "b", "label": "neg"}\n', "jsonl"),
        ("a.json", '{"text": "a", "label": "pos"}', "jsonl"),
        ("a.json", '[{"text": "a", "label": "pos"}]', "json"),
        ("a.jsonl", '[\n {"text": "a",\n "label": "pos"}]', "json"),
        ("a.json", '{"data": [{"text": "a", "label": "pos"}]}', "json"),
        ("a.json", '{\n"data": [\n{"text": "a", "label": "pos"}]}', "json"),
    ],
)
def test_the_content_says_which_json_it_is(tmp_path: Path, name: str, content: str, format: str) -> None:  # noqa: A002
    (tmp_path / name).write_text(content, encoding="utf-8")
    place = locate(tmp_path, name)
    assert task().read(place)[0].label == "pos"
    assert place.source.layout.format == format
    assert place.source.format_note.startswith(f"{tmp_path / name} is read as `format: {format}`: it ")
    declared = locate(tmp_path, name, format=format)
    assert declared.source.format_note == ""
    assert declared.identity(str) == place.identity(str)


def test_squads_own_json_needs_no_word(tmp_path: Path) -> None:
    article = {"paragraphs": [{"context": "c", "qas": [{"id": "1", "question": "q", "answers": []}]}]}
    for indent in (None, 1):
        (tmp_path / "a.json").write_text(
            json.dumps({"version": "1", "data": [article]}, indent=indent), encoding="utf-8"
        )
        place = locate(tmp_path, "a.json", kind="span", labels=(), text=())
        assert (place.source.layout.format, place.source.format_note) == ("squad", "")


@pytest.mark.parametrize(
    ("format", "content", "message"),
    [
        (
            "jsonl",
            '[\n{"text": "a"}\n]',
            r"a.json:1: '\[' is not a JSON object; for a list of objects, declare `format: json`",
        ),
        ("jsonl", '[{"text": "a"}]', "a.json:1: a JSON list, .*; for a list of objects, declare `format: json`"),
        ("jsonl", '{\n"text": "a"\n}', "a.json:1: '{' is not a JSON object; write each object on one line"),
        (
            "json",
            '{"text": "a"}\n{"text": "b"}\n',
            "a.json:2: not JSON .*; for an object on each line, declare `format: jsonl`",
        ),
        ("json", '{"text": ["a"], "label": ["pos"]}', "each key holds a whole column; write rows"),
        ("json", '{"data": [{"paragraphs": []}]}', "declare `format: squad`"),
        ("json", "", "a.json: the file is empty"),
        ("squad", '[{"text": "a"}]', "no list under 'data'; for a list of objects, declare `format: json`"),
        ("squad", '{"data": [{"text": "a"}]}', "article 1 has no list under 'paragraphs'"),
        ("squad", '{"data": [{"paragraphs": [5]}]}', "a paragraph of article 1 has no list under 'qas'"),
        (
            "squad",
            '{"data": [{"paragraphs": [{"context": "c", "qas": [5]}]}]}',
            "question 1 does not have the form of SQuAD's",
        ),
    ],
)
def test_a_declared_format_that_does_not_fit(tmp_path: Path, format: str, content: str, message: str) -> None:  # noqa: A002
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        task().read(locate(tmp_path, "a.json", format=format))


@pytest.mark.parametrize("splits", ["5", "[5]", '["../one"]', "null", '{"train": 1}'])
def test_damaged_names_of_splits_are_an_error(tmp_path: Path, splits: str) -> None:
    datasets.DatasetDict({"train": datasets.Dataset.from_list(ROWS)}).save_to_disk(str(tmp_path / "all"))
    (tmp_path / "all" / "dataset_dict.json").write_text(f'{{"splits": {splits}}}', encoding="utf-8")
    with pytest.raises(DataError, match=r"dataset_dict.json: names no splits; save the data set again"):
        locate(tmp_path, "all")


@pytest.mark.parametrize(
    "features",
    [
        5,
        ["label"],
        {"label": {"_type": "ClassLabel", "names": 5}},
        {"label": {"_type": "ClassLabel"}},
        {"label": {"_type": "ClassLabel", "names": [1, 2]}},
    ],
)
def test_damaged_features_are_an_error(tmp_path: Path, features: Any) -> None:
    table = pa.table({"text": ["a"], "label": [0]})
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet: the features in its metadata are damaged"):
        task().read(locate(tmp_path, "a.parquet"))
