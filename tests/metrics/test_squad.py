"""SQuAD's scores: hand-made cases, a plain account of both official scripts, torchmetrics, and the real golds."""

from __future__ import annotations

import string
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.text import squad

from layover import metrics, tasks
from layover.kinds import span
from layover.metrics._metric import NO_RULES, Rules
from layover.metrics._squad import normalise

FIRST = Rules(answerable=True)
"""Of a task in which every question has an answer: v1.1 scores it."""


def score(name: str, predictions: list[str], golds: list[list[str]], rules: Rules = NO_RULES) -> float:
    return metrics.get(name).for_task(rules)(predictions, golds, "en")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat!", "cat"),
        ("an apple, a day", "apple day"),
        ("theatre", "theatre"),
        ("«Дом»", "«дом»"),  # only ASCII punctuation goes
        ("U.S.A.", "usa"),
        ("U. S. A.", "u s"),  # the last letter is an article
        ("a-the-b", "atheb"),  # punctuation goes before articles
        ("", ""),
        ("the", ""),
        ("A an THE", ""),
        ("北京。", "北京。"),
        ("北京.", "北京"),
        ("x\u00a0y\u3000z\tw\n", "x y z w"),  # every white space of Unicode
        ("x\u200by", "x\u200by"),  # this is none
        ("$5 (50%)", "5 50"),
        ("a_b", "ab"),
        ("ÀÉ", "àé"),
        ("ß", "ß"),
        ("ΟΔΟΣ", "οδος"),
        ("a\u0301", "\u0301"),  # an accent of its own ends the word before it
        ("aб", "aб"),
        ("tha t", "tha t"),
    ],
)
def test_normalisation(text: str, expected: str) -> None:
    assert normalise(text) == expected


# prediction, golds, exact match, F1 of the best gold: 2 * shared / (predicted + gold), counting tokens
CASES: list[tuple[str, list[str], float, float]] = [
    ("the red house", ["Red house"], 1, 1),
    ("red house", ["a big house", "red barn house"], 0, 4 / 5),
    ("big red house", ["red", "red house", "house of cards"], 0, 4 / 5),
    ("house", ["house", "the big house"], 1, 1),
    ("x", ["y", "x"], 1, 1),
    ("x y", ["x z", "y z"], 0, 1 / 2),  # both equally good
    ("y x", ["x y"], 0, 1),  # F1 does not see the order
    ("house house", ["house"], 0, 2 / 3),
    ("house", ["house house"], 0, 2 / 3),
    ("house house", ["house house"], 1, 1),
    ("x y x y", ["x x y"], 0, 6 / 7),
    ("1 2 3 4", ["1 2 3 5"], 0, 3 / 4),
    ("x " * 100, ["x"], 0, 2 / 101),
    ("x", ["y " * 100], 0, 0),
    ("0", ["0"], 1, 1),
    ("in 1990", ["1990"], 0, 2 / 3),
    # no answer, and answers without words
    ("", [], 1, 1),
    ("the", [], 1, 1),
    (".", [], 1, 1),
    (" ", [], 1, 1),
    ("house", [], 0, 0),
    ("。", [], 0, 0),
    ("", [""], 1, 1),
    ("house", [""], 0, 0),
    ("", ["house"], 0, 0),
    ("a", ["b"], 0, 0),
    ("the", ["the"], 1, 1),
    ("an", ["a"], 1, 1),
    (".", ["."], 1, 1),
    (".", ["the"], 1, 1),
    ("x", ["."], 0, 0),
    ("", ["house", "."], 0, 0),
    (".", ["house", "."], 0, 0),
    ("house", ["house", "."], 1, 1),
    ("the house", [".", "the", "big house"], 0, 2 / 3),
    # case, articles, punctuation
    ("HOUSE", ["house"], 1, 1),
    ("the house.", ["house"], 1, 1),
    ("An apple", ["apple"], 1, 1),
    ("theatre", ["the theatre"], 1, 1),
    ("the atre", ["theatre"], 0, 0),
    ("U.S.A.", ["USA"], 1, 1),
    ("U. S. A.", ["USA"], 0, 0),
    ("twenty-one", ["twentyone"], 1, 1),
    ("twenty one", ["twenty-one"], 0, 0),
    ("it's", ["its"], 1, 1),
    ("it’s", ["its"], 0, 0),
    ("$5", ["5"], 1, 1),
    ("5 €", ["5"], 0, 2 / 3),
    ("«house»", ["house"], 0, 0),
    ("new\u00a0york", ["new york"], 1, 1),
    ("new\u200byork", ["new york"], 0, 0),
    ("café", ["cafe\u0301"], 0, 0),
    ("STRASSE", ["straße"], 0, 0),
    ("İ", ["i\u0307"], 1, 1),
    # other languages: no articles, few tokens
    ("der Hund", ["Hund"], 0, 2 / 3),
    ("el gato", ["gato"], 0, 2 / 3),
    ("cái nhà", ["nhà"], 0, 2 / 3),
    ("Москва", ["москва"], 1, 1),
    ("ΑΘΗΝΑ", ["αθηνα"], 1, 1),
    ("Iğdır", ["ığdır"], 0, 0),
    ("บ้านแดง", ["บ้านแดง"], 1, 1),
    ("บ้านแดง", ["บ้าน"], 0, 0),
    ("บ้าน แดง", ["บ้าน"], 0, 2 / 3),
    ("北京市", ["北京"], 0, 0),
    ("北京。", ["北京"], 0, 0),
    ("البيت", ["بيت"], 0, 0),
    ("في البيت", ["البيت"], 0, 2 / 3),
    ("بيت؟", ["بيت"], 0, 0),
    ("नई दिल्ली", ["दिल्ली"], 0, 2 / 3),
    ("दिल्ली।", ["दिल्ली"], 0, 0),
    ("서울에", ["서울"], 0, 0),
]


