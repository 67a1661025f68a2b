"""One data set, written in every format: all of them give the same examples, and `datasets` reads the same."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import datasets
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from layover.data.tally import Tally
from layover.tasks import OwnTask, declare

TEXTS = (
    "plain",
    'she said "stay", and left; twice',
    "a\u00a0space that does not break, a\u3000wide one, a\u2028line, a\u0085next",
    "e\u0301 is not \u00e9",
    " spaces around ",
    "null",
    "NA",
    "007",
    "# no comment",
    "\U0001f600\u200d\u20ac",
)
LABELS = ("neg", "pos\u00e9", "3")
ROWS: list[dict[str, Any]] = [{"text": text, "label": LABELS[number % 3]} for number, text in enumerate(TEXTS)]

WORDS = (("Kim", "saw", "10\u00a0000"), ("\u3000", "#1", "_"), ("a|b", "e\u0301", "\u200c"))
TAGS = ("O", "B-X", "I-X")
SENTENCES: list[dict[str, Any]] = [{"tokens": list(words), "tags": list(TAGS)} for words in WORDS]

Write = Callable[[Path, list[dict[str, Any]]], None]
CLASS = datasets.Features(
    {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["3", "pos\u00e9", "neg"])}
)
TAGGED = datasets.Features(
    {"tokens": datasets.List(datasets.Value("string")), "tags": datasets.List(datasets.ClassLabel(names=list(TAGS)))}
)


def lines(rows: list[dict[str, Any]], end: str = "\n") -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows)


def table(delimiter: str, encoding: str = "utf-8", end: str = "\n") -> Write:
    def write(path: Path, rows: list[dict[str, Any]]) -> None:
        with path.open("w", encoding=encoding, newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator=end)
            writer.writeheader()
            writer.writerows(rows)

    return write


def text_of(make: Callable[[list[dict[str, Any]]], str], encoding: str = "utf-8") -> Write:
    return lambda path, rows: path.write_bytes(make(rows).encode(encoding)) and None


def packed(pack: Callable[[bytes], bytes]) -> Write:
    return lambda path, rows: path.write_bytes(pack(lines(rows).encode())) and None


def zipped(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.rmdir()
    with ZipFile(path.parent, "w") as archive:
        archive.writestr(path.name, lines(rows))


def as_dataset(rows: list[dict[str, Any]]) -> datasets.Dataset:
    if rows[0].keys() == {"text", "label"}:
        return datasets.Dataset.from_list(rows, features=CLASS)
    return datasets.Dataset.from_list(rows, features=TAGGED if "tags" in rows[0] else None)


def stream(path: Path, rows: list[dict[str, Any]]) -> None:
    found = as_dataset(rows).data.table
    with pa.ipc.new_stream(str(path), found.schema) as writer:
        writer.write_table(found, 2)


def splits(path: Path, rows: list[dict[str, Any]]) -> None:
    datasets.DatasetDict({"train": as_dataset(rows), "other": as_dataset(rows[:1])}).save_to_disk(str(path))


def in_parts(path: Path, rows: list[dict[str, Any]]) -> None:
    as_dataset(rows).save_to_disk(str(path), num_shards=min(3, len(rows)))


def zstd(data: bytes) -> bytes:
    found: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return found


OF_ROWS: dict[str, tuple[str, Write, dict[str, Any]]] = {
    "jsonl": ("a.jsonl", text_of(lines), {}),
    "jsonl with CRLF and a mark": ("a.jsonl", text_of(lambda rows: lines(rows, "\r\n"), "utf-8-sig"), {}),
    "ndjson": ("a.ndjson", text_of(lines), {}),
    "lines called json": ("a.json", text_of(lines), {}),
    "one line called json": ("a.json", text_of(json.dumps), {}),
    "a list": ("a.json", text_of(lambda rows: json.dumps(rows, indent=1)), {}),
    "a list called jsonl": ("a.jsonl", text_of(lambda rows: json.dumps(rows, indent=1)), {}),
    "a list under data": ("a.json", text_of(lambda rows: json.dumps({"version": 1, "data": rows})), {}),
    "gz": ("a.jsonl.gz", packed(gzip.compress), {}),
    "bz2": ("a.jsonl.bz2", packed(bz2.compress), {}),
    "xz": ("a.jsonl.xz", packed(lzma.compress), {}),
    "zst": ("a.jsonl.zst", packed(zstd), {}),
    "zip": ("a.zip/a b \u00e9.jsonl", zipped, {}),
    "utf-16": ("a.jsonl", text_of(lines, "utf-16"), {"encoding": "utf-16"}),
    "utf-16-le": ("a.jsonl", text_of(lines, "utf-16-le"), {"encoding": "utf-16-le"}),
    "utf-16-le with a mark": (
        "a.jsonl", text_of(lambda rows: "\ufeff" + lines(rows), "utf-16-le"), {"encoding": "utf-16-le"},
    ),
    "gb18030": ("a.jsonl", text_of(lines, "gb18030"), {"encoding": "gb18030"}),
    "parquet": ("a.parquet", lambda path, rows: parquet.write_table(as_dataset(rows).data.table, path), {}),
    "parquet of text": ("a.parquet", lambda path, rows: parquet.write_table(pa.Table.from_pylist(rows), path), {}),
    "feather": ("a.feather", lambda path, rows: feather.write_feather(as_dataset(rows).data.table, path), {}),
    "a stream": ("a.arrow", stream, {}),
    "saved": ("saved", lambda path, rows: as_dataset(rows).save_to_disk(str(path)), {}),
    "saved in parts": ("saved", in_parts, {}),
    "saved splits": ("saved", splits, {}),
}  # fmt: skip
TABLES: dict[str, tuple[str, Write, dict[str, Any]]] = {
    "csv": ("a.csv", table(","), {}),
    "csv with CRLF and a mark": ("a.csv", table(",", "utf-8-sig", "\r\n"), {}),
    "semicolons": ("a.csv", table(";"), {"separator": ";"}),
    "semicolons by name": ("a.csv", table(";"), {"separator": "semicolon"}),
    "bars": ("a.csv", table("|"), {"separator": "|"}),
    "csv with tabs": ("a.csv", table("\t"), {"separator": "tab"}),
    "tsv": ("a.tsv", table("\t"), {}),
    "tsv with commas": ("a.tsv", table(","), {"separator": "comma"}),
    "csv in utf-16": ("a.csv", table(",", "utf-16"), {"encoding": "utf-16"}),
}


def columns(separator: str, blank: str = "\n") -> Write:
    def write(path: Path, rows: list[dict[str, Any]]) -> None:
        found = ["".join(f"{w}{separator}{t}\n" for w, t in zip(r["tokens"], r["tags"], strict=True)) for r in rows]
        path.write_bytes(blank.join(found).encode())

    return write


def treebank(path: Path, rows: list[dict[str, Any]]) -> None:
    text = ""
    for row in rows:
        text += f"# text = {' '.join(row['tokens'])}\n"
        for number, (word, tag) in enumerate(zip(row["tokens"], row["tags"], strict=True), 1):
            text += f"{number}\t{word}\t_\tX\t{tag}\t_\t{number - 1}\t_\t_\t_\n"
        text += "1.1\tempty\t_\tX\t_\t_\t_\t_\t_\t_\n\n"
    path.write_text(text, encoding="utf-8")


OF_WORDS: dict[str, tuple[str, Write, dict[str, Any]]] = {
    "conll": ("a.conll", columns("\t"), {"tokens": 0, "tags": 1}),
    "conll with spaces": ("a.txt", columns(" "), {"tokens": 0, "tags": 1, "separator": "whitespace"}),
    "conll with runs of blanks": ("a.txt", columns(" \t  "), {"tokens": 0, "tags": 1, "separator": "whitespace"}),
    "conll with semicolons": ("a.txt", columns(";"), {"tokens": 0, "tags": 1, "separator": ";"}),
    "conll with names": ("a.tsv", columns("\t"), {"header": ("tokens", "tags")}),
    "conll with documents": ("a.conll", columns("\t", "\n-DOCSTART-\t-X-\n\n"), {"tokens": 0, "tags": 1}),
    "conllu": ("a.conllu", treebank, {"tokens": "form", "tags": "xpos"}),
}


def examples(folder: Path, name: str, write: Write, rows: list[dict[str, Any]], **declared: Any) -> list[Any]:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    write(path, rows)
    task = declare("mine", OwnTask(train_language="en", **declared))
    place = task.locate("train", "en", root=folder, files={"train": name})
    assert place is not None
    tally = Tally()
    found = task.read(place, tally)
    # every place that a message would name is one of this data set
    assert [tally.where(number).startswith(str(folder)) for number in range(len(found))] == [True] * len(rows)
    return found


@pytest.mark.parametrize("form", [*OF_ROWS, *TABLES])
def test_texts_with_a_label(tmp_path: Path, form: str) -> None:
    name, write, settings = {**OF_ROWS, **TABLES}[form]
    own = {"kind": "classification", "labels": LABELS, "text": ("text",), **settings}
    found = examples(tmp_path, name, write, ROWS, **own)
    assert [(one.first, one.label) for one in found] == [(row["text"], row["label"]) for row in ROWS]


@pytest.mark.parametrize("form", [*OF_ROWS, *OF_WORDS])
def test_sentences_with_tags(tmp_path: Path, form: str) -> None:
    name, write, settings = {**OF_ROWS, **OF_WORDS}[form]
    own = {"kind": "tagging", "labels": TAGS, "tokens": "tokens", "tags": "tags", **settings}
    found = examples(tmp_path, name, write, SENTENCES, **own)
    assert [(one.tokens, one.tags) for one in found] == [(words, TAGS) for words in WORDS]


@pytest.mark.parametrize("form", OF_ROWS)
def test_choices(tmp_path: Path, form: str) -> None:
    rows = [
        {"q": "which?", "options": ["a", "b c"], "answer": "B"},
        {"q": "where?", "options": ["\u00a0", "d"], "answer": "A"},
    ]
    name, write, settings = OF_ROWS[form]
    own = {"kind": "choice", "text": ("q",), "choices": "options", "label": "answer", **settings}
    found = examples(tmp_path, name, write, rows, **own)
    assert [(one.choices, one.label) for one in found] == [(("a", "b c"), 1), (("\u00a0", "d"), 0)]


@pytest.mark.parametrize("form", OF_ROWS)
def test_answers_in_a_context(tmp_path: Path, form: str) -> None:
    rows = [
        {"id": "1", "question": "who?", "context": "Kim\u00a0saw.", "answers": {"text": ["Kim"], "answer_start": [0]}}
    ]
    name, write, settings = OF_ROWS[form]
    (found,) = examples(tmp_path, name, write, rows, kind="span", **settings)
    assert (found.context, found.question) == ("Kim\u00a0saw.", "who?")
    article = {"paragraphs": [{"context": rows[0]["context"], "qas": [
        {"id": "1", "question": "who?", "answers": [{"text": "Kim", "answer_start": 0}]}
    ]}]}  # fmt: skip
    (squad,) = examples(tmp_path, "squad.json", text_of(lambda _: json.dumps({"data": [article]})), rows, kind="span")
    assert squad == found


def test_datasets_reads_the_same(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    plain = [row for row in ROWS if row["text"] not in {"null", "NA"}]  # which its reader of csv takes for nothing
    for form, (name, write, _) in {**OF_ROWS, **TABLES}.items():
        read = {
            "jsonl": datasets.Dataset.from_json, "gz": datasets.Dataset.from_json, "a list": datasets.Dataset.from_json,
            "csv": datasets.Dataset.from_csv, "parquet": datasets.Dataset.from_parquet,
        }.get(form)  # fmt: skip
        if read is None and form not in {"saved in parts", "a stream"}:
            continue
        folder = tmp_path / form.replace(" ", "-")
        folder.mkdir()
        own = {"kind": "classification", "labels": LABELS, "text": ("text",)}
        mine = examples(folder, name, write, plain, **own)
        if form == "saved in parts":
            theirs = datasets.load_from_disk(str(folder / name))
        elif form == "a stream":
            theirs = datasets.Dataset.from_file(str(folder / name))
        else:
            theirs = read(str(folder / name), cache_dir=cache)
        label = theirs.features["label"]
        names = [label.int2str(one) if isinstance(label, datasets.ClassLabel) else one for one in theirs["label"]]
        assert [(one.first, one.label) for one in mine] == list(zip(theirs["text"], names, strict=True)), form
