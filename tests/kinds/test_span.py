from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layover.data.features import Features
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tally import NO_WINDOW
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, ModelError
from layover.kinds._span_answers import ANSWER_TOKENS, Answer, Example
from layover.kinds.span import KIND

CONTEXT = "the red house is over the bridge and the blue house is not over it"


def example(answer: str | None = "bridge", question: str = "what is it?", context: str = CONTEXT) -> Example:
    answers = None if answer is None else (Answer(answer, context.index(answer)),) if answer else ()
    return Example("q", question, context, answers)


def encode(examples: list[Example], tokenizer: Tokenizer, max_length: int = 40, stride: int = 8) -> Features:
    return KIND.encode(examples, tokenizer, labels=(), max_length=max_length, stride=stride)


def gold_outputs(features: Features, high: float = 5.0) -> dict[str, np.ndarray]:
    outputs = {}
    for side in ("start", "end"):
        outputs[side] = np.zeros(len(features.arrays["ids"]), np.float32)
        outputs[side][features.arrays["offsets"][:-1] + features.arrays[side]] = high
    return outputs


@pytest.mark.parametrize("family", ["tokenizer", "segmented"])
def test_windows_cover_the_context_and_share_the_stride(family: str, request: pytest.FixtureRequest) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(family)
    features = encode([example()], tokenizer)
    assert features.rows > 1
    assert features.lengths.max() <= 40
    pieces = tokenizer.pieces([CONTEXT], offsets=True)[CONTEXT]
    offsets, starts = features.arrays["offsets"], features.arrays["char_start"]
    windows = [starts[a:b][starts[a:b] >= 0] for a, b in pairwise(offsets)]
    assert pieces.start is not None
    joined = [*windows[0].tolist()]
    for before, after in pairwise(windows):
        assert before[-8:].tolist() == after[:8].tolist()
        joined += after[8:].tolist()
    assert joined == pieces.start.tolist()


def test_an_answer_counts_only_where_all_of_it_is(tokenizer: Tokenizer) -> None:
    features = encode([example()], tokenizer)
    inside = [(s, e) for s, e in zip(features.arrays["start"], features.arrays["end"], strict=True)]
    assert (0, 0) in inside
    row = next(row for row, (start, _) in enumerate(inside) if start > 0)
    first = int(features.arrays["offsets"][row])
    start, end = (first + int(features.arrays[side][row]) for side in ("start", "end"))
    text = CONTEXT[features.arrays["char_start"][start] : features.arrays["char_end"][end]]
    assert text == "bridge"


def test_no_gold_and_no_answer(tokenizer: Tokenizer) -> None:
    features = encode([example(None), example("")], tokenizer, max_length=200)
    assert features.arrays["start"].tolist() == [-1, 0]
    assert features.arrays["end"].tolist() == [-1, 0]
    assert [KIND.has_gold(item) for item in (example(None), example(""))] == [False, True]


def test_long_questions_lose_their_end_and_leave_half_a_row(tokenizer: Tokenizer) -> None:
    features = encode([example(question="abc" * 100)], tokenizer, max_length=40, stride=30)
    assert features.lengths.max() <= 40
    assert features.arrays["char_start"][: 1 + 18 + 2].tolist() == [-1] * 21
    assert (features.arrays["start"] > 0).any()
    with pytest.raises(DataError, match="max_length 7 and stride 0 leave no room"):
        encode([example()], tokenizer, max_length=7, stride=0)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_gold_decodes_to_text_that_holds_the_answer(tokenizer: Tokenizer, data: st.DataObject) -> None:
    context = data.draw(st.text("ab กขไทย世界 .🙂\u200b\u00bd\ufeff\u3000é", min_size=1, max_size=60))
    first = data.draw(st.integers(0, len(context) - 1))
    answer = context[first : first + data.draw(st.integers(1, 12))]
    item = Example("q", "what", context, (Answer(answer, first),))
    features = encode([item], tokenizer, max_length=24, stride=12)
    if not (features.arrays["start"] > 0).any():
        return  # the answer has no token of its own, or no window holds it
    found = KIND.decode(gold_outputs(features), features, [item], labels=())[0]["text"]
    assert answer.strip() in found or not tokenizer.pieces([answer])[answer].ids.size


@pytest.mark.parametrize("answer", [" 5 houses", "house \n", "\n\nthe end"])
def test_white_space_at_the_ends_of_an_answer_is_not_learnt(answer: str, tokenizer: Tokenizer) -> None:
    item = example(answer, context="there are 5 houses in the house \n\nthe end")
    features = encode([item], tokenizer, max_length=200)
    (found,) = KIND.decode(gold_outputs(features), features, [item], labels=())
    assert found["text"] == answer.strip()
    assert found["score"] == 10.0  # both borders were found


