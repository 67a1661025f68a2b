from __future__ import annotations

import numpy as np
import pytest

from layover import kinds
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, ModelError
from layover.kinds import choice, classification

LABELS = ("no", "yes", "perhaps")
PAIR = {"first": "a", "second": "b", "label": "l"}


def row(**values: object) -> Row:
    return Row(values, "file.csv", 7)


def parse(label: object, **settings: object) -> str | None:
    reading = Reading(PAIR, LABELS, **settings)
    return kinds.get("classification").parse(row(a="x", b="y", l=label), reading).label


def test_registry() -> None:
    assert kinds.names() == (
        "choice",
        "classification",
        "mlm",
        "multilabel",
        "regression",
        "retrieval",
        "span",
        "tagging",
    )
    assert [kinds.get(name).name for name in kinds.names()] == list(kinds.names())
    with pytest.raises(DataError, match="did you mean 'tagging'"):
        kinds.get("taging")


def test_labels_as_words_codes_and_aliases() -> None:
    assert parse("yes") == "yes"
    assert parse(1, codes=LABELS) == "yes"
    assert parse(0, codes=("perhaps", "no", "yes")) == "perhaps"
    assert parse("si", aliases={"si": "yes"}) == "yes"
    for missing in ("", "-", -1, None):
        assert parse(missing, codes=LABELS) is None


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("yess", r"file\.csv:7: 'yess' is not a label; did you mean 'yes'\?"),
        (1, "1 is not a label; one of: no, yes, perhaps"),  # without codes a number means nothing
        (True, "true is not a label"),
        (["yes"], "is not a label"),
    ],
)
def test_unknown_labels(label: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse(label)


def test_columns() -> None:
    kind = kinds.get("classification")
    one = Reading({"first": "a", "label": "l"}, LABELS)
    assert kind.parse(row(a="x", l="no"), one) == classification.Example("x", None, "no")
    with pytest.raises(DataError, match=r"file\.csv:7: there is no column 'premise'; did you mean 'premises'"):
        kind.parse(row(premises="x", l="no"), Reading({"first": "premise", "label": "l"}, LABELS))
    with pytest.raises(DataError, match="'a' is 3, but text is needed"):
        kind.parse(row(a=3, l="no"), one)
    with pytest.raises(DataError, match="no column 'l'"):
        kind.parse(row(a="x"), one)
    blind = Reading({"first": "a", "label": "l"}, LABELS, blind=True)
    assert kind.parse(row(a="x"), blind).label is None


def test_templates_take_any_text(tokenizer: Tokenizer) -> None:
    reading = Reading({"first": "{a} What was the {q}?", "choices": ("c1", "c2"), "label": "l"})
    example = kinds.get("choice").parse(row(a="{q} fell.", q="cause", c1="x", c2="y", l=1), reading)
    assert example == choice.Example("{q} fell. What was the cause?", ("x", "y"), 1)


@pytest.mark.parametrize("family", ["tokenizer", "segmented"])
@pytest.mark.parametrize("max_length", [8, 12, 20])
def test_long_pairs_give_way_evenly(family: str, max_length: int, request: pytest.FixtureRequest) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(family)
    examples = [classification.Example("abcdefghij" * 3, "xyz", "no"), classification.Example("abc", "d", None)]
    features = kinds.get("classification").encode(examples, tokenizer, labels=LABELS, max_length=max_length, stride=0)
    assert features.lengths.max() == max_length
    assert features.arrays["label"].tolist() == [0, -1]
    with pytest.raises(DataError, match="no room"):
        kinds.get("classification").encode(examples, tokenizer, labels=LABELS, max_length=4, stride=0)


def test_classification_decodes(tokenizer: Tokenizer) -> None:
    kind = kinds.get("classification")
    examples = [classification.Example(text, None, "no") for text in "abc"]
    features = kind.encode(examples, tokenizer, labels=LABELS, max_length=8, stride=0)
    logits = np.array([[1, 0, 0], [0, 2, 1], [0, 1, 2]], np.float32)
    predictions = kind.decode({"logits": logits}, features, examples, labels=LABELS)
    assert predictions == ["no", "yes", "perhaps"]
    scores = kind.score(predictions, examples, metrics=("accuracy",), language="en")
    assert scores == {"accuracy": pytest.approx(100 / 3)}
    logits[1, 1] = np.nan
    with pytest.raises(ModelError, match="NaN"):
        kind.decode({"logits": logits}, features, examples, labels=LABELS)
    with pytest.raises(ModelError, match=r"shape \(2, 3\)"):
        kind.decode({"logits": logits[:2]}, features, examples, labels=LABELS)
    with pytest.raises(ModelError, match="lack 'logits'"):
        kind.decode({"score": logits}, features, examples, labels=LABELS)


def test_no_score_without_all_gold(tokenizer: Tokenizer) -> None:
    kind = kinds.get("classification")
    examples = [classification.Example("a", None, "no"), classification.Example("b", None, None)]
    with pytest.raises(DataError, match="example 2 of 2 has no gold"):
        kind.score(["no", "no"], examples, metrics=("accuracy",), language="en")
    with pytest.raises(DataError, match="1 predictions for 2 examples"):
        kind.score(["no"], examples, metrics=("accuracy",), language="en")
    with pytest.raises(DataError, match="squad_f1 does not score classification"):
        kind.score(["no"], examples[:1], metrics=("squad_f1",), language="en")


@pytest.mark.parametrize(("label", "index"), [(1, 1), ("1", 1), ("B", 1), ("", None), (-1, None)])
def test_choice_labels(label: object, index: int | None) -> None:
    reading = Reading({"first": "a", "choices": "c", "label": "l"}, aliases={"A": "0", "B": "1"})
    assert kinds.get("choice").parse(row(a="x", c=["y", "z"], l=label), reading).label == index


def test_of_equal_choices_the_first_is_the_gold() -> None:
    reading = Reading({"first": "a", "choices": "c", "label": "l"})
    assert kinds.get("choice").parse(row(a="x", c=["tea", "milk", "tea"], l=2), reading).label == 0


@pytest.mark.parametrize(
    ("choices", "label", "message"),
    [
        (["y", "z"], 2, "2 is not one of the 2 choices, 0 to 1"),
        (["y", "z"], "C", "'C' is not one of the 2 choices"),
        (["y"], 0, "1 choices, but two or more"),
        ("yz", 0, "a list of texts is needed"),
        (["y", 3], 0, "holds 3, but text is needed"),
    ],
)
def test_bad_choices(choices: object, label: object, message: str) -> None:
    reading = Reading({"first": "a", "choices": "c", "label": "l"})
    with pytest.raises(DataError, match=message):
        kinds.get("choice").parse(row(a="x", c=choices, l=label), reading)


RIGHT_COLUMN = Reading({"first": "a", "choices": ("r", "w1", "w2"), "label": "r"})


@pytest.mark.parametrize(
    ("right", "wrong", "choices", "label"),
    [
        ("b", ("c", "a"), ("a", "b", "c"), 1),
        ("1", ("0", "2"), ("0", "1", "2"), 1),  # a text, not a number
        ("b", ("c", "b"), ("b", "b", "c"), 0),
        ("-", ("b", "a"), ("-", "a", "b"), 0),
    ],
)
def test_a_right_choice_with_its_own_column(
    right: str, wrong: tuple[str, str], choices: tuple[str, ...], label: int
) -> None:
    found = kinds.get("choice").parse(row(a="x", r=right, w1=wrong[0], w2=wrong[1]), RIGHT_COLUMN)
    assert found == choice.Example("x", choices, label)


def test_the_right_choice_cannot_be_empty() -> None:
    with pytest.raises(DataError, match=r"file\.csv:7: the right choice is empty"):
        kinds.get("choice").parse(row(a="x", r="", w1="b", w2="c"), RIGHT_COLUMN)


def test_equal_choices_are_one_answer(tokenizer: Tokenizer) -> None:
    kind = kinds.get("choice")
    examples = [choice.Example("a", ("x", "x", "z"), 0), choice.Example("a", ("x", "y", "y"), 1)]
    features = kind.encode(examples, tokenizer, labels=(), max_length=16, stride=0)
    score = np.array([1.0, 1.0 + 1e-6, 0.0, 0.0, 1.0, 1.0 + 1e-6], np.float32)
    predictions = kind.decode({"score": score}, features, examples, labels=())
    assert predictions == [0, 1]
    assert kind.score(predictions, examples, metrics=("accuracy",), language="en") == {"accuracy": 100.0}


def test_choice_rows_are_grouped(tokenizer: Tokenizer) -> None:
    kind = kinds.get("choice")
    examples = [choice.Example("a", ("x", "yy", "z"), 2), choice.Example("b", ("x", "y", "z"), None)]
    features = kind.encode(examples, tokenizer, labels=(), max_length=16, stride=0)
    assert (features.rows, features.units, features.group) == (6, 2, 3)
    assert features.arrays["label"].tolist() == [2, -1]
    assert features.arrays["example"].tolist() == [0, 0, 0, 1, 1, 1]
    score = np.array([0, 1, 2, 5, 4, 3], np.float32)
    assert kind.decode({"score": score}, features, examples, labels=()) == [2, 0]
    with pytest.raises(DataError, match="2 and 3 choices"):
        kind.encode([*examples, choice.Example("c", ("x", "y"), 0)], tokenizer, labels=(), max_length=16, stride=0)


@pytest.mark.parametrize("name", kinds.names())
def test_no_examples(name: str, tokenizer: Tokenizer) -> None:
    features = kinds.get(name).encode([], tokenizer, labels=LABELS, max_length=16, stride=2)
    assert features.rows == 0


def test_head_sizes_and_groups() -> None:
    sizes = {name: kinds.get(name).head_size(LABELS) for name in kinds.names() if kinds.get(name).trained}
    assert sizes == {
        "classification": 3,
        "tagging": 3,
        "span": 2,
        "choice": 1,
        "mlm": None,
        "multilabel": 3,
        "regression": 1,
    }
    assert kinds.get("choice").group_of(choice.Example("a", ("x", "y"), 0)) == "a"
