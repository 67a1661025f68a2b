"""Messages about rows: what is there instead, and what to write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layover.data.right_choice import none_of
from layover.errors import MOST_LISTED, DataError, listed, nearest
from layover.tasks import OwnTask, declare


def read(folder: Path, *rows: dict[str, Any], **own: Any) -> Any:
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = declare("mine", OwnTask(train_language="en", **own))
    place = task.locate("train", "en", root=folder, files={"train": "a.jsonl"})
    assert place is not None
    return task.read(place)


MOODS: dict[str, Any] = {"kind": "classification", "labels": ("neg", "pos"), "text": ("text",)}
SPAN: dict[str, Any] = {"kind": "span", "labels": ("none",)}
ASKED = {"id": "1", "question": "q", "context": "to be"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"text": ["be"], "answer_start": [3]}, [("be", 3)]),
        ([{"text": "be", "answer_start": 3}], [("be", 3)]),
        ([{"text": "be", "answer_start": 3.0, "id": 7}, {"text": "to", "answer_start": "0"}], [("be", 3), ("to", 0)]),
        ([], []),
        ({"text": [], "answer_start": []}, []),
    ],
)
def test_answers_in_both_usual_forms(tmp_path: Path, answers: Any, expected: list[tuple[str, int]]) -> None:
    (one,) = read(tmp_path, {**ASKED, "answers": answers}, **SPAN)
    assert [(answer.text, answer.start) for answer in one.answers] == expected


@pytest.mark.parametrize(
    "answers",
    [
        "be",
        5,
        {"text": "be", "answer_start": 3},
        {"text": ["be"]},
        {"text": ["be"], "answer_start": [3, 4]},
        {"text": ["be"], "answer_start": [None]},
        {"text": ["be"], "answer_start": [True]},
        {"text": [None], "answer_start": [3]},
        [{"text": "be"}],
        [{"text": "be", "answer_start": 3}, "to"],
        ["be"],
    ],
)
def test_answers_in_another_form_say_what_to_write(tmp_path: Path, answers: Any) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, {**ASKED, "answers": answers}, **SPAN)
    assert "a.jsonl:1: the answers are " in str(caught.value)
    assert '{"text": ["Paris"], "answer_start": [0]}, or [{"text": "Paris", "answer_start": 0}]' in str(caught.value)
    assert "Error" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "choices", "message"),
    [
        (
            "cafe\u0301",
            ("caf\u00e9", "tea"),
            "did you mean 'caf\u00e9'? The value uses other characters",
        ),
        ("X", ("x", "y"), "did you mean 'x'? Upper and lower case differ"),
        ("x", ("x ", "y"), "did you mean 'x '? The value uses other characters"),
        ("tae", ("tea", "coffee"), "did you mean 'tea'?"),
    ],
)
def test_a_right_choice_that_is_nearly_a_text(value: str, choices: tuple[str, ...], message: str) -> None:
    assert none_of(value, choices).startswith(
        f"not one of the 2 choices, 0 to 1, and not the text of a choice; {message}"
    )


def test_letters_of_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    row = {"q": "?", "A": "one", "B": "two", "C": "three", "right": "C"}
    own: dict[str, Any] = {"kind": "choice", "text": ("q",), "label": "right"}
    for value in ("C", "c"):
        with pytest.raises(DataError, match=r"is read as the column 'A' of `choices`, but may mean the column 'C'"):
            read(tmp_path, {**row, "right": value}, **own, choices=("C", "B", "A"))
    with pytest.raises(DataError, match="is read as the column '0' of `choices`, but may mean the column '1'"):
        read(tmp_path, {"q": "?", "0": "one", "1": "two", "right": 1}, **own, choices=("1", "0"))
    assert read(tmp_path, row, **own, choices=("A", "B", "C"))[0].label == 2
    assert read(tmp_path, {**row, "right": "B"}, **own, choices=("C", "B", "A"))[0].label == 1, "both mean the same"
    assert read(tmp_path, row, **own, choices=("C", "B", "A"), label_as="letter")[0].label == 2, "declared"
    named = {**row, "names": ["A", "C", "B"], "right": "B"}
    assert read(tmp_path, named, **own, choices=("C", "B", "A"), choice_names="names")[0].label == 2, (
        "names of their own"
    )


def test_a_row_that_is_a_table(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="the row holds a whole column under each key; write one object for each example"
    ):
        read(tmp_path, {"text": ["a", "b"], "label": ["neg", "pos"]}, **MOODS)
    with pytest.raises(DataError, match=r"for several labels, use `kind: multilabel`"):
        read(tmp_path, {"text": "a", "label": ["neg", "pos"]}, **MOODS)


def test_values_that_are_there_instead_of_the_wanted_one(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "neg", "lang": lang, "n": 1} for lang in ("EN", "DE", "EN")]
    with pytest.raises(
        DataError,
        match=r"there is no example with lang 'en', n '1'; the values of lang are 'EN', 'DE'; the values of n are '1'$",
    ):
        read(tmp_path, *rows, **MOODS, where={"lang": "{language}", "n": 1})
    many = [{"text": "a", "label": "neg", "lang": f"x{number}"} for number in range(50)]
    with pytest.raises(DataError, match=r"'x19' and 30 more$"):
        read(tmp_path, *many, **MOODS, where={"lang": "en"})


def test_a_message_names_some_of_very_many() -> None:
    names = [f"label-{number:04}" for number in range(3000)]
    assert listed(["a", "b"]) == "a, b"
    shown = listed(names)
    assert shown.startswith("label-0000, label-0001, ")
    count = shown.count("label-")
    assert shown.endswith(f" and {3000 - count:,} more")
    assert len(shown) < MOST_LISTED + 50
    assert len(nearest("?", names)) < MOST_LISTED + 100
    assert listed(["x" * 5000, "y"]) == "x" * 5000 + " and 1 more"