@pytest.mark.parametrize(("prediction", "golds", "exact", "f1"), CASES)
def test_one_question(prediction: str, golds: list[str], exact: float, f1: float) -> None:
    assert score("squad_em", [prediction], [golds]) == pytest.approx(100 * exact)
    assert score("squad_f1", [prediction], [golds]) == pytest.approx(100 * f1)


def test_a_mean_over_questions() -> None:
    assert score("squad_em", ["x", "y"], [["x"], ["z"]]) == 50.0
    assert score("squad_f1", ["x", "y", "", "w w"], [["x"], ["z"], [], ["w"]]) == pytest.approx(
        100 * (1 + 1 + 2 / 3) / 4
    )
    predictions, golds = [case[0] for case in CASES], [case[1] for case in CASES]
    assert score("squad_em", predictions, golds) == pytest.approx(100 * sum(case[2] for case in CASES) / len(CASES))
    assert score("squad_f1", predictions, golds) == pytest.approx(100 * sum(case[3] for case in CASES) / len(CASES))


def tokens(text: str) -> list[str]:
    """Return what both scripts compare, letter by letter."""
    kept = "".join(char for char in text.lower() if char not in string.punctuation)
    words = ("".join(run) for _, run in groupby(kept, str.isalnum))
    return "".join(" " if word in {"a", "an", "the"} else word for word in words).split()


def f1(said: list[str], wanted: list[str]) -> float:
    left = list(wanted)
    for token in said:
        if token in left:
            left.remove(token)
    shared = len(wanted) - len(left)
    return float(Fraction(2 * shared, len(said) + len(wanted))) if shared else 0.0


def first_version(said: list[str], golds: list[list[str]]) -> tuple[float, float]:
    """Return exact match and F1 of v1.1: the best gold, whatever is left of it."""
    return float(said in golds), max(f1(said, gold) for gold in golds)


def second_version(said: list[str], golds: list[list[str]]) -> tuple[float, float]:
    """Return those of v2.0: of golds without tokens only one is kept, and only if there is no other."""
    kept = [gold for gold in golds if gold] or [[]]
    return float(said in kept), max(f1(said, gold) if said and gold else float(said == gold) for gold in kept)


def found(prediction: str, golds: list[str], rules: Rules = NO_RULES) -> tuple[float, float]:
    exact, overlap = (score(name, [prediction], [golds], rules) for name in ("squad_em", "squad_f1"))
    return exact / 100, overlap / 100


LETTERS = "aAtheéxX1ßдДบ้北ال .,-'’«$_\u00a0\n\u0301"
answers = st.lists(st.sampled_from(["the ", "a ", "an", "x", "y ", "."]), max_size=5).map("".join) | st.text(
    st.sampled_from(LETTERS), max_size=12
)


@settings(max_examples=400, deadline=None)
@given(answers, st.lists(answers, max_size=3))
def test_any_answer_by_the_rules_of_v2(prediction: str, golds: list[str]) -> None:
    assert normalise(prediction).split() == tokens(prediction)
    expected = second_version(tokens(prediction), [tokens(gold) for gold in golds])
    assert found(prediction, golds) == pytest.approx(expected)


@settings(max_examples=400, deadline=None)
@given(answers, st.lists(answers, min_size=1, max_size=3))
def test_any_answer_by_the_rules_of_v1(prediction: str, golds: list[str]) -> None:
    expected = first_version(tokens(prediction), [tokens(gold) for gold in golds])
    assert found(prediction, golds, FIRST) == pytest.approx(expected)


@settings(max_examples=400, deadline=None)
@given(answers, st.lists(answers.filter(tokens), min_size=1, max_size=3))
def test_where_golds_have_words_both_versions_are_the_same(prediction: str, golds: list[str]) -> None:
    assert found(prediction, golds) == found(prediction, golds, FIRST)


