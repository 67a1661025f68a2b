"""Items of a scored cell: their names, and what they contribute to scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layover import kinds
from layover.kinds.classification import Example
from layover.metrics._metric import NO_RULES
from layover.statistics import GROUPS
from layover.steps.items import ItemNames, contributions_of, read_items, write_items

KIND = kinds.get("classification")


def rows(*ids: str | int | None, first: int = 1) -> list[dict[str, Any]]:
    return [{"id": own, "where": f"data:x/en.tsv:{number}"} for number, own in enumerate(ids, first)]


def examples(*texts: str, gold: str = "yes") -> list[Example]:
    return [Example(first=text, second="b", label=gold) for text in texts]


def test_ids_that_several_languages_share_are_the_names() -> None:
    names = ItemNames({"en": rows("q1", "q2"), "de": rows("q2", "q1")})
    assert names.of("en", KIND, examples("a", "b")) == ["q1", "q2"]
    assert names.of("de", KIND, examples("c", "d")) == ["q2", "q1"]


def test_lines_are_the_names_where_each_language_has_ids_of_its_own() -> None:
    names = ItemNames({"en": rows("en-1", "en-2"), "de": rows("de-1", "de-2", first=4)})
    assert names.of("en", KIND, examples("a", "b")) == ["1", "2"]
    assert names.of("de", KIND, examples("a", "b")) == ["4", "5"], "the line, whatever was left out before it"


def test_an_id_that_one_language_repeats_is_not_shared() -> None:
    names = ItemNames({"de": rows("d0", "d0", "d1", "d1"), "fr": rows("f0", "f0", "f1", "f1")})
    assert names.of("de", KIND, examples("a", "b", "c", "d")) == ["1", "2", "3", "4"]


def test_lines_are_the_names_without_ids() -> None:
    assert ItemNames({"en": rows(None, None)}).of("en", KIND, examples("a", "b")) == ["1", "2"]


def test_lines_of_two_files_are_other_items() -> None:
    def two(language: str) -> list[dict[str, Any]]:
        return [{"id": None, "where": f"{language}.{part}:{line}"} for part in "ab" for line in (1, 2)]

    names = ItemNames({"en": two("en"), "de": two("de")})
    assert names.own("en") == ["1", "2", "1 in file 2", "2 in file 2"] == names.own("de")


def test_examples_about_one_text_are_one_item() -> None:
    names = ItemNames({"en": rows(None, None, None)})
    assert names.of("en", KIND, examples("a", "b", "a")) == ["1", "2", "1"]


def test_contributions_are_those_of_the_score() -> None:
    found = examples(*(f"text {number}" for number in range(200)))
    names = [str(number) for number in range(200)]
    predictions = ["yes" if number % 4 else "no" for number in range(200)]
    answers = [_prediction(label) for label in predictions]
    values = contributions_of(
        KIND, answers, found, names, metrics=("accuracy", "macro_f1"), language="en", rules=NO_RULES
    )
    assert values.shape == (2, GROUPS)
    count = np.sum(~np.isnan(values[0]))
    variance = count / (count - 1) * np.nansum(values[0] ** 2)
    assert variance == pytest.approx(100**2 * 0.25 * 0.75 / 200, rel=0.5), "that of a share, from 50 groups"
    assert np.nansum(values[0]) == pytest.approx(0, abs=1e-9)
    assert np.isfinite(values[1][~np.isnan(values[0])]).all()


def _prediction(label: str) -> Any:
    """Return a prediction of the kind, which `answer` reads."""
    prediction: Any = label
    assert KIND.answer(prediction) == label
    return prediction


def test_a_score_that_is_undefined_without_some_items_has_unknown_contributions() -> None:
    regression = kinds.get("regression")
    gold: list[Any] = [
        regression.from_json({"first": str(number), "second": "b", "label": value})
        for number, value in enumerate((1.0, 1.0, 2.0))
    ]
    values = contributions_of(
        regression, [0.1, 0.2, 0.3], gold, ["a", "b", "c"], metrics=("pearson",), language="en", rules=NO_RULES
    )
    assert np.isnan(values).all()


def test_they_are_kept(tmp_path: Path) -> None:
    values = np.arange(2 * GROUPS, dtype=np.float64).reshape(2, GROUPS)
    values[0, 3] = np.nan
    write_items(tmp_path / "items.safetensors", {"sw": values, "en": values / 3})
    read = read_items(tmp_path / "items.safetensors")
    assert set(read) == {"en", "sw"}
    assert np.array_equal(read["sw"], values, equal_nan=True)
    assert read["en"] == pytest.approx(values / 3, rel=1e-6, nan_ok=True)
