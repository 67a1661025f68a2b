"""Numbers as gold: how files write them, what is refused, what is learned and what is answered."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layover.data.features import Features
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, ModelError, UndefinedError
from layover.kinds.regression import KIND, MOST, Example, RegressionResult, number_of
from layover.tasks import OwnTask, declare, mistakes

NUMBERS = [
    *[(4, 4.0), (4.25, 4.25), (-1, -1.0), (0, 0.0), ("4.2", 4.2), (" 4.2 ", 4.2), ("-1e-3", -0.001), ("+.5", 0.5)],
    *[("5.", 5.0), ("0", 0.0), ("1E2", 100.0), (MOST, MOST)],
]
NONE = [
    *[True, False, [1], {"a": 1}, "four", "4 5", "1_000", "٤", "0x10", "", "-", "--1", "1e", "e5", "NaN", "nan"],
    *[math.nan, math.inf, -math.inf, "inf", "Infinity", 10**400, "1e400", 3.5e38],
]


@pytest.mark.parametrize(("raw", "number"), NUMBERS)
def test_what_is_a_number(raw: object, number: float) -> None:
    assert number_of(raw) == number


@pytest.mark.parametrize("raw", NONE, ids=repr)
def test_what_is_none(raw: object) -> None:
    found = number_of(raw)
    assert isinstance(found, str)
    assert found.startswith(("is not a number", "is not a finite number"))


def test_a_decimal_comma_is_told() -> None:
    assert number_of("3,5") == "is not a number; write 3.5"


def read(folder: Path, lines: list[Any] | str, **own: Any) -> list[Example]:
    """Return the training examples of a task of one's own whose file has these rows."""
    name = "a.csv" if isinstance(lines, str) else "a.jsonl"
    text = lines if isinstance(lines, str) else "".join(json.dumps(line) + "\n" for line in lines)
    (folder / name).write_text(text, encoding="utf-8")
    task = declare("t", OwnTask(kind="regression", text=("text",), train_language="en", **own))
    place = task.locate("train", "en", root=folder, files={"train": name})
    assert place is not None
    return task.read(place)


def test_rows_of_objects_and_of_tables_are_alike(tmp_path: Path) -> None:
    told = [Example("a", None, 0.0), Example("b", None, 5.0), Example("c", None, 2.5)]
    rows = [{"text": "a", "label": 0}, {"text": "b", "label": "5.0"}, {"text": "c", "label": 2.5}]
    assert read(tmp_path, rows, range=(0, 5)) == told
    assert read(tmp_path, "text,label\na,0\nb,5.0\nc,2.5\n", range=(0, 5)) == told
    assert read(tmp_path, "text,stars\na,0\nb,5.0\nc,2.5\n", label="stars") == told


def test_no_gold_is_nothing_and_minus_one_is_a_number(tmp_path: Path) -> None:
    found = read(tmp_path, [{"text": "a", "label": None}, {"text": "b", "label": -1}])
    assert [item.label for item in found] == [None, -1.0]
    assert [item.label for item in read(tmp_path, "text,label\na,\nb,-1\n")] == [None, -1.0]
    assert [KIND.has_gold(item) for item in found] == [False, True]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("5.01", r"a\.csv:3: 'label' is 5\.01, outside the range of the task, 0 to 5"),
        ("-1", r"a\.csv:3: 'label' is -1, outside the range of the task, 0 to 5"),
        ("many", r"a\.csv:3: 'label' is 'many', which is not a number"),
        ("nan", r"a\.csv:3: 'label' is 'nan', which is not a number"),
        ("inf", r"a\.csv:3: 'label' is 'inf', which is not a number"),
        ("1e99", r"a\.csv:3: 'label' is '1e99', which is not a finite number of 32 bits"),
    ],
)
def test_a_wrong_number_is_told_with_its_line(tmp_path: Path, raw: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, f"text,label\na,5\nb,{raw}\n", range=(0, 5))


def test_mistakes_of_a_declaration() -> None:
    def told(**own: Any) -> dict[str, str]:
        return {".".join(map(str, path)): said for path, said in mistakes(OwnTask(kind="regression", **own))}

    assert told(text=("a", "b"), range=(-1, 1)) == {}
    assert "5 is not below 0" in told(text=("a",), range=(5, 0))["range"]
    assert "1 is not below 1" in told(text=("a",), range=(1, 1))["range"]
    assert "is the gold, but the encoder would read it" in told(text=("label",))["text.0"]
    assert "has 0 columns, but must have one or two" in told()["text"]
    assert told(text=("a",), labels=("x", "y"))["labels"].endswith("not of regression; remove it")
    assert (
        "did you mean" in told(text=("a",), metrics=("accuracy",))["metrics"]
        or "accuracy does not score" in told(text=("a",), metrics=("accuracy",))["metrics"]
    )
    assert "for mse lower is better" in told(text=("a",), metrics=("mse",))["metrics"]


def test_gold_is_float32_and_nan_where_there_is_none(tokenizer: Tokenizer, tmp_path: Path) -> None:
    examples = [Example("tree", None, 4.2), Example("house", "tree", None), Example("river", None, -1.0)]
    features = KIND.encode(examples, tokenizer, labels=(), max_length=20, stride=0)
    features.save(tmp_path / "f")
    stored = Features.load(tmp_path / "f", KIND.columns)
    assert stored.arrays["number"].dtype == np.float32
    np.testing.assert_array_equal(stored.arrays["number"], np.array([4.2, np.nan, -1], np.float32))
    assert [KIND.from_json(json.loads(json.dumps(KIND.to_json(item)))) for item in examples] == examples


def test_a_prediction_is_the_number(tokenizer: Tokenizer) -> None:
    examples = [Example("tree", None, 1.0), Example("house", None, 2.0)]
    features = KIND.encode(examples, tokenizer, labels=(), max_length=20, stride=0)
    outputs = {"number": np.array([0.5, 7.25], np.float32)}
    assert KIND.decode(outputs, features, examples, labels=()) == [0.5, 7.25]
    assert KIND.results(outputs, features, examples, labels=()) == [RegressionResult(0.5), RegressionResult(7.25)]
    assert KIND.score([0.5, 7.25], examples, metrics=("pearson", "mse"), language="en") == {
        "pearson": pytest.approx(100),
        "mse": pytest.approx((0.25 + 5.25**2) / 2),
    }
    with pytest.raises(UndefinedError, match="every prediction is 3"):
        KIND.score([3.0, 3.0], examples, metrics=("mse", "pearson"), language="en")
    with pytest.raises(ModelError, match="NaN or infinity"):
        KIND.decode({"number": np.array([0.5, np.nan], np.float32)}, features, examples, labels=())