def test_the_best_valid_stretch_of_all_windows_wins(tokenizer: Tokenizer) -> None:
    item = example()
    features = encode([item], tokenizer)
    outputs = {side: np.zeros(len(features.arrays["ids"]), np.float32) for side in ("start", "end")}
    second, third = (int(features.arrays["offsets"][row]) for row in (1, 2))
    context = np.flatnonzero(features.arrays["char_end"] > features.arrays["char_start"])
    inside = context[(context >= second) & (context < third)]
    outputs["start"][inside[3]] = outputs["end"][inside[5]] = 4
    outputs["start"][inside[6]] = 6  # better, but its best end lies before it
    outputs["start"][0] = outputs["end"][0] = 99  # the null score of one window says nothing of the others
    found = KIND.decode(outputs, features, [item], labels=())[0]
    assert found["score"] == 8.0
    a, b = features.arrays["char_start"][inside[3]], features.arrays["char_end"][inside[5]]
    assert found == {"text": CONTEXT[a:b], "score": 8.0, "null_score": None}


def test_answers_have_a_longest_length(tokenizer: Tokenizer) -> None:
    context = "a" * 60
    item = Example("q", "b", context, (Answer("aa", 0),))
    features = encode([item], tokenizer, max_length=100, stride=0)
    outputs = {side: np.zeros(len(features.arrays["ids"]), np.float32) for side in ("start", "end")}
    context_tokens = np.flatnonzero(features.arrays["char_end"] > features.arrays["char_start"])
    outputs["start"][context_tokens[2]] = 3
    outputs["end"][context_tokens[2 + ANSWER_TOKENS]] = 3
    assert KIND.decode(outputs, features, [item], labels=())[0]["score"] == 3.0
    outputs["end"][context_tokens[1 + ANSWER_TOKENS]] = 3
    assert len(KIND.decode(outputs, features, [item], labels=())[0]["text"]) == ANSWER_TOKENS


def test_null_wins_only_where_a_question_may_have_no_answer(tokenizer: Tokenizer) -> None:
    items = [example("bridge"), example("")]
    features = encode(items, tokenizer, max_length=200)
    outputs = gold_outputs(features)
    sure = KIND.decode(outputs, features, items, labels=())
    assert all(found["text"] for found in sure)
    found = KIND.decode(outputs, features, items, labels=("no answer",))
    assert [KIND.answer(each) for each in found] == ["bridge", ""]
    assert found[1]["null_score"] == 10.0
    assert KIND.score(found, items, metrics=("squad_f1",), language="en") == {"squad_f1": 100.0}


def test_a_context_without_tokens_gives_the_empty_text(tokenizer: Tokenizer) -> None:
    item = Example("q", "what", "  ", None)
    features = encode([item], tokenizer)
    outputs = {side: np.ones(len(features.arrays["ids"]), np.float32) for side in ("start", "end")}
    assert KIND.decode(outputs, features, [item], labels=()) == [{"text": "", "score": 2.0, "null_score": None}]
    outputs["end"][0] = np.inf
    with pytest.raises(ModelError, match="NaN or infinity"):
        KIND.decode(outputs, features, [item], labels=())


def parse(answers: object, labels: tuple[str, ...] = ()) -> Example:
    columns = {name: name for name in ("id", "question", "context", "answers")}
    row = Row({"id": 5, "question": "?", "context": "a b", "answers": answers}, "x.jsonl", 3)
    return KIND.parse(row, Reading(columns, labels))


def test_parse_checks_answers() -> None:
    assert parse({"text": ["b"], "answer_start": [2]}) == Example("5", "?", "a b", (Answer("b", 2),))
    assert parse({"text": [], "answer_start": []}, ("no answer",)).answers == ()
    for answers, message in [
        ({"text": ["b"], "answer_start": [1]}, r"x\.jsonl:3: question 5: the answer 'b' is not at character 1.*' ' is"),
        ({"text": ["b"], "answer_start": [-1]}, "is not at character -1"),
        ({"text": [""], "answer_start": [0]}, "is not at character 0"),
        ({"text": ["b"]}, "answers are"),
        ({"text": ["b"], "answer_start": []}, "its start character"),
        (["b"], "answers are"),
        ({"text": [], "answer_start": []}, "every question of this task needs an answer"),
    ]:
        with pytest.raises(DataError, match=message):
            parse(answers)


def said(margin: float, text: str = "bridge") -> dict[str, object]:
    """Return a prediction whose null score is above its answer's by a margin."""
    return {"text": text, "score": 1.0, "null_score": 1.0 + margin}


