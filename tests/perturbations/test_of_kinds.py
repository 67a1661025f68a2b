"""Perturbed examples of each kind: gold stays, choices stay different, answers are at their new places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.perturbations.test_perturbations import NAMES, TEXTS

from layover import kinds, perturbations
from layover.errors import DataError
from layover.kinds import choice, classification, multilabel, regression, span, tagging
from layover.kinds._span_answers import Answer
from layover.kinds._span_answers import Example as Question
from layover.metrics._detect import UPOS
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._scheme import Scheme
from layover.perturbations import Perturber

IOB = ("B-LOC", "B-PER", "I-PER", "O")


def by(name: str, seed: int = 1, outside: tuple[str, ...] = ()) -> Perturber:
    return Perturber(perturbations.of(f"{name}-20"), seed, "en", outside)


def test_which_kinds_are_perturbed() -> None:
    every = {name for name in kinds.names() if kinds.get(name).perturbed}
    assert every == {"choice", "classification", "multilabel", "regression", "span", "tagging"}
    for name in {*kinds.names()} - every:
        with pytest.raises(DataError, match=f"tests of the kind {name} are not perturbed"):
            kinds.get(name).perturb(None, by("typos"))


PAIRS: list[tuple[str, Any]] = [
    ("classification", classification.Example(TEXTS["en"], TEXTS["de"], "yes")),
    ("regression", regression.Example(TEXTS["en"], TEXTS["en"], 2.5)),
    ("multilabel", multilabel.Example(TEXTS["ar"], TEXTS["hi"], ("a", "b"))),
]


@pytest.mark.parametrize("name", ["punctuation", "typos", "words"])
@pytest.mark.parametrize(("kind", "example"), PAIRS, ids=[kind for kind, _ in PAIRS])
def test_both_texts_of_a_pair_change_and_the_label_stays(kind: str, example: Any, name: str) -> None:
    changed = [kinds.get(kind).perturb(example, by(name, seed)) for seed in range(30)]
    assert {each.label for each in changed} == {example.label}
    for field in ("first", "second"):
        assert sum(getattr(each, field) != getattr(example, field) for each in changed) > 20
    assert any(each.first != each.second for each in changed), "equal texts of two fields change in different words"
    single = kinds.get(kind).perturb(replace(example, second=None), by(name))
    assert single.second is None


@pytest.mark.parametrize("name", NAMES)
def test_choices_stay_different_and_gold_stays(name: str) -> None:
    for texts in (("a b", "b a", "a"), ("house", "houses", "hous"), ("Yes", "yes", "YES"), ("same", "same", "other")):
        example = choice.Example("What is it?", texts, texts.index(texts[1]))
        for seed in range(200):
            changed = choice.KIND.perturb(example, by(name, seed))
            assert changed.label == example.label
            assert all(changed.choices)
            pattern = [changed.choices.index(text) for text in changed.choices]
            assert pattern == [texts.index(text) for text in texts]


CONTEXT = "Eva slept in Nairobi. Adam Weber danced in London (with Eva) for 3.5 hours, and then Adam slept, too."


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_at_their_new_places(name: str) -> None:
    answers = tuple(Answer(text, CONTEXT.index(text)) for text in ("Adam Weber", "3.5 hours", "Eva)", "Nairobi"))
    example = Question("q1", "Who danced in London with Eva yesterday?", CONTEXT, answers)
    contexts, questions = set[str](), set[str]()
    for seed in range(100):
        changed = span.KIND.perturb(example, by(name, seed))
        assert [answer.text for answer in changed.answers or ()] == [answer.text for answer in answers]
        for answer in changed.answers or ():
            assert changed.context[answer.start : answer.start + len(answer.text)] == answer.text
        assert span.KIND.gold(changed) == span.KIND.gold(example)
        contexts.add(changed.context)
        questions.add(changed.question)
    assert len(contexts) > 50
    assert len(questions) > 10


@pytest.mark.parametrize("name", NAMES)
def test_questions_without_an_answer_or_without_gold_stay_so(name: str) -> None:
    for answers in ((), None):
        assert span.KIND.perturb(Question("q", "Who?", CONTEXT, answers), by(name)).answers == answers


@st.composite
def sentences(draw: Any) -> tagging.Example:
    """A sentence with entities."""
    tokens, tags = list[str](), list[str]()
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            tokens += ["Adam", "Weber"]
            tags += ["B-PER", "I-PER"]
        words = draw(st.lists(st.sampled_from(["saw", "the", ",", "old", "市场", "ตลาด", "?", "is"]), max_size=4))
        tokens += words
        tags += ["O"] * len(words)
    return tagging.Example(tuple(tokens), tuple(tags))


@pytest.mark.parametrize("name", NAMES)
@given(example=sentences(), seed=st.integers(0, 100))
def test_entities_are_untouched_and_every_word_has_a_tag(name: str, example: tagging.Example, seed: int) -> None:
    from seqeval.metrics.sequence_labeling import get_entities

    changed = tagging.KIND.perturb(example, by(name, seed, ("O",)))
    assert changed.tags is not None
    assert example.tags is not None
    assert len(changed.tokens) == len(changed.tags)

    def entities(sentence: tagging.Example) -> list[tuple[str, ...]]:
        spans = get_entities(list(sentence.tags or ()))
        return [(kind, *sentence.tokens[first : last + 1]) for kind, first, last in spans]

    assert entities(changed) == entities(example)
    assert all(changed.tokens)
    if name != "words":
        assert changed.tags == example.tags
    assert tagging.KIND.perturb(replace(example, tags=None), by(name, seed, ("O",))).tags is None


def test_parts_of_speech_move_with_their_words() -> None:
    words = {"Amina": "PROPN", "saw": "VERB", "the": "DET", "old": "ADJ", "market": "NOUN", ".": "PUNCT"}
    example = tagging.Example(tuple(words), tuple(words.values()))
    orders = set[tuple[str, ...]]()
    for seed in range(200):
        changed = tagging.KIND.perturb(example, by("words", seed))
        assert [words[token] for token in changed.tokens] == list(changed.tags or ())
        orders.add(changed.tokens)
    assert any("Amina" not in order for order in orders), "a class of words is no entity"
    assert ("saw", "Amina", "the", "old", "market", ".") in orders


def test_which_tags_may_change() -> None:
    assert tagging.KIND.changeable(IOB, Rules(tags=Scheme("iob2", ("O",), "-"))) == ("O",)
    assert tagging.KIND.changeable(IOB, NO_RULES) == ("O",), "no metric of the task counts spans"
    assert tagging.KIND.changeable(tuple(sorted(UPOS)), Rules(tags=Scheme("xtreme"))) == ()
    assert tagging.KIND.changeable(("N", "N/N"), NO_RULES) == ()
    assert kinds.get("classification").changeable(("no", "yes"), NO_RULES) == ()
