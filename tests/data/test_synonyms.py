"""Files of synonyms: both formats give one table, and every mistake has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.data.synonyms import SynonymsError, read_synonyms

TABLE = {"big": ("large", "huge"), "cat": ("tomcat",), "\u00fcber": ("oberhalb",)}


def test_json_and_lines_give_one_table(tmp_path: Path) -> None:
    lines = "big\tlarge\ncat\ttomcat\r\n\nbig\thuge\nbig\tlarge\nbig\tbig\n\u00fcber\toberhalb\n"
    (tmp_path / "a.tsv").write_text(lines, encoding="utf-8")
    text = '{"big": ["large", "huge", "large", "big"], "cat": ["tomcat"], "rare": [], "\\u00fcber": ["oberhalb"]}'
    (tmp_path / "a.JSON").write_text("\ufeff" + text, encoding="utf-8")
    assert read_synonyms(tmp_path / "a.tsv") == TABLE
    assert read_synonyms(tmp_path / "a.JSON") == TABLE


LINES = "big\tlarge\nbig large\ncat\ttom cat\n\tx\ncat\t\na\tb\tc\n"
JSON = """{
 "big": ["large"],
 "cat": ["tom cat", 3, "ok", ""],
 "two words": ["x"],
 "dog": "hound",
 "big": ["huge"],
 "elk": {"x": 1}
}"""


@pytest.mark.parametrize(
    ("name", "text", "mistakes"),
    [
        (
            "a.tsv",
            LINES,
            [
                ":2: the line has 1 fields; write a word, a tab and one neighbour",
                ":3: the neighbour 'tom cat' has white space, but one word is replaced by one word; correct it",
                ":4: the word '' is empty; correct it",
                ":5: the neighbour '' is empty; correct it",
                ":6: the line has 3 fields; write a word, a tab and one neighbour",
            ],
        ),
        (
            "a.json",
            JSON,
            [
                ":3: the neighbour 'tom cat' has white space, but one word is replaced by one word; correct it",
                ":3: the neighbour 3 of 'cat' is no text; write it in quotes",
                ":3: the neighbour '' is empty; correct it",
                ":4: the word 'two words' has white space, but one word is replaced by one word; correct it",
                ':5: the neighbours of \'dog\' are no list; write {"word": ["neighbour", ...]}',
                ":6: the word 'big' is here a second time; join both lists",
                ':7: the neighbours of \'elk\' are no list; write {"word": ["neighbour", ...]}',
            ],
        ),
        (
            "a.json",
            '{\n"a": ["b",\n]}',
            [":3: this is no JSON (Illegal trailing comma before end of array); correct it"],
        ),
        ("a.json", "[1]", [':1: the file is no JSON object; write {"word": ["neighbour", ...]}']),
        ("a.json", '{"a": []}', [": no word has a neighbour; write at least one word with one"]),
        ("a.tsv", "\n", [": no word has a neighbour; write at least one word with one"]),
    ],
)
def test_every_mistake_has_its_line(name: str, text: str, mistakes: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SynonymsError) as caught:
        read_synonyms(tmp_path / name)
    if "this is no JSON" in mistakes[0]:  # the reason has other words in other versions of Python
        assert [text.partition("(")[0] for text in caught.value.mistakes] == [
            f"{tmp_path / name}{mistakes[0].partition('(')[0]}"
        ]
        return
    assert caught.value.mistakes == [f"{tmp_path / name}{mistake}" for mistake in mistakes]


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"a\tb\nc\t\xff\n")
    with pytest.raises(SynonymsError, match=r"a\.tsv:2: the file is not UTF-8"):
        read_synonyms(tmp_path / "a.tsv")
    with pytest.raises(SynonymsError, match="there is no such file"):
        read_synonyms(tmp_path / "b.tsv")
    with pytest.raises(SynonymsError, match="there is no such file"):
        read_synonyms(tmp_path)


def test_only_the_first_mistakes_are_shown(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("x\n" * 30, encoding="utf-8")
    with pytest.raises(SynonymsError) as caught:
        read_synonyms(tmp_path / "a.tsv")
    assert len(caught.value.mistakes) == 21
    assert caught.value.mistakes[-1] == "and 10 more mistakes in this file"
