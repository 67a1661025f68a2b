"""The layouts that supertags are written in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layover.data import formats
from layover.data.formats import FileLayout
from layover.errors import DataError

NAME = "ID=x.1 PARSER=GOLD NUMPARSE=1"
ANNA = r"(<T S[dcl] 0 2> (<L NP NNP NNP Anna NP>) (<T S[dcl]\NP 0 1> (<L S[dcl]\NP VBZ VBZ sings S[dcl]\NP_1>) ) ) "
BRACKET = "(<T NP 0 2> (<L LRB -LRB- -LRB- -LRB- LRB>) (<L N/N CD CD 1\\/2 N_3/N_3>) ) "


def rows(path: Path, content: str, format: str) -> list[dict[str, Any]]:  # noqa: A002
    path.write_text(content, encoding="utf-8")
    return [dict(row.values) for row in formats.read(path, FileLayout(format=format))]


def test_derivations(tmp_path: Path) -> None:
    found = rows(tmp_path / "x.auto", f"{NAME}\n{ANNA}\n{NAME}\r\n{BRACKET}\r\n", "ccgbank")
    assert found == [
        {"word": ["Anna", "sings"], "tag": ["NP", "S[dcl]\\NP"]},
        {"word": ["-LRB-", "1\\/2"], "tag": ["LRB", "N/N"]},
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{NAME}\n{NAME}\n{ANNA}\n", r"x\.auto:2: the line is 'ID=.*, but must be the derivation"),
        (f"{NAME}\n{ANNA}\n{ANNA}\n", r"x\.auto:3: .*, but must be a line that begins with 'ID='"),
        (f"{NAME}\n{ANNA}\n{NAME}\n", r"x\.auto:3: the last sentence has no derivation"),
        (f"{NAME}\n(<T NP 0 1> )\n", r"x\.auto:2: the derivation has 0 leaves"),
        (f"{NAME}\n{ANNA.replace('NNP NNP', 'NNP')}\n", r"x\.auto:2: the derivation has 2 leaves, of which 1 have"),
    ],
)
def test_derivations_that_would_lose_a_word(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows(tmp_path / "x.auto", content, "ccgbank")


def test_words_with_bars(tmp_path: Path) -> None:
    two = rows(tmp_path / "x.stagged", "Anna|NP  sings|S[dcl]\\NP \n\n#|N/N 5|N\n", "word_tag")
    assert two == [
        {"word": ["Anna", "sings"], "tag": ["NP", "S[dcl]\\NP"]},
        {"word": ["#", "5"], "tag": ["N/N", "N"]},
    ]
    three = rows(tmp_path / "x.stagged", "# made by hand\n\nAnna|NNP|NP sings|VBZ|S[dcl]\\NP\n", "word_tag")
    assert three == [{"word": ["Anna", "sings"], "pos": ["NNP", "VBZ"], "tag": ["NP", "S[dcl]\\NP"]}]
    for line in ("a|N b|NN|N", "a|N b", "a|N |N", "a|b|c|N"):
        with pytest.raises(DataError, match=r"x\.stagged:1: .* does not have the form word\|tag"):
            rows(tmp_path / "x.stagged", line, "word_tag")


def test_layers_of_the_meaning_bank(tmp_path: Path) -> None:
    lines = ["### Made by hand", "# newdoc id = p1", "# tok:gold\ta\tb\tc\td\te\tf", "# raw sent = #1 New York."]
    words = ["#", "1", "New~York", "."]
    table = [f"{word}\t{word}\ts\tS\t{tag}\tO\t[]" for word, tag in zip(words, ["n/n", "n", "n", "."], strict=True)]
    one = "\n".join([*lines, *table, ""])
    found = rows(tmp_path / "x.conll", f"{one}\n# raw sent = Two.\n{table[1]}\n\n", "pmb")
    assert [row["token"] for row in found] == [["#", "1", "New York", "."], ["1"]]
    assert found[0]["cat"] == ["n/n", "n", "n", "."]
    assert found[0]["tok"] == words
    with pytest.raises(DataError, match=r"x\.conll:5: the line has 2 columns, but 7 are declared"):
        rows(tmp_path / "x.conll", "\n".join([*lines, "a\tn"]), "pmb")


def test_extensions() -> None:
    assert formats.by_extension("wsj00.auto", tagging=True) == "ccgbank"
    assert formats.by_extension("wsj00.stagged.gz", tagging=True) == "word_tag"
    with pytest.raises(DataError, match=r"wsj00\.parg: .* only words with dependencies, .*name the \.auto file"):
        formats.by_extension("wsj00.parg", tagging=True)
