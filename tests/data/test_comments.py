"""Comment lines of CoNLL files, and the words that look like them."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.data import formats
from layover.data.formats import FileLayout
from layover.data.tally import Tally
from layover.errors import DataError

WIDE = {"separator": "whitespace"}


def read(path: Path, text: str, **layout: object) -> tuple[list[list[str]], dict[str, tuple[int, str]]]:
    """Return the first column of every sentence, and what was skipped."""
    path.write_text(text, encoding="utf-8")
    tally = Tally()
    rows = [row.values["0"] for row in formats.read(path, FileLayout(format="conll", **layout), tally)]  # type: ignore[arg-type]
    return rows, {one.reason: (one.count, one.first) for one in tally.left_out()}


@pytest.mark.parametrize(
    "comment",
    [
        "# id 5239d808-f300\tdomain=train",  # as many columns as the words
        "# sent_id = 3",
        "# text = Kim sang",
        "#sent_id=3 x",
        "# newdoc",
        "# a sentence that somebody wrote about",
        "## part two of it",
    ],
)
@pytest.mark.parametrize("separator", ["whitespace", "tab"])
def test_comments_before_the_words_are_skipped_and_counted(tmp_path: Path, comment: str, separator: str) -> None:
    words = "Kim _ _ B-PER\nsang _ _ O\n".replace(" ", " " if separator == "whitespace" else "\t")
    rows, skipped = read(tmp_path / "a", f"{comment}\n{words}\n{comment}\n{words}", separator=separator)
    assert rows == [["Kim", "sang"]] * 2
    wide = separator == "whitespace" and len(comment.split()) == 4
    reason = "comment line with as many columns as a word" if wide else "comment line"
    assert skipped == {reason: (2, f"{tmp_path / 'a'}:1")}


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ("# text = I like it .", "I PRON\nlike VERB\nit PRON\n. .\n"),  # the last token is a tag, too
        ("# text = EU O", "EU O\nis O\n"),
        ("#text= EU O", "EU _ _ O\nis _ _ O\n"),
        ("# this is what they wrote .", "I PRON\n. .\n"),
        ("# text = one two three", "one _ _ O\n"),
    ],
)
def test_a_comment_that_ends_like_a_tag_is_one_where_it_is_not_as_wide_as_the_words(
    tmp_path: Path, comment: str, words: str
) -> None:
    rows, skipped = read(tmp_path / "a", f"{comment}\n{words}", **WIDE)
    assert rows == [[line.split()[0] for line in words.splitlines()]]
    assert skipped == {"comment line": (1, f"{tmp_path / 'a'}:1")}


@pytest.mark.parametrize("word", ["# _ _ O", "#sing _ _ O", "#id _ _ O", "#E=mc2 _ _ O", "## _ _ O"])
@pytest.mark.parametrize("place", ["first", "inside"])
@pytest.mark.parametrize("separator", ["whitespace", "tab"])
def test_the_sign_and_hashtags_are_words(tmp_path: Path, word: str, place: str, separator: str) -> None:
    text = f"{word}\nKim _ _ O\n" if place == "first" else f"Kim _ _ O\n{word}\n"
    rows, skipped = read(
        tmp_path / "a", text.replace(" ", " " if separator == "whitespace" else "\t"), separator=separator
    )
    assert sorted(rows[0]) == sorted(["Kim", word.split(maxsplit=1)[0]])
    assert skipped == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# text x O\nKim _ _ O\n", 1),  # the tag is one that words have
        ("# text = .\nKim _ _ .\n", 1),
        ("Kim _ _ O\n# id 3 new\n", 2),  # inside a sentence
        ("Kim _ _ O\n# a remark between the words\n", 2),
        ("#sing\nKim _ _ O\n", 1),  # a hashtag without its tag, most likely
        ("#\nKim _ _ O\n", 1),
        ("# O\nKim _ _ O\n", 1),
    ],
)
def test_a_line_that_may_be_both_is_refused_with_the_setting(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(DataError, match=rf"a:{line}: .* may be a comment, or a word .* declare `comments`"):
        read(tmp_path / "a", text, **WIDE)


@pytest.mark.parametrize("line", ["#win=2\tB-LOC", "#win=2\tB-PER", "#sent_id=3\tnew", "##win=2\tB-LOC"])
@pytest.mark.parametrize("separator", ["whitespace", "tab"])
def test_a_hashtag_with_an_equals_sign_is_never_dropped(tmp_path: Path, line: str, separator: str) -> None:
    text = f"{line}\nJo\tB-PER\nDoe\tI-PER\n"
    if line.endswith("B-PER"):  # a tag that a word has
        assert read(tmp_path / "a", text, separator=separator) == ([["#win=2", "Jo", "Doe"]], {})
        return
    with pytest.raises(DataError, match=r"a:1: .* may be a comment, or a word .* declare `comments`"):
        read(tmp_path / "a", text, separator=separator)
    rows, skipped = read(tmp_path / "a", text, separator=separator, comments="#")
    assert (rows, list(skipped)) == ([["Jo", "Doe"]], ["comment line"])


@pytest.mark.parametrize(("comment", "sign"), [("% made by hand", "%"), (";; by hand", ";;"), ("// by hand", "//")])
def test_signs_of_other_tools_are_named_with_the_setting(tmp_path: Path, comment: str, sign: str) -> None:
    where, advice = f"{tmp_path / 'a'}", f"declare `comments: '{sign}'`"
    with pytest.raises(DataError, match="a:2: the line has 2 columns") as first:
        read(tmp_path / "a", f"{comment}\nKim\tO\n")
    assert str(first.value).endswith(f"; if {where}:1 ({comment!r}) is a comment, {advice}")
    with pytest.raises(DataError, match="a:3: the line has 1 columns") as later:
        read(tmp_path / "a", f"Kim\tO\n\n{comment}\nsang\tO\n")
    assert str(later.value).endswith(f"; if {where}:3 ({comment!r}) is a comment, {advice}")
    with pytest.raises(DataError, match="a:1: the line has 1 columns, but 2 are declared") as declared:
        read(tmp_path / "a", f"{comment}\nKim\tO\n", header=("0", "1"))
    assert str(declared.value).endswith(advice)
    assert read(tmp_path / "a", f"{comment}\nKim\tO\n", comments=sign)[0] == [["Kim"]]
    with pytest.raises(DataError) as plain:
        read(tmp_path / "a", "Kim\nsang\tO\n")
    assert "comments" not in str(plain.value)


def test_the_setting_decides(tmp_path: Path) -> None:
    text = "# text x O\nKim _ _ O\n# between _ O\n"
    assert read(tmp_path / "a", text, comments="", **WIDE) == ([["#", "Kim", "#"]], {})
    rows, skipped = read(tmp_path / "a", text, comments="#", **WIDE)
    assert rows == [["Kim"]]
    assert skipped == {"comment line": (2, f"{tmp_path / 'a'}:1")}
    rows, _ = read(tmp_path / "a", "%% remark\n#a _ _ O\n", comments="%%", **WIDE)
    assert rows == [["#a"]]


def test_other_lines_that_are_no_words_are_counted_too(tmp_path: Path) -> None:
    rows, skipped = read(tmp_path / "a", "-DOCSTART- O\n\nKim O\n\n-DOCSTART- O\n\nsang O\n", **WIDE)
    assert rows == [["Kim"], ["sang"]]
    assert skipped == {"-DOCSTART- line": (2, f"{tmp_path / 'a'}:1")}
    word = "{}\t{}\t_\tNOUN\t_\t_\t0\t_\t_\t_\n"
    hidden = "".join(word.format(number, "_") for number in (1, 2))
    shown = word.format(1, "Kim") + word.format("1.1", "x").replace("\t0\t", "\t_\t")
    (tmp_path / "b").write_text(f"# text = _\n{hidden}\n{shown}\n", encoding="utf-8")
    tally = Tally()
    (row,) = formats.read(tmp_path / "b", FileLayout(format="conllu"), tally)
    assert row.values["form"] == ["Kim"]
    assert {one.reason: (one.count, one.sort) for one in tally.left_out()} == {
        "comment line": (1, "line"),
        "sentence whose words are all _ but for one at most": (1, "lost"),
        "empty node of CoNLL-U": (1, "line"),
    }


def test_the_setting_is_part_of_the_identity_only_where_it_is_given() -> None:
    assert "comments" not in FileLayout(format="conll").identity()
    assert "multiline" not in FileLayout(format="csv").identity()
    assert FileLayout(format="conll", comments="#").identity()["comments"] == "#"
    assert FileLayout(format="conll", comments="").identity()["comments"] == ""
    assert FileLayout(format="csv", multiline=False).identity()["multiline"] is False
