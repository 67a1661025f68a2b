"""Patterns mean what they mean to Python's re, and none can run for long."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.quick import quick

from layover.errors import ModelError
from layover.families import family_of
from layover.layouts._patterns import MOST_RUNS, Patterns

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
@example("a{,2}", "aa")
@example("[[:alpha:]]", "a")
def test_a_pattern_means_what_it_means_to_re(pattern: str, text: str) -> None:
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of sets in sets
        try:
            compiled = re.compile(pattern)
        except re.error:
            with pytest.raises(ModelError):
                Patterns("here").whole(pattern, text)
            return
    try:
        assert Patterns("here").whole(pattern, text) == (compiled.fullmatch(text) is not None)
        assert Patterns("here").begins(pattern, text) == (compiled.match(text) is not None)
    except ModelError as error:
        assert "is not run here" in str(error)  # noqa: PT017


FAMILY = family_of("xlm-roberta")
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
    patterns = Patterns("here")
    with quick(10):
        try:
            found = any(patterns.whole(pattern, PATH) for _ in range(300))
        except ModelError as error:
            assert "is not run here" in str(error)  # noqa: PT017
        else:
            assert not found


def test_many_patterns_are_counted_together() -> None:
    patterns = Patterns("here")

    def run_on() -> None:
        for _ in range(MOST_RUNS + 1):
            patterns.whole(".*7", PATH)

    with quick(10), pytest.raises(ModelError, match="here: its patterns take too long"):
        run_on()


def test_a_pattern_for_every_linear_map_is_not_too_much() -> None:
    """As EVA writes them, here for an encoder of 48 layers."""
    names = [f"roberta.encoder.layer.{layer}.{path}" for layer in range(48) for path in FAMILY.linears.values()]
    patterns = Patterns("here")
    for name in names:
        assert [one for one in names if patterns.begins(rf"(.*\.)?({one})$", name)] == [name]


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)", "(?!a)", "(?<=a)", r"(a)\1", r"a\Z", "a**", "(a", "a)", "*a", "[a", "a{3,1}", "\\", "a{,2}"],
)
def test_what_is_not_run_is_refused(pattern: str) -> None:
    with pytest.raises(ModelError, match=r"here: the pattern .* is not run here"):
        Patterns("here").whole(pattern, "a")


def test_a_pattern_too_long_is_refused() -> None:
    with pytest.raises(ModelError, match="100001 characters"):
        Patterns("here").whole("a" * 100_001, "a")
