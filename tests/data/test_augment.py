"""Copies of examples with synonyms: uniform draws, equal in every process, that leave gold where it is."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from layover import kinds
from layover.data.augment import Substitution
from layover.errors import DataError
from layover.kinds import choice, classification, multilabel, regression, span, tagging
from layover.kinds._span_answers import Answer
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._scheme import Scheme
from layover.stable_random import StableRandom

TABLE = {"big": ("large", "huge"), "cat": ("tomcat",), "Ulm": ("Ulmtown",)}
TEXT = "the  big cat\tsaw a big\u00a0cat, big "


class Last(StableRandom):
    """Picks the last option."""

    def share(self, *purpose: str) -> float:  # noqa: ARG002
        return 1.0


def last(**settings: Any) -> Substitution:
    """Return a substitution of every word by its last neighbour."""
    draw = Substitution(TABLE, 0, 0, 0, **settings)
    draw._random = Last(())
    return draw


def test_words_are_replaced_and_white_space_stays() -> None:
    # a word is what white space divides: `cat,` has no neighbours
    assert last().text("first", TEXT) == "the  huge tomcat\tsaw a huge\u00a0cat, huge "
    assert last().text("first", "Big CAT") == "Big CAT", "case counts"
    assert last().text("first", "") == ""


def test_draws_are_uniform_and_contain_the_word_itself() -> None:
    draws = [Substitution(TABLE, 7, copy, row).text("first", "big") for copy in range(3) for row in range(3_000)]
    counts = Counter(draws)
    assert counts.keys() == {"big", "large", "huge"}
    # chi-squared with 2 degrees of freedom: 13.8 is exceeded once in 1,000 draws of this size
    assert sum((count - 3_000) ** 2 / 3_000 for count in counts.values()) < 13.8


@pytest.mark.parametrize("other", [(8, 0, 0, "first"), (7, 1, 0, "first"), (7, 0, 1, "first"), (7, 0, 0, "second")])
def test_seed_copy_row_and_text_have_draws_of_their_own(other: tuple[int, int, int, str]) -> None:
    text = " ".join(["big"] * 64)
    here = Substitution(TABLE, 7, 0, 0).text("first", text).split()
    *numbers, field = other
    there = Substitution(TABLE, *numbers).text(field, text).split()  # type: ignore[arg-type]
    assert 0.1 < sum(word == drawn for word, drawn in zip(here, there, strict=True)) / 64 < 0.6
    assert here == Substitution(TABLE, 7, 0, 0).text("first", text).split()


def test_the_words_of_one_text_are_drawn_independently() -> None:
    pairs = Counter(tuple(Substitution(TABLE, 0, 0, row).text("first", "big big").split()) for row in range(4_500))
    assert len(pairs) == 9
    assert all(350 < count < 650 for count in pairs.values())


def test_draws_are_equal_in_every_process() -> None:
    program = (
        "from layover.data.augment import Substitution\n"
        "table = {'big': ('large', 'huge')}\n"
        "print([Substitution(table, 1, 2, row).text('first', 'big ' * 20) for row in range(20)])\n"
    )
    command = [sys.executable, "-c", program]
    outputs = {
        subprocess.run(
            command, check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": seed, "PYTHONPATH": path()}
        ).stdout
        for seed in ("1", "2")
    }
    table = {"big": ("large", "huge")}
    here = [Substitution(table, 1, 2, row).text("first", "big " * 20) for row in range(20)]
    assert outputs == {f"{here}\n"}
    # these draws must not change: they are behind the keys of trainings
    assert here[0].split()[:6] == ["big", "huge", "big", "big", "huge", "big"]


def path() -> str:
    return ":".join(sys.path)


@pytest.mark.parametrize(
    ("kind", "example", "expected"),
    [
        (
            "classification",
            classification.Example("a big cat", "a cat", "no"),
            classification.Example("a huge tomcat", "a tomcat", "no"),
        ),
        (
            "classification",
            classification.Example("a big cat", None, None),
            classification.Example("a huge tomcat", None, None),
        ),
        ("regression", regression.Example("big", "cat", 2.5), regression.Example("huge", "tomcat", 2.5)),
        ("multilabel", multilabel.Example("big", None, ("a", "b")), multilabel.Example("huge", None, ("a", "b"))),
        ("choice", choice.Example("big", ("cat", "dog"), 1), choice.Example("huge", ("tomcat", "dog"), 1)),
        # choices that became equal: the gold is the first of them
        ("choice", choice.Example("x", ("tomcat", "cat"), 1), choice.Example("x", ("tomcat", "tomcat"), 0)),
        ("choice", choice.Example("x", ("cat", "dog"), None), choice.Example("x", ("tomcat", "dog"), None)),
        (
            "tagging",
            tagging.Example(("big", "Ulm", "cat"), ("O", "B-LOC", "O")),
            tagging.Example(("huge", "Ulm", "tomcat"), ("O", "B-LOC", "O")),
        ),
        ("tagging", tagging.Example(("Ulm",), None), tagging.Example(("Ulmtown",), None)),
    ],
)
def test_gold_stays(kind: str, example: Any, expected: Any) -> None:
    assert kinds.get(kind).substituted(example, last(kept=("B-LOC", "I-LOC"))) == expected


def test_both_texts_of_a_pair_are_drawn_independently() -> None:
    kind, texts = kinds.get("classification"), "big " * 64
    drawn = kind.substituted(classification.Example(texts, texts, "no"), Substitution(TABLE, 0, 0, 0))
    assert drawn.first != drawn.second


@pytest.mark.parametrize("draw", [last(), *(Substitution(TABLE, 0, copy, 3) for copy in range(10))])
def test_answers_stay_and_move(draw: Substitution) -> None:
    context = "A big cat saw the big cat. Then Ulm saw a cat"
    answers = (Answer("big cat.", 18), Answer("Ulm", 32), Answer("at", 43), Answer("t. Then", 24))
    for answer in answers:
        assert context[answer.start : answer.start + len(answer.text)] == answer.text
    made = kinds.get("span").substituted(span.Example("q", "what cat ?", context, answers), draw)
    for before, after in zip(answers, made.answers, strict=True):
        assert after.text == before.text
        assert made.context[after.start : after.start + len(after.text)] == after.text
    assert len(made.context.split()) == len(context.split())


def test_a_context_without_answers_changes_everywhere() -> None:
    kind = kinds.get("span")
    assert kind.substituted(span.Example("q", "cat ?", "big cat", ()), last()).context == "huge tomcat"
    example = kind.substituted(span.Example("q", "cat ?", "Ulm cat", None), last())
    assert (example.question, example.context, example.answers) == ("tomcat ?", "Ulmtown tomcat", None)
    moved = kind.substituted(span.Example("q", "?", "big cat Ulm", (Answer("Ulm", 8),)), last())
    assert (moved.context, moved.answers) == ("huge tomcat Ulm", (Answer("Ulm", 12),))


def test_the_tags_of_names_stay_and_classes_of_words_do_not() -> None:
    kind = kinds.get("tagging")
    names = ("O", "B-PER", "I-PER")
    assert kind.kept_tags(names, NO_RULES) == ("B-PER", "I-PER")
    assert kind.kept_tags(("NOUN", "VERB", "ADJ"), NO_RULES) == ()
    declared = Rules(tags=Scheme("io", outside=("PER",)))
    assert kind.kept_tags(("O", "PER"), declared) == ("O",)
    assert kinds.get("classification").kept_tags(names, NO_RULES) == ()


@pytest.mark.parametrize("name", ["mlm", "retrieval"])
def test_kinds_without_words_to_replace(name: str) -> None:
    kind = kinds.get(name)
    assert not kind.substitutes
    with pytest.raises(DataError, match="cannot be copied with other words"):
        kind.substituted(None, last())
