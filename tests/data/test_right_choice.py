"""Which choice is right: a number, a letter, a text or a name, the same way in a whole file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layover.data.tally import Tally
from layover.errors import DataError
from layover.tasks import OwnTask, declare, idle

XY = ("x", "y")


def place(folder: Path, *rows: dict[str, Any], **own: Any) -> Any:
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    own = {"text": ("q",), "choices": "c", **own}
    task = declare("mine", OwnTask(kind="choice", train_language="en", **own))
    return task, task.locate("train", "en", root=folder, files={"train": "a.jsonl"})


def read(folder: Path, *rows: tuple[object, tuple[str, ...]], tally: Tally | None = None, **own: Any) -> list[Any]:
    task, found = place(folder, *({"q": "?", "c": list(choices), "label": label} for label, choices in rows), **own)
    return [one.label for one in task.read(found, tally)]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ((0, 1), None),
        (("0", "1"), None),
        ((0.0, 1.0), None),
        (("A", "B"), "right choice as a letter"),
        (("a", "b"), "right choice as a letter"),
        (("x", "y"), "right choice as its text"),
    ],
)
def test_the_form_of_the_right_choice_is_found(tmp_path: Path, written: tuple[object, ...], reason: str | None) -> None:
    tally = Tally()
    assert read(tmp_path, (written[0], XY), (written[1], XY), tally=tally) == [0, 1]
    assert [(one.reason, one.count) for one in tally.otherwise()] == ([] if reason is None else [(reason, 2)])


@pytest.mark.parametrize(
    ("form", "value", "choices", "index"),
    [
        ("number", "1", ("1", "0"), 1),
        ("text", "1", ("1", "0"), 0),
        ("letter", "A", ("B", "A"), 0),
        ("text", "A", ("B", "A"), 1),
        ("number from 1", 1, XY, 0),
        ("number from 1", "2", XY, 1),
        ("text", "-", ("a", "-"), 1),
        ("letter", "-", ("a", "b"), None),
        (None, None, XY, None),
        (None, "", XY, None),
        (None, -1, XY, None),
    ],
)
def test_a_declared_form_decides(
    tmp_path: Path, form: str | None, value: object, choices: tuple[str, ...], index: int | None
) -> None:
    assert read(tmp_path, (value, choices), label_as=form) == [index]


@pytest.mark.parametrize(
    ("rows", "own", "message"),
    [
        ([("1", ("1", "0"))], {}, r"jsonl:1: '1' may be a number from 0 \('0'\) or the text of a choice \('1'\)"),
        ([("A", ("B", "A"))], {}, r"jsonl:1: 'A' may be a letter \('B'\) or the text of a choice \('A'\)"),
        ([("A", XY), (1, XY)], {}, r"jsonl:2: the right choice is a number from 0 \(1\), but at .*jsonl:1 it is"),
        ([(0, XY), ("y", XY)], {}, r"jsonl:2: the right choice is the text of a choice \('y'\), but at .*jsonl:1"),
        ([(1, XY), (2, XY)], {}, r"jsonl:2: 2 is not one of the 2 choices, 0 to 1; if they are numbered from 1"),
        ([("C", XY)], {}, "'C' is not one of the 2 choices, 0 to 1"),
        ([("xx", XY)], {}, "'xx' is not one of the 2 choices, 0 to 1, and not the text of a choice; did you mean 'x'"),
        ([(True, XY)], {}, "True is not one of the 2 choices"),
        ([(0.5, XY)], {}, "0.5 is not one of the 2 choices"),
        ([("x", XY)], {"label_as": "letter"}, "'x' is no letter of one of the 2 choices"),
        ([("-1", ("-1", "1"))], {}, r"jsonl:1: '-1' may mean no gold, or be a choice's text; declare `label_as`"),
        ([(0, XY)], {"label_as": "number from 1"}, "0 is no number from 1 of one of the 2 choices"),
        ([(0, XY), (0, ("x", "y", "z"))], {}, r"jsonl:2: 3 choices, but the first example has 2; all examples"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_an_error(
    tmp_path: Path, rows: list[tuple[object, tuple[str, ...]]], own: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, *rows, **own)


def test_rows_before_say_the_form_of_one_that_could_be_two(tmp_path: Path) -> None:
    assert read(tmp_path, ("7", ("5", "7")), ("1", ("1", "0"))) == [1, 0]  # 7 is no number of a choice
    assert read(tmp_path, ("7", ("5", "7")), ("-1", ("1", "-1"))) == [1, 1]
    assert read(tmp_path, (0, XY), (-1, ("1", "-1"))) == [0, None]


def test_choices_with_names_of_their_own(tmp_path: Path) -> None:
    own = {"choices": "c.text", "label": "key", "choice_names": "c.label"}
    rows = [
        {"q": "?", "c": {"text": ["x", "y"], "label": ["1", "2"]}, "key": "1"},
        {"q": "?", "c": {"text": ["x", "y"], "label": ["A", "B"]}, "key": "B"},
        {"q": "?", "c": {"text": ["x", "y"], "label": [1, 2]}, "key": 2},
    ]
    task, found = place(tmp_path, *rows, **own)
    assert [one.label for one in task.read(found)] == [0, 1, 1]
    for change, message in (
        ({"key": "3"}, "'3' is not among the names of the choices, 1, 2"),
        ({"c": {"text": ["x", "y"], "label": ["1", "1"]}}, "'1' is more than once among the names"),
        ({"c": {"text": ["x", "y"], "label": ["1"]}}, "must be a list of 2 names of choices"),
    ):
        task, found = place(tmp_path, rows[0] | change, **own)
        with pytest.raises(DataError, match=message):
            task.read(found)
    # without the column of names the same file is refused, for its "1" could be a number from 0
    task, found = place(tmp_path, *rows, choices="c.text", label="key")
    with pytest.raises(DataError, match="declare the column with the names of the choices as `choice_names`"):
        task.read(found)


def test_the_form_is_part_of_the_identity_where_it_is_declared(tmp_path: Path) -> None:
    row = {"q": "?", "c": ["x", "y"], "label": 0}
    forms = {form: place(tmp_path, row, label_as=form)[1].identity(str) for form in (None, "number", "number from 1")}
    assert "right" not in forms[None]["reading"]
    assert forms["number"]["reading"]["right"] == "number"
    assert len({json.dumps(one, sort_keys=True) for one in forms.values()}) == 3


def test_keys_that_would_decide_nothing_are_refused() -> None:
    asks = {"kind": "choice", "text": ("q",)}
    told = idle(OwnTask(**asks, choices=("a", "b"), label="a", label_as="text"))
    assert told == {"label_as": "the column 'a' of `choices` is always the right choice; remove this key"}
    told = idle(OwnTask(**asks, choices="c", label_as="text", choice_names="n"))
    assert told == {
        "label_as": "`choice_names` already says how the right choice is written; remove `label_as` or `choice_names`"
    }
    foreign = idle(OwnTask(**asks, choices="c", codes="labels"))["codes"]
    assert foreign.startswith("it is a field of classification, multilabel and")
    tags = OwnTask(kind="tagging", labels=("O", "X"), label_as="text")
    assert idle(tags)["label_as"] == "it is a field of choice, not of tagging; remove it"
    assert idle(OwnTask(**asks, choices=("a", "b"), label_as="letter")) == {}