def test_a_threshold_cuts_answers() -> None:
    found = [said(-1.0), said(0.5), said(0.75)]
    assert [KIND.answer(each) for each in found] == ["bridge", "", ""], "0 where nobody says otherwise"
    cut = KIND.cut(found, 0.5)
    assert [KIND.answer(each) for each in cut] == ["bridge", "bridge", ""]
    assert [each["text"] for each in found] == ["bridge"] * 3


def tune(found: list[dict[str, object]], items: list[Example], metric: str = "squad_f1") -> float:
    return KIND.tune(found, items, metric=metric, language="en")


@pytest.mark.parametrize(
    ("margins", "answered", "expected"),
    [
        ([-2.0, 3.0], [True, False], 0.5),  # the middle between the last kept and the first dropped
        ([-2.0, 3.0], [True, True], 3.0),  # all are kept: up to the last
        (
            [1.0, 1.0, 5.0],
            [True, False, False],
            np.nextafter(1.0, -np.inf),
        ),  # equal ones stay together: silence is best
        ([1.0, 1.0, 1.0], [True, True, False], 1.0),
        ([4.0, -4.0], [True, False], np.nextafter(-4.0, -np.inf)),  # no better than silence: the fewest answers win
    ],
)
def test_tuning(margins: list[float], answered: list[bool], expected: float) -> None:
    items = [example("bridge" if there else "") for there in answered]
    assert tune([said(margin) for margin in margins], items) == expected


def test_tuning_needs_gold() -> None:
    with pytest.raises(DataError, match="some answers are unknown"):
        tune([said(0.0)], [example(None)])


CASES = st.lists(
    st.tuples(
        st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]), st.sampled_from(["bridge", "the red house", ""]), st.booleans()
    ),
    min_size=1,
    max_size=12,
)


@given(CASES, st.sampled_from(["squad_f1", "squad_em"]))
def test_no_threshold_is_better_than_the_tuned_one(cases: list[tuple[float, str, bool]], metric: str) -> None:
    items = [example("red house" if there else "") for _, _, there in cases]
    found = [said(margin, text) for margin, text, _ in cases]

    def score(threshold: float) -> float:
        return KIND.score(KIND.cut(found, threshold), items, metrics=(metric,), language="en")[metric]

    tuned = score(tune(found, items, metric))
    assert tuned == pytest.approx(max(score(threshold) for threshold in (-9.0, -2.0, -1.0, 0.0, 0.5, 3.0)))


def test_an_answer_at_the_right_border_of_a_window(tokenizer: Tokenizer) -> None:
    context = "abcdefghijklmnop"  # a bare piece and a token for each letter
    pieces = tokenizer.pieces([context], offsets=True)[context]
    assert pieces.start is not None
    room = 24 - tokenizer.overhead(pair=True) - len(tokenizer.pieces(["b"])["b"].ids)
    last = 12  # tokens of the first window
    assert len(pieces.ids) > last
    width = 24 - (room - last)
    for token, held in ((last - 1, True), (last, False)):
        letter = int(pieces.start[token])
        item = Example("q", "b", context, (Answer(context[letter - 1 : letter + 1], letter - 1),))
        features = encode([item], tokenizer, max_length=width, stride=4)
        row = slice(*features.arrays["offsets"][:2])
        shown = features.arrays["char_start"][row]
        assert (shown >= 0).sum() == last
        start, end = (int(features.arrays[side][0]) for side in ("start", "end"))
        if held:
            assert (shown[start], shown[end]) == (letter - 1, letter)
        else:
            assert (start, end) == (0, 0)
            assert (int(features.arrays["start"][1]) > 0) is True, "the next window holds it"


def test_the_null_score_is_the_lowest_of_all_windows(tokenizer: Tokenizer) -> None:
    item = example("")
    features = encode([item], tokenizer, max_length=32)
    assert features.rows > 2
    for lowest in range(features.rows):
        outputs = {side: np.zeros(len(features.arrays["ids"]), np.float32) for side in ("start", "end")}
        first = features.arrays["offsets"][:-1]
        outputs["start"][first] = [1.0 if row == lowest else 3.0 + row for row in range(features.rows)]
        outputs["end"][first] = 0.5
        (found,) = KIND.decode(outputs, features, [item], labels=("no answer",))
        assert found["null_score"] == 1.5


def test_answers_that_no_window_holds_are_told(tokenizer: Tokenizer) -> None:
    items = [example("bridge"), example("the red house is over the bridge and the blue"), example(None), example("")]
    features = encode(items, tokenizer, max_length=40, stride=8)
    assert KIND.unlearnable(features, items) == {NO_WINDOW: [1]}
    assert KIND.unlearnable(encode(items, tokenizer, max_length=200), items) == {NO_WINDOW: []}
