"""Quoted values over several lines: meant so, or rows that stray quotes swallow."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from layover.data import formats
from layover.data.formats import FileLayout
from layover.data.tally import Tally
from layover.errors import DataError

SWALLOWED = 'text{d}label\n"Good play{d}pos\nbad one{d}neg\nsad"{d}neg\nnice{d}pos\n'


def read(path: Path, text: str, tally: Tally | None = None, **layout: Any) -> list[list[str]]:
    path.write_text(text, encoding="utf-8", newline="")
    rows = formats.read(path, FileLayout(format=formats.by_extension(path.name, tagging=False), **layout), tally)
    return [list(row.values.values()) for row in rows]


@pytest.mark.parametrize("value", ['"Good play\tpos\nsad"\tneg', '"Good\nplay"\tpos', 'fine\t"pos\nsad\tneg"'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_in_a_tsv_no_value_runs_over_lines(tmp_path: Path, value: str, end: str) -> None:
    text = f"text\tlabel\nfirst\tpos\n{value}\nlast\tneg\n".replace("\n", end)
    with pytest.raises(DataError, match=r"a.tsv:3: .* lines 3 to 4.*`quoting: false`.*`multiline: true`"):
        read(tmp_path / "a.tsv", text)


def test_the_settings_decide(tmp_path: Path) -> None:
    text = SWALLOWED.format(d="\t")
    assert len(read(tmp_path / "a.tsv", text, quoting=False)) == 4
    assert len(read(tmp_path / "a.tsv", text, multiline=True)) == 2
    text = SWALLOWED.format(d=",")
    assert len(read(tmp_path / "a.csv", text, quoting=False)) == 4
    assert len(read(tmp_path / "a.csv", text, multiline=True)) == 2
    with pytest.raises(DataError, match="lines 2 to 3"):
        read(tmp_path / "a.csv", 'text,label\n"a\n\n b",x\n'.replace("\n\n", "\n"), multiline=False)


LABELLED = "".join(f"row {number},{'pos' if number % 2 else 'neg'}\n" for number in range(20))


@pytest.mark.parametrize(
    "text",
    [
        SWALLOWED.format(d=","),
        SWALLOWED.format(d=",").replace("\n", "\r\n"),
        f'text,label\n{LABELLED}"Good play,pos\nsad",neg\n',
        f'text,label\n"Good play,pos\nsad",neg\n{LABELLED}',
        'id,text,label\n1,"Good play,pos\n2,bad one,neg\n3,sad",neg\n4,nice,pos\n',
        'label,text\npos,"Good play\nneg,sad"\npos,nice\nneg,bad\n',
        'text\n"one\ntwo"\nthree\n',  # of one column every line is a row
    ],
)
def test_in_a_csv_rows_that_stray_quotes_swallow_are_noticed(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"each of these lines looks like a separate row.*`multiline: true`"):
        read(tmp_path / "a.csv", text)


@pytest.mark.parametrize(
    "text",
    [
        f'text,label\n{LABELLED}"hi,neg\nok then,\nbye",neg\n',  # a row without its label
        f'text,label\n{LABELLED}"hi,\nok then,pos\nbye",neg\n',
        f'text,label\n{LABELLED}"hi,neg\nok then,neu\nbye",neg\n',  # a label that stands nowhere else
        f'text,label\n{LABELLED}"hi,neu\nok then,pos\nbye",neg\n',
        f'text,label\n{LABELLED}"hi,neg\nbye",neu\n',
        f'text,label\n{LABELLED}"hi,neg\nwell, ok,neu\nbye",neg\n',  # a comma more
        f'text,label\n{LABELLED}"hi,neg\n\nbye",neg\n',  # an empty line
        f'text,label\n{LABELLED}"hi,neg\n\nbye",neg\n'.replace("\n", "\r\n"),
        f'"text","label"\n{LABELLED}"hi,neg\nok then,pos\nbye",neg\n',  # only the header is quoted
        f'"text","label"\n"all of it","pos"\n{LABELLED}"hi,neg\nok then,pos\nbye",neg\n',
    ],
)
def test_in_a_csv_rows_without_a_known_label_are_noticed_too(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"a.csv:\d+: a quoted value runs over the lines .*`multiline: true`"):
        read(tmp_path / "a.csv", text)


@pytest.mark.parametrize(
    ("rows", "swallowed"),
    [
        ("en,row,neg\nen,low,pos\n", 'en,"hi,neg\nsw,ok,pos\nen,bye",neg\n'),
        ("neg,en,row\npos,en,low\n", 'neg,en,"hi\nneu,sw,ok\nneg,en,bye"\n'),  # what stands before the value
    ],
)
def test_a_third_column_with_a_rare_value_hides_nothing(tmp_path: Path, rows: str, swallowed: str) -> None:
    with pytest.raises(
        DataError, match=r"a.csv:26: .* lines 26 to 28, and one .* has 'n?e[ng]' in the same column as rows"
    ):
        read(tmp_path / "a.csv", f"a,b,c\n{rows * 12}{swallowed}")


def test_values_over_several_lines_are_told_unless_they_are_declared(tmp_path: Path) -> None:
    text = f'text,label\n{LABELLED}"Dear all,\nbye",neg\nnice,pos\n"one\n\ntwo, three",pos\n'
    tally, declared = Tally(), Tally()
    assert read(tmp_path / "a.csv", text, tally)[20:] == [
        ["Dear all,\nbye", "neg"],
        ["nice", "pos"],
        ["one\n\ntwo, three", "pos"],
    ]
    (told,) = tally.left_out()
    assert (told.reason, told.sort, told.count) == ("value that runs over lines", "kept", 2)
    assert told.first == f"{tmp_path / 'a.csv'}:22"
    assert len(read(tmp_path / "a.csv", text, declared, multiline=True)) == 23
    assert declared.left_out() == ()


def test_a_header_that_swallows_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a.csv:1: .* the header must be one line"):
        read(tmp_path / "a.csv", 'text,"label\ngood,pos\nbad,neg"\nnice,pos\n')


@pytest.mark.parametrize(
    "values",
    [
        ["Dear all,\nsee you, Kim", "one line", "two\nlines"],
        ["Hello, you\nbye"],  # as many commas as a row, and a space that no label begins with
        ["a paragraph,x\n\nanother,x\nend"],  # an empty line is no row
        ['said "so," twice\nand went'],
        ["first,second\nlast"],  # `second` is none of the labels
    ],
)
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_values_over_several_lines_are_read(tmp_path: Path, values: list[str], quoting: Any, end: str) -> None:
    wanted = [[value, "pos" if number % 2 else "neg"] for number, value in enumerate(values * 12)]
    stream = io.StringIO()
    csv.writer(stream, quoting=quoting, lineterminator=end).writerows([["text", "label"], *wanted])
    assert read(tmp_path / "a.csv", stream.getvalue()) == wanted


def test_who_quotes_everything_may_write_what_looks_like_a_row(tmp_path: Path) -> None:
    wanted = [["Good play,pos\nsad", "neg"], ["nice", "pos"]]
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["text", "label"], *wanted])
    assert read(tmp_path / "a.csv", stream.getvalue()) == wanted


@pytest.mark.parametrize("line", ['"Good" play,pos', '"Good play,pos', 'Good,"pos" it', '"a","b'])
def test_other_stray_quotes_are_errors(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"a.csv:2: .*`quoting: false`"):
        read(tmp_path / "a.csv", f"text,label\n{line}\n")


def test_quotes_inside_a_value_are_text(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", 'text,label\nGood "play",pos\n5" tall,neg\n') == [
        ['Good "play"', "pos"],
        ['5" tall', "neg"],
    ]
