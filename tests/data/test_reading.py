"""What a written label stands for: declared labels before all conventions."""

from __future__ import annotations

import json

import pytest

from layover.data.formats import Row
from layover.data.reading import Reading
from layover.errors import DataError

ROW = Row({}, "file.jsonl", 7)


def label(value: object, *labels: str, **more: object) -> str | None:
    return Reading({}, labels, **more).label(value, ROW)  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["-1", "-", "", "null", "None", "NA", "nan", "-2", "01", "1.0", "true", "-0"])
def test_a_declared_label_is_one_whatever_it_is_called(written: str) -> None:
    assert label(written, "other", written) == written


@pytest.mark.parametrize(
    ("value", "labels", "expected"),
    [
        (-1, ("-1", "0", "1"), "-1"),
        (-2, ("-2", "2"), "-2"),
        (0, ("-1", "0", "1"), "0"),
        (1, ("01", "02"), "01"),
        (1, ("1", "01"), "1"),
        (1.0, ("0", "1"), "1"),
        (1.0, ("1", "1.0"), "1.0"),
        (1, ("1", "1.0"), "1"),
        (1, ("0.0", "1.0"), "1.0"),
        (0.5, ("0.5", "1"), "0.5"),
        (-1.0, ("-1", "1"), "-1"),
        (10**20, (str(10**20), "1"), str(10**20)),
        (True, ("false", "true"), "true"),
        (False, ("False", "True"), "False"),
        (True, ("True", "true"), "true"),
    ],
)
def test_a_number_or_boolean_stands_for_the_label_of_its_value(
    value: object, labels: tuple[str, ...], expected: str
) -> None:
    assert label(value, *labels) == expected
    assert label(json.loads(json.dumps(value)), *reversed(labels)) == expected


def test_one_reading_tells_a_whole_number_from_a_decimal_one() -> None:
    reading = Reading({}, ("1", "1.0"))
    assert [reading.label(value, ROW) for value in (1, 1.0, 1, "1.0")] == ["1", "1.0", "1", "1.0"]


@pytest.mark.parametrize("value", [-1, -1.0, "-1", "-", "", None, float("nan")])
def test_the_conventions_for_no_gold_hold_where_no_label_is_called_so(value: object) -> None:
    assert label(value, "0", "1") is None


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_missing_value_is_no_text(value: object) -> None:
    assert label(value, "null", "nan", "None") is None


@pytest.mark.parametrize(
    ("value", "labels", "message"),
    [
        (1, ("01", "001"), "file.jsonl:7: the number 1 may mean '01' or '001'; write the label as text"),
        (-2, ("0", "1"), "-2 is not a label; one of: 0, 1"),
        (2, ("0", "1"), "2 is not a label"),
        (True, ("0", "1"), "true is not a label"),
        ("1.0", ("0", "1"), "'1.0' is not a label; one of: 0, 1"),
        ("null", ("yes", "no"), "'null' is not a label"),
        (1, ("1_0", "x"), "1 is not a label"),
        ([1], ("1", "0"), r"\[1\] is not a label"),
    ],
)
def test_all_else_is_an_error(value: object, labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        label(value, *labels)


def test_codes_number_the_labels() -> None:
    assert label(1, "b", "a", codes=("a", "b")) == "b"
    assert label(-1, "b", "a", codes=("a", "b")) is None
    assert label(-1, "-1", "a", codes=("a", "-1")) == "-1"
    with pytest.raises(DataError, match="5 is not a label"):
        label(5, "5", "6", codes=("5", "6"))


def test_aliases_come_before_everything() -> None:
    aliases = {"-": "no", "-1": "no", "2": "yes"}
    assert [label(value, "no", "yes", "-", aliases=aliases) for value in ("-", -1, 2)] == ["no", "no", "yes"]


def test_an_open_set_takes_text_and_for_examples_whole_numbers() -> None:
    assert label("X", open=True) == "X"
    assert label(-1, open=True) is None
    assert label(3, open=True) == "3"
    with pytest.raises(DataError, match="3 is not a label; text is needed; declare the tag of each number"):
        Reading({}, (), open=True).label(3, ROW, 0)


@pytest.mark.parametrize(("value", "expected"), [(2, 2), ("2", 2), (2.0, 2), (-1, None), ("-1", None), (None, None)])
def test_the_index_of_a_choice(value: object, expected: int | None) -> None:
    assert Reading({}).index(value, ROW, 3) == expected


@pytest.mark.parametrize("value", [-2, 3, 1.5, True, "-2", "x"])
def test_an_index_that_names_no_choice(value: object) -> None:
    with pytest.raises(DataError, match="is not one of the 3 choices"):
        Reading({}).index(value, ROW, 3)
