"""What stands between columns is declared, never guessed; an error names the separator that would fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layover.errors import DataError
from layover.tasks import OwnTask, declare, idle

TEXT = {"kind": "classification", "labels": ("neg", "pos"), "text": ("text",)}
TAGS = {"kind": "tagging", "labels": ("O", "B-X")}


def read(folder: Path, name: str, content: str, **declared: Any) -> list[Any]:
    (folder / name).write_text(content, encoding="utf-8")
    task = declare("mine", OwnTask(train_language="en", **declared))
    place = task.locate("train", "en", root=folder, files={"train": name})
    assert place is not None
    return task.read(place)


@pytest.mark.parametrize(
    ("name", "content", "own", "message"),
    [
        ("a.csv", "text;label\na;pos\n", TEXT, (r"a.csv:2: there is no column 'label'; its only column is .text"
         ";label.; if the values are separated by ';', declare `separator: \";\"`")),
        ("a.csv", "text\tlabel\na\tpos\n", TEXT, 'declare `separator: "tab"`'),
        ("a.csv", "text|label\na|pos\n", TEXT, r"declare `separator: \"\|\"`"),
        ("a.tsv", "text,label\na,pos\n", TEXT, 'declare `separator: ","`'),
        ("a.csv", "text;label\na, b;pos\n", TEXT, r"a.csv:2: .* 2 values, .* 1 columns .*declare `separator: \";\"`$"),
        ("a.csv", "a,pos\nb,neg\n", TEXT, "one of: a, pos; if the first line is a row, declare the names of the colum"),
        ("a.csv", "Text,Label\na,pos\n", TEXT, "no column 'label'; did you mean 'Label'\\?$"),
        ("a.txt", "a O\nb B-X\n", TAGS, (r"a.txt:1: there is no column '1'; its only column is '0'; if spaces "
         "separate the columns, declare `separator: whitespace`")),
        ("a.conll", "a;O\n", TAGS, 'declare `separator: ";"`'),
        ("a.conll", "a O\n", {**TAGS, "header": ("tokens", "tags"), "tokens": "tokens", "tags": "tags"},
         "1 columns, but 2 are declared .* declare `separator: whitespace`"),
        ("a.conllu", "1\ta\t_\tO\t_\t_\t0\t_\t_\t_\n", TAGS, "use the column names of CoNLL-U .*`tokens: form`"),
        ("a.csv", "text,label,text\na,pos,b\n", TEXT, "a.csv:1: the header names 'text' twice; rename one"),
    ],
)  # fmt: skip
def test_the_error_names_what_would_fit(
    tmp_path: Path, name: str, content: str, own: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, name, content, **own)


def test_spaces_of_other_kinds_stand_within_words(tmp_path: Path) -> None:
    (one,) = read(tmp_path, "a.txt", "10\u00a0000  O\n\u3000 B-X\n\u2009x \t O\n", **TAGS, separator="whitespace")
    assert (one.tokens, one.tags) == (("10\u00a0000", "\u3000", "\u2009x"), ("O", "B-X", "O"))
    # a line of such a space alone ends no sentence: a word without its tag
    with pytest.raises(DataError, match=r"a.txt:2: the line has 1 columns"):
        read(tmp_path, "a.txt", "a O\n\u00a0\nb O\n", **TAGS, separator="whitespace")


def test_several_characters_separate_where_quotes_are_text(tmp_path: Path) -> None:
    (one,) = read(tmp_path, "a.csv", 'text ||| label\n"a, b ||| pos\n', **TEXT, separator=" ||| ", quoting=False)
    assert (one.first, one.label) == ('"a, b', "pos")
    own = OwnTask(**TEXT, separator=" ||| ")
    assert idle(own, ["a.csv"]) == {"separator": "' ||| ' is longer than one character; declare `quoting: false` too"}


def test_whitespace_belongs_to_conll() -> None:
    own = OwnTask(**TEXT, separator="whitespace")
    assert "cannot have whitespace as separator" in idle(own, ["a.csv"])["separator"]
    assert idle(OwnTask(**TAGS, separator="whitespace"), ["a.conll"]) == {}
    assert "do not have this setting" in idle(OwnTask(**TEXT, separator=";"), ["a.jsonl"])["separator"]
    assert "do not have this setting" in idle(OwnTask(**TEXT, encoding="cp1252"), ["a.parquet"])["encoding"]


@pytest.mark.parametrize("separator", ["", '"', "\n", "semi", 5])
def test_what_separates_nothing_is_refused(separator: object) -> None:
    with pytest.raises(ValueError, match=r"cannot separate columns|is not the name of a separator"):
        OwnTask(**TEXT, separator=separator)


@pytest.mark.parametrize("encoding", ["latin-99", "rot13", "hex", "", 5])
def test_an_unknown_encoding_is_refused(encoding: object) -> None:
    with pytest.raises(ValueError, match="is not an encoding; write a name that Python knows: utf-8, latin-1"):
        OwnTask(**TEXT, encoding=encoding)


def test_a_treebank_of_ones_own_keeps_its_words(tmp_path: Path) -> None:
    lines = [
        "1-2\tab c\u200cd\t_\t_\t_\t_\t_\t_\t_\t_",
        "1\tab\t_\tO\tX\t_\t2\t_\t_\t_",
        "2\tc\t_\tB-X\tY\t_\t0\t_\t_\t_",
    ]
    (one,) = read(tmp_path, "a.conllu", "\n".join(lines) + "\n", **TAGS, tokens="form", tags="upos")
    assert (one.tokens, one.tags) == (("ab c\u200cd",), ("B-X",))
    with pytest.raises(DataError, match="the token 1-3 ends after the last word"):
        read(tmp_path, "a.conllu", lines[0].replace("1-2", "1-3") + "\n" + "\n".join(lines[1:]) + "\n", **TAGS)
    with pytest.raises(DataError, match=r"a.conllu:2: not a CoNLL-U line .* the sentence already has a word 1"):
        read(tmp_path, "a.conllu", f"{lines[1]}\n{lines[1]}\n", **TAGS)


def test_the_gold_is_no_text() -> None:
    for own in ({**TEXT, "text": ("label",)}, {**TEXT, "text": ("say {label}",)}, {**TAGS, "tokens": 1, "tags": 1}):
        with pytest.raises(DataError, match="is the gold, but the encoder would read it as text"):
            declare("mine", OwnTask(**own))
    with pytest.raises(DataError, match="`header` names the column 'text' twice"):
        declare("mine", OwnTask(**TEXT, header=("text", "text")))