@pytest.mark.parametrize(
    ("prediction", "golds", "v1", "v2"),
    [
        ("", ["house", "."], (1, 0), (0, 0)),  # as in SQuAD v2.0: silence would match the point
        (".", ["house", "."], (1, 0), (0, 0)),
        (".", ["."], (1, 0), (1, 1)),
        ("the", ["an"], (1, 0), (1, 1)),
        ("house", ["house", "."], (1, 1), (1, 1)),
        ("house", ["."], (0, 0), (0, 0)),
    ],
)
def test_golds_without_words_are_where_the_versions_differ(
    prediction: str, golds: list[str], v1: tuple[float, float], v2: tuple[float, float]
) -> None:
    said, wanted = tokens(prediction), [tokens(gold) for gold in golds]
    assert first_version(said, wanted) == v1
    assert second_version(said, wanted) == v2
    assert found(prediction, golds) == v2
    assert found(prediction, golds, FIRST) == v1


@pytest.mark.parametrize("name", [name for name in tasks.names() if "squad_f1" in tasks.get(name).metrics])
def test_a_task_whose_questions_may_have_no_answer_is_scored_by_v2_and_every_other_by_v1(name: str) -> None:
    task = tasks.get(name)
    unanswerable = name in {"squad_v2", "sandbox/qa_open"}
    assert bool(task.labels) == unanswerable
    assert task.rules().answerable != unanswerable
    scores = {metric: score(metric, ["."], [["the", "house"]], task.rules()) for metric in ("squad_em", "squad_f1")}
    assert scores == {"squad_em": 0.0 if unanswerable else 100.0, "squad_f1": 0.0}


def test_a_kind_scores_by_the_rules_it_is_handed() -> None:
    example = span.Example("1", "Who?", "the house .", (span.Answer("the", 0), span.Answer(".", 10)))
    said = [{"text": "", "score": 1.0, "null_score": None}]
    for rules, exact, overlap in ((FIRST, 100.0, 0.0), (Rules(), 100.0, 100.0)):
        scores = span.KIND.score(said, [example], metrics=("squad_em", "squad_f1"), language="en", rules=rules)
        assert scores == {"squad_em": exact, "squad_f1": overlap}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(answers, st.lists(answers.filter(tokens), max_size=3)), min_size=1, max_size=6))
def test_torchmetrics_says_the_same(questions: list[tuple[str, list[str]]]) -> None:
    """It compares by the rules of v2.0, but drops no gold and needs one; no answer is the empty one."""
    said = [{"prediction_text": text, "id": str(number)} for number, (text, _) in enumerate(questions)]
    golds = [golds or [""] for _, golds in questions]
    wanted = [{"answers": {"text": texts, "answer_start": [0]}, "id": str(n)} for n, texts in enumerate(golds)]
    expected = squad(said, wanted)
    predictions, golds = [text for text, _ in questions], [golds for _, golds in questions]
    assert score("squad_em", predictions, golds) == pytest.approx(float(expected["exact_match"]), abs=1e-3)
    assert score("squad_f1", predictions, golds) == pytest.approx(float(expected["f1"]), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(answers, max_size=3), min_size=1, max_size=5))
def test_gold_itself(golds: list[list[str]]) -> None:
    first = [next((text for text in texts if tokens(text)), "") for texts in golds]
    assert score("squad_em", first, golds) == 100.0
    assert score("squad_f1", first, golds) == pytest.approx(100.0)


def answered(name: str, split: str, root: Path) -> list[list[str]]:
    """Return the golds of every answered question of a task, all languages that are there."""
    task = tasks.get(name)
    places = [task.locate(split, language, root=root) for language in task.languages_of(split)]
    examples = [example for place in places if place is not None for example in task.read(place)]
    return [golds for example in examples if (golds := span.KIND.gold(example))]


@pytest.mark.data
@pytest.mark.parametrize("name", ["xquad", "tydiqa"])
def test_real_golds_of_xtreme_by_the_rules_of_v1(name: str, data_root: Path) -> None:
    """Each question's gold, silence, and the gold of another question."""
    golds = answered(name, "test", data_root)
    assert len(golds) > 5_000
    firsts = [texts[0] for texts in golds]
    for said in (firsts, [""] * len(golds), [*firsts[1:], firsts[0]]):
        by_hand = [
            first_version(tokens(text), list(map(tokens, texts))) for text, texts in zip(said, golds, strict=True)
        ]
        for place, metric in enumerate(("squad_em", "squad_f1")):
            expected = 100 * sum(pair[place] for pair in by_hand) / len(by_hand)
            assert score(metric, said, golds, tasks.get(name).rules()) == pytest.approx(expected)


@pytest.mark.data
def test_real_questions_where_the_versions_differ(data_root: Path) -> None:
    """In SQuAD's development data some golds have no word; silence matches them by v1.1 alone."""
    golds = answered("squad_v2", "validation", data_root)
    differ = [texts for texts in golds if found("", texts) != found("", texts, FIRST)]
    assert 0 < len(differ) < 10 < len(golds)
    for texts in differ:
        assert not all(map(tokens, texts))
        assert found("", texts, FIRST) == first_version([], list(map(tokens, texts)))
        assert found("", texts) == second_version([], list(map(tokens, texts)))
