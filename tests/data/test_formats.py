from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from layover.data import formats
from layover.data.formats import FileLayout, Row
from layover.errors import DataError


def rows(path: Path, content: str | bytes, format: str = "", **layout: Any) -> list[Row]:  # noqa: A002
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    name = format or formats.by_extension(path.name, tagging=False)
    return list(formats.read(path, FileLayout(format=name, **layout)))


def values(path: Path, content: str | bytes, format: str = "", **layout: Any) -> list[dict]:  # noqa: A002
    return [dict(row.values) for row in rows(path, content, format, **layout)]


def test_names_and_unknown_format(tmp_path: Path) -> None:
    found = {"commonsenseqa", "conll", "conllu", "csv", "hellaswag", "jsonl", "lines", "squad", "text", "tsv"}
    assert found < set(formats.names())
    with pytest.raises(DataError, match="did you mean 'jsonl'"):
        formats.read(tmp_path / "x", FileLayout(format="jsnl"))


@pytest.mark.parametrize(
    ("path", "tagging", "format"),
    [
        ("a/b.jsonl", False, "jsonl"),
        ("b.test.tsv.gz", False, "tsv"),
        ("b.tsv", True, "conll"),
        ("b.CSV.bz2", False, "csv"),
        ("xquad.de.json", False, "squad"),
        ("x.conllu", True, "conllu"),
        ("x.txt.gz", False, "text"),
        ("x.txt", True, "conll"),
    ],
)
def test_by_extension(path: str, tagging: bool, format: str) -> None:  # noqa: A002
    assert formats.by_extension(path, tagging=tagging) == format


def test_a_text_file_of_sentences() -> None:
    assert formats.by_extension("a.de.txt", tagging=False, sentences=True) == "lines"
    assert formats.by_extension("a.jsonl", tagging=False, sentences=True) == "jsonl"
    assert formats.by_extension("a.de.txt", tagging=False) == "text"


def test_lines(tmp_path: Path) -> None:
    assert values(tmp_path / "a", 'one\t"two\r\n three \n\n\n', "lines") == [{"text": 'one\t"two'}, {"text": " three "}]
    assert values(tmp_path / "a", "one\n", "lines", header=("s",)) == [{"s": "one"}]
    # U+2028 and U+0085 are no line ends: a line more would shift every translation after it
    assert len(values(tmp_path / "a", "one\u2028two\u0085three\nfour\n", "lines")) == 2
    with pytest.raises(DataError, match=r"a:2: an empty line between sentences"):
        rows(tmp_path / "a", "one\n \nthree\n", "lines")
    with pytest.raises(DataError, match="has one column, but `header` has 2: a, b; declare one name"):
        rows(tmp_path / "a", "one\n", "lines", header=("a", "b"))


def test_unknown_extension() -> None:
    with pytest.raises(DataError, match=r"a\.xml: the extension is not one of .*`format`"):
        formats.by_extension("a.xml", tagging=False)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks(tmp_path: Path, end: str, mark: str) -> None:
    text = mark + end.join(["a,b", "1,ä", '"x, ""y""",2', ""])
    assert values(tmp_path / "t.csv", text) == [{"a": "1", "b": "ä"}, {"a": 'x, "y"', "b": "2"}]
    text = mark + end.join(["1\tä", "3\t4", ""])
    assert values(tmp_path / "t.tsv", text, header=("a", "b"))[0] == {"a": "1", "b": "ä"}
    text = mark + end.join(['{"a": 1}', '{"a": 2}', ""])
    assert values(tmp_path / "t.jsonl", text) == [{"a": 1}, {"a": 2}]
    text = mark + end.join(["ä\tO", "b\tB-X", "", "c\tO", ""])
    assert values(tmp_path / "t.conll", text)[0] == {"0": ["ä", "b"], "1": ["O", "B-X"]}


def test_text_with_other_line_separators_stays_whole(tmp_path: Path) -> None:
    text = "a\u2028b\x85c\x0bd"
    assert values(tmp_path / "t.tsv", f"{text}\tx\n", header=("a", "b")) == [{"a": text, "b": "x"}]
    assert values(tmp_path / "t.conll", f"{text}\tO\n")[0]["0"] == [text]
    assert values(tmp_path / "t.jsonl", json.dumps({"a": text}, ensure_ascii=False)) == [{"a": text}]


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed(tmp_path: Path, suffix: str, pack: Any) -> None:
    assert values(tmp_path / f"t.csv{suffix}", pack(b"a\n1\n"), "csv") == [{"a": "1"}]
    with pytest.raises(DataError, match="cannot be read"):
        values(tmp_path / f"t.csv{suffix}", b"a\n1\n", "csv")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        list(formats.read(tmp_path / "none.csv", FileLayout(format="csv")))


