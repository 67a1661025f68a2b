"""Patterns mean what they mean to Python's re, and none can run for long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from layover.errors import ModelError
from layover.layouts._patterns import MOST_STEPS, Patterns
from layover.layouts.points import points_of

LETTERS = st.sampled_from(
    ["a", "b", "0", "1", ".", r"\.", r"\d", r"\w", r"\W", "_", "[ab]", "[^a.]", r"[\d_-]", "[a-c]", "[]x]"]
)
COUNTS = st.sampled_from(["", "", "", "*", "+", "?", "*?", "+?", "{2}", "{1,}", "{0,2}", "{1,3}?"])
PATTERNS = st.recursive(
    LETTERS,
    lambda inner: st.one_of(
        st.lists(st.tuples(inner, COUNTS), max_size=4).map(lambda items: "".join(f"(?:{one}){n}" for one, n in items)),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"({'|'.join(items)})"),
        inner.map(lambda one: f"^{one}"),
        inner.map(lambda one: f"{one}$"),
    ),
    max_leaves=8,
)
TEXTS = st.text("ab01._x-", max_size=12)


@given(PATTERNS, TEXTS)
@example("", "")
@example("(a|)*b", "aab")
@example("(a*)*", "aaa")
@example("a|b$", "ab")
@example("x)|(y", "y")
def test_a_pattern_means_what_it_means_to_re(pattern: str, text: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error:
        with pytest.raises(ModelError):
            Patterns("here").whole(pattern, text)
        return
    assert Patterns("here").whole(pattern, text) == (compiled.fullmatch(text) is not None)
    assert Patterns("here").begins(pattern, text) == (compiled.match(text) is not None)


@given(st.text("ab01.\\()[]{}|*+?^$-,dwDW", max_size=12), TEXTS)
def test_anything_is_understood_as_re_does_or_refused(pattern: str, text: str) -> None:
    try:
        found = Patterns("here").whole(pattern, text)
    except ModelError:
        return
    assert found == (re.fullmatch(pattern, text) is not None)


POINTS = points_of("xlm-roberta")
PATH = "roberta.encoder.layer.11.attention.output.dense"
USUAL = [
    r"query",
    r".*\.(query|value)",
    r".*layer\.(1[01]|[0-9])\..*dense",
    r"(.*\.)?encoder\.layer\.((10|11)\.(attention\.output\.dense|output\.dense))",
    r"^roberta\.encoder\.layer\.\d+\.attention\.output\.dense$",
    r"layer.11.attention.output.dense",
    r"(?:\w+\.){3}\d{1,2}\.(attention|output)\.[a-z]+\.dense",
]


@pytest.mark.parametrize("pattern", USUAL)
def test_usual_patterns(pattern: str) -> None:
    ours, around = Patterns("here"), rf"(.*\.)?({pattern})$"
    assert ours.whole(pattern, PATH) == (re.fullmatch(pattern, PATH) is not None)
    assert ours.begins(around, PATH) == (re.match(around, PATH) is not None)


ENDLESS = [
    r"(.+)+!",
    r"(.|.)" * 60 + "!",
    r"(\w*\w*)*!",
    r"((((.*)*)*)*)*!",
    r"(.*.*.*.*)*!",
    r"(a|b|[a-z.0-9]|.)*!",
    "(" * 50 + ".*" + ")*" * 50 + "!",
    r"(.{0,999}){999}!",
    r"(((.{0,99}){0,99}){0,99}){0,99}!",
]


@pytest.mark.parametrize("pattern", ENDLESS)
def test_no_pattern_runs_for_long(pattern: str) -> None:
    """Python's re takes longer than anybody lives for most of these."""
    start = time.process_time()
    patterns = Patterns("here")
    try:
        found = any(patterns.whole(pattern, PATH) for _ in range(300))
    except ModelError as error:
        assert "take too long" in str(error)  # noqa: PT017
    else:
        assert not found
    assert time.process_time() - start < 10.0


def test_many_patterns_are_counted_together() -> None:
    patterns, start = Patterns("here"), time.process_time()

    def run_on() -> None:
        for number in range(MOST_STEPS):
            patterns.whole(f".*{number}", PATH)

    with pytest.raises(ModelError, match="here: its patterns take too long"):
        run_on()
    assert time.process_time() - start < 10.0


def test_a_pattern_for_every_linear_map_is_not_too_much() -> None:
    """As EVA writes them, here for an encoder of 48 layers."""
    names = [f"roberta.encoder.layer.{layer}.{path}" for layer in range(48) for path in POINTS.linears.values()]
    patterns = Patterns("here")
    for name in names:
        assert [one for one in names if patterns.begins(rf"(.*\.)?({one})$", name)] == [name]


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?i)a",
            "(?P<x>a)",
            "(?#a)",
            r"(a)\1",
            r"\b",
            r"\Aa",
            r"a\Z",
            "a**",
            "a*+",
            "(a",
        ),
        *("a)", "*a", "^*", "[a", "[b-a]", "[]", "a{,2}", "a{x}", "a{3,1}", "a{1000}", "\\", "[\\", r"[\d-z]", "|*"),
        *("(" * 51 + ")" * 51, "(?", "(?:", "a{2}{3}", "a????", "(a"),
    ],
)
def test_what_is_not_run_is_refused(pattern: str) -> None:
    with pytest.raises(ModelError, match="here: the pattern"):
        Patterns("here").whole(pattern, "a")


def test_a_pattern_too_long_is_refused() -> None:
    with pytest.raises(ModelError, match="take too long"):
        Patterns("here").whole("a" * 20_001, "a")
