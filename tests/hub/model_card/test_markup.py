"""Names of users in Markdown: read by a parser they are what they were."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from layover.escape import bold, code, markdown_table, note, plain

ODD = (
    "my task: a/b",
    "*x* _y_ __z__ ~~w~~",
    "<b>bold</b> <script>alert(1)</script> <!-- --> &amp;",
    "[link](https://example.org) ![picture](x.png) [a]: b",
    "`code` ``more`` `",
    "a|b|c",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "12) item",
    "> quote",
    "---",
    "===",
    "two\nlines\n\n# heading",
    "\u202eright to left\u2028next",
    "a\\|b\\",
    "$x^2$ $$y$$",
    "sandbox/nli_legal",
    "x" * 5000,
)
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
letters = st.characters(exclude_categories=("Cs",))
texts = st.text(st.one_of(letters, st.sampled_from("*_`|[]()<>&#-+=.!~$\\ \n1")), max_size=30)


def seen(text: str) -> str:
    """Return a text as a reader sees it: in one line."""
    unseen = {one for one in text if unicodedata.category(one) in {"Cc", "Cf"}} - set("\u200c\u200d")
    kept = "".join(" " if one in unseen else one for one in text)
    return " ".join(kept.split()) or "(no name)"


def inline(markdown: str) -> list[Token]:
    """Return what stands in a page of one paragraph."""
    tokens = READER.parse(markdown)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"], tokens
    return tokens[1].children or []


def words(tokens: list[Token]) -> str:
    return "".join(token.content for token in tokens)


@pytest.mark.parametrize("text", ODD)
def test_a_name_is_shown_as_it_is(text: str) -> None:
    for found in (inline(plain(text)), inline(f"It learned {plain(text)}.")):
        assert {token.type for token in found} <= {"text", "text_special"}
    assert words(inline(plain(text))) == seen(text)
    (strong, *inside, end) = [token for token in inline(bold(text)) if token.type != "text" or token.content]
    assert (strong.type, end.type) == ("strong_open", "strong_close")
    assert words(inside) == seen(text)


@given(texts)
def test_any_name_is_shown_as_it_is(text: str) -> None:
    shown = inline(f"a {plain(text)} b")
    assert {token.type for token in shown} <= {"text", "text_special"}
    assert words(shown).replace(" ", "") == f"a{seen(text)}b".replace(" ", "")
    alone = inline(plain(text))
    assert {token.type for token in alone} <= {"text", "text_special"}
    assert words(alone).replace(" ", "") == seen(text).replace(" ", "")


@given(texts)
def test_any_name_is_code(text: str) -> None:
    (before, found, after) = inline(f"a {code(text)} b")
    assert (before.content, found.type, after.content) == ("a ", "code_inline", " b")
    assert re.sub(" +", " ", found.content) == re.sub(" +", " ", seen(text))


@given(texts)
def test_any_name_is_one_cell(text: str) -> None:
    tokens = READER.parse(markdown_table(["name", "n"], [[plain(text), "1"]]))
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert words(cells[2].children or []).replace(" ", "") == seen(text).replace(" ", "")


@pytest.mark.parametrize("text", [*ODD, "the `max_length` of `a` and `<b>`, ``c`` `d e`", "label '`' in `x`, \\`y`"])
def test_a_message_shows_as_it_is_and_its_code_as_code(text: str) -> None:
    read_as_it_is(text)


@given(texts)
def test_any_message_shows_as_it_is(text: str) -> None:
    read_as_it_is(text)


def read_as_it_is(text: str) -> None:
    tokens = inline(f"Note: {note(text)}")
    assert {token.type for token in tokens} <= {"text", "text_special", "code_inline"}
    spans = [token.content for token in tokens if token.type == "code_inline"]
    line = seen(text)
    for span in spans:
        assert f"`{span}`" in line
        line = line.replace(f"`{span}`", span, 1)
    assert words(tokens) == f"Note: {line}"


def test_settings_of_ours_are_code() -> None:
    assert note("its `max_length` is `all`: run `layover run` in <b>`x`</b>") == (
        r"its `max_length` is `all`: run `layover run` in \<b\>`x`\</b\>"
    )