def test_damaged_bytes_only_where_declared(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not UTF-8.*`errors: replace`"):
        values(tmp_path / "t.csv", b"a\nx\xff\n")
    assert values(tmp_path / "t.csv", b"a\nx\xff\n", errors="replace") == [{"a": "x\ufffd"}]


def test_quotes(tmp_path: Path) -> None:
    raw = '"Yes", she said\tx\n'
    with pytest.raises(DataError, match=r"t\.tsv:1: .*`quoting: false`"):
        values(tmp_path / "t.tsv", raw, header=("a", "b"))
    assert values(tmp_path / "t.tsv", raw, header=("a", "b"), quoting=False)[0]["a"] == '"Yes", she said'
    with pytest.raises(DataError, match=r"t\.tsv:2: .*`quoting: false`"):
        values(tmp_path / "t.tsv", 'a\tb\n"open\tx\n', header=("a", "b"))
    inside = rows(tmp_path / "t.csv", 'a,b\n"one\ntwo",1\nz,2\n')
    assert [row.where() for row in inside] == [f"{tmp_path}/t.csv:2", f"{tmp_path}/t.csv:4"]


def test_plain_text(tmp_path: Path) -> None:
    found = rows(tmp_path / "t.txt", "one\t line \r\n\n \ntwo\u2028x\n")
    assert [row.values for row in found] == [{"text": "one\t line "}, {"text": "two\u2028x"}]
    assert found[1].where() == f"{tmp_path}/t.txt:4"


def test_blind_tables(tmp_path: Path) -> None:
    layout = {"header": ("a", "b", "label"), "optional": 1}
    assert values(tmp_path / "t.tsv", "1\t2\n3\t4\n", **layout)[1] == {"a": "3", "b": "4"}
    assert values(tmp_path / "t.tsv", "1\t2\tx\n", **layout)[0] == {"a": "1", "b": "2", "label": "x"}
    with pytest.raises(DataError, match=r"t\.tsv:2: the row has 3 values, but there are 2 columns"):
        values(tmp_path / "t.tsv", "1\t2\n3\t4\tx\n", **layout)
    with pytest.raises(DataError, match=r"t\.tsv:2: the row has 2 values, but there are 3 columns"):
        values(tmp_path / "t.tsv", "1\t2\tx\n3\t4\n", **layout)
    with pytest.raises(DataError, match=r"t\.tsv:1: the row has 1 values, but there are 3 columns"):
        values(tmp_path / "t.tsv", "1\n", **layout)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "a,b\n1\n", r"t\.csv:2: the row has 1 values, but there are 2 columns \(a, b\)"),
        ("t.csv", "a,b\n1,2,3\n", r"t\.csv:2: the row has 3 values"),
        ("t.csv", "a,b\n1,2\n\n3,4\n", r"t\.csv:3: an empty line"),
        ("t.csv", "a,a\n1,2\n", r"t\.csv:1: the header names 'a' twice"),
        ("t.jsonl", '{"a": 1}\n{"a": \n', r"t\.jsonl:2: not JSON"),
        ("t.jsonl", '{"a": 1}\n[1]\n', r"t\.jsonl:2: a JSON list, but an object"),
        ("t.jsonl", '{"a": 1}\n\n{"a": 2}\n', r"t\.jsonl:2: an empty line"),
        ("t.conll", "a\tO\nb\n", r"t\.conll:2: the line has 1 columns \('b'\), but 2 are needed"),
        ("t.conll", "a\tO\n\nb O\n", r"t\.conll:3: the line has 1 columns"),
        ("t.conllu", "1\ta\n", r"t\.conllu:1: not a CoNLL-U line .*2 columns instead of 10"),
        ("t.json", "{", r"t\.json:1: not JSON"),
        ("t.json", '{"rows": []}', r"t\.json: not SQuAD's format"),
        ("t.json", '{"data": [{"paragraphs": [{"context": "x", "qas": [{"id": 7}]}]}]}', "question 1 .7.*missing"),
    ],
)
def test_malformed(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        values(tmp_path / name, content)


def test_conll_columns(tmp_path: Path) -> None:
    text = "-DOCSTART- X O O\n\nEU NNP I-NP B-ORG\nwins VBZ I-VP O\n\n\nYes UH O O"
    header = ("token", "pos", "chunk", "ner")
    found = rows(tmp_path / "t.conll", text, header=header, separator="whitespace")
    assert [row.values["ner"] for row in found] == [["B-ORG", "O"], ["O"]]
    assert found[0].where(1) == f"{tmp_path}/t.conll:4"
    assert found[1].where() == f"{tmp_path}/t.conll:7"
    assert values(tmp_path / "t.conll", "a\nb\n", header=("token", "tag"), optional=1) == [{"token": ["a", "b"]}]
    with pytest.raises(DataError, match="1 columns, but 2 are declared"):
        values(tmp_path / "t.conll", "a\nb\n", header=("token", "tag"))


def conllu(*lines: str) -> str:
    padded = []
    for line in lines:
        name, form, upos, head = line.split()
        padded.append(f"{name}\t{form}\t_\t{upos}\t_\t_\t{head}\t_\t_\t_")
    return "\n".join(padded) + "\n\n"


def test_conllu_fuses_as_xtreme_does(tmp_path: Path) -> None:
    text = "# text = zum Hof\n" + conllu(
        "1-2 zum _ _", "1 zu ADP 3", "2 dem DET 3", "3 Hof NOUN 0", "3.1 ist AUX _", "4-5 geht's _ _", "4 geht VERB 3",
        "5 es PRON 4",
    )  # fmt: skip
    found = values(tmp_path / "t.conllu", text)
    # both words of "zum" hang on "Hof": ADP goes before DET; in "geht's" the verb is nearer to the root
    assert found == [{"form": ["zum", "Hof", "geht's"], "upos": ["ADP", "NOUN", "VERB"]}]


def test_conllu_takes_out_what_xtreme_takes_out(tmp_path: Path) -> None:
    hidden = conllu("1 _ NOUN 0", "2 _ VERB 1", "3 . PUNCT 1")
    joiner = conllu("1 می\u200cرود VERB 0", "2 . PUNCT 1")
    some = conllu("1 _ NOUN 0", "2 a DET 1", "3 b NOUN 1", "4 c NOUN 1")
    found = values(tmp_path / "t.conllu", hidden + joiner + some)
    assert [row["form"] for row in found] == [["میرود", "."], ["_", "a", "b", "c"]]
    with pytest.raises(DataError, match="has no word 2"):
        values(tmp_path / "t.conllu", conllu("1 a X 0", "3 b X 1", "4 c X 1"))


def test_squad_answers(tmp_path: Path) -> None:
    questions = [
        {"id": "a", "question": "?", "answers": [{"text": "x", "answer_start": 0}, {"text": "y", "answer_start": 2}]},
        {"id": "b", "question": "?", "answers": [], "is_impossible": True, "plausible_answers": [{"text": "x"}]},
        {"id": "c", "question": "?"},
        {"id": 4, "question": "?", "answers": [{"text": "", "answer_start": 0}]},
    ]
    data = {"data": [{"paragraphs": [{"context": "x y", "qas": questions}]}]}
    found = rows(tmp_path / "t.json", json.dumps(data))
    assert [row.values.get("answers") for row in found] == [
        {"text": ["x", "y"], "answer_start": [0, 2]},
        {"text": [], "answer_start": []},
        None,
        None,
    ]
    assert found[3].values["id"] == "4"
    assert found[3].where() == f"{tmp_path}/t.json question:4"


def test_hellaswag(tmp_path: Path) -> None:
    item = "Walking: a man\n2\na\nb\nc\nd\n"
    found = rows(tmp_path / "t.txt", item + item.replace("man", "dog"), "hellaswag")
    assert found[1].values == {"text": "Walking: a dog", "label": "2", "endings": ["a", "b", "c", "d"]}
    assert found[1].line == 7
    with pytest.raises(DataError, match=r"t\.txt:8: .* must be the index of an ending"):
        rows(tmp_path / "t.txt", item + "x\n" + item, "hellaswag")
    with pytest.raises(DataError, match=r"t\.txt:7: the last item has 2 of 6 lines"):
        rows(tmp_path / "t.txt", item + "x\n1\n", "hellaswag")


def test_a_csv_value_may_be_longer_than_the_library_thinks(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"text,label\n{'word ' * 40_000},neg\n", encoding="utf-8")
    (row,) = formats.read(path, FileLayout(format="csv"))
    assert row.values == {"text": "word " * 40_000, "label": "neg"}


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "conll", "text"])
@pytest.mark.parametrize("quoting", [True, False])
def test_line_ends_of_a_carriage_return_alone_are_named(tmp_path: Path, name: str, quoting: bool) -> None:
    path = tmp_path / "t"
    path.write_bytes(b"a,b\rx,y\r")
    with pytest.raises(
        DataError, match=r"t:1: lines end with CR \(a carriage return\) alone; save the file with LF or CRLF"
    ):
        list(formats.read(path, FileLayout(format=name, quoting=quoting)))
    path.write_bytes(b"a\r\n")
    assert [row.values for row in formats.read(path, FileLayout(format="text"))] == [{"text": "a"}]
