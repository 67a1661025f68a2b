"""BreakdownCollector of a score: by length, by window, and over translations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layover import kinds
from layover.breakdown import Agreement, Breakdown, bin_name, length_bin, read_breakdown, write_breakdown
from layover.errors import StoreError
from layover.kinds.classification import Example
from layover.metrics._metric import NO_RULES
from layover.steps.breakdown import BreakdownCollector, ScoredLanguage
from layover.store import write_json

KIND = kinds.get("classification")
GOLD = ["yes", "no", "yes", "no"]


def rows(tokens: list[int], windows: list[int | None] | None = None) -> list[dict[str, Any]]:
    places = windows or [None] * len(tokens)
    return [
        {"id": None, "where": "x:1", "tokens": count, "cut": count > 64, "window": window}
        for count, window in zip(tokens, places, strict=True)
    ]


def scored(answers: list[str], gold: list[str] = GOLD, names: list[str] | None = None, **given: Any) -> ScoredLanguage:
    examples = [Example(first=str(number), second=None, label=label) for number, label in enumerate(gold)]
    return ScoredLanguage(
        answers, examples, given.get("rows") or rows([5] * len(gold)), names or [*"abcd"][: len(gold)]
    )


def parts(source: str | None = "en", metrics: tuple[str, ...] = ("accuracy",)) -> BreakdownCollector:
    return BreakdownCollector(KIND, metrics, NO_RULES, source)


@pytest.mark.parametrize(
    ("tokens", "most", "name"), [(1, 32, "1-32"), (32, 32, "1-32"), (33, 64, "33-64"), (513, 1024, "513-1024")]
)
def test_bins_double(tokens: int, most: int, name: str) -> None:
    assert length_bin(tokens) == most
    assert bin_name(most) == name


def test_each_length_has_its_own_score() -> None:
    made = parts()
    made.add("en", scored(["yes", "yes", "yes", "no"], rows=rows([100, 32, 65, 33])))
    lengths = made.breakdown().lengths["en"]
    assert list(lengths) == [32, 64, 128]
    assert [(part.examples, part.cut, part.scores) for part in lengths.values()] == [
        (1, 0, {"accuracy": 0.0}),
        (1, 0, {"accuracy": 100.0}),
        (2, 2, {"accuracy": 100.0}),
    ]
    assert made.breakdown().windows == {}


def test_answers_in_a_later_window_are_apart() -> None:
    made = parts()
    made.add("en", scored(["yes", "yes", "no", "no"], rows=rows([9] * 4, [0, 1, 2, None])))
    windows = made.breakdown().windows["en"]
    assert {name: (part.examples, part.scores) for name, part in windows.items()} == {
        "first window": (1, {"accuracy": 100.0}),
        "later window": (2, {"accuracy": 0.0}),
    }


def test_translations_agree_where_their_answers_are_equal() -> None:
    made = parts()
    made.add("en", scored(["yes", "yes", "yes", "no"]))
    made.add("de", scored(["no", "yes", "yes", "no"]))
    made.add("sw", scored(["no", "yes", "yes", "yes"]))
    result = made.breakdown()
    assert result.translations == {"de": Agreement(items=4, same=3, right=2), "sw": Agreement(items=4, same=2, right=1)}
    assert result.everywhere == Agreement(items=4, same=2, right=1)


def test_two_languages_have_no_agreement_everywhere() -> None:
    made = parts()
    made.add("en", scored(["yes", "yes", "yes", "no"]))
    made.add("de", scored(["no", "yes", "yes", "no"]))
    assert made.breakdown().everywhere is None


def test_other_items_are_no_translations() -> None:
    """Lines of files that are not parallel have other gold; ids that differ have no line in common."""
    made = parts()
    made.add("en", scored(GOLD))
    made.add("de", scored(GOLD, gold=["no", "no", "yes", "no"]))
    made.add("fr", scored(GOLD, names=[*"wxyz"]))
    made.add("sw", scored(GOLD, names=[*"abyz"]))
    assert list(made.breakdown().translations) == ["sw"], "half of the names are common"
    unknown = parts(None)
    unknown.add("en", scored(GOLD))
    unknown.add("de", scored(GOLD))
    assert unknown.breakdown().translations == {}


def test_an_item_whose_gold_differs_does_not_count() -> None:
    count = 40
    gold, names = ["yes", "no"] * (count // 2), [str(number) for number in range(count)]
    made = parts()
    made.add("en", scored(gold, gold=gold, names=names))
    made.add("de", scored(gold, gold=["no", *gold[1:]], names=names))
    assert made.breakdown().translations["de"] == Agreement(items=count - 1, same=count - 1, right=count - 1)


def test_a_name_that_two_examples_have_is_no_item() -> None:
    made = parts()
    made.add("en", scored(GOLD, names=["a", "a", "c", "d"]))
    made.add("de", scored(GOLD))
    assert made.breakdown().translations["de"].items == 2


@pytest.mark.parametrize(
    ("gold", "other"),
    [
        (["no"] * 50 + ["yes"] * 50, ["no"] * 50 + ["yes"] * 50),
        (["yes", *["no"] * 99], [*["no"] * 99, "yes"]),
        (["no"] * 100, ["no"] * 100),
    ],
    ids=["sorted", "rare", "one label"],
)
def test_gold_that_agrees_without_a_translation_is_no_evidence(gold: list[str], other: list[str]) -> None:
    names = [str(number) for number in range(len(gold))]
    made = parts()
    made.add("en", scored(gold, gold=gold, names=names))
    made.add("de", scored(other, gold=other, names=names))
    assert made.breakdown().translations == {}


def test_labels_in_lists_can_be_compared() -> None:
    kind = kinds.get("multilabel")
    golds = [["a"], ["a", "b"], [], ["b"]]
    examples = [
        kind.from_json({"first": str(number), "second": None, "label": each}) for number, each in enumerate(golds)
    ]
    made = BreakdownCollector(kind, ("micro_f1",), kind.rules(("a", "b"), None, {}), "en")
    for language in ("en", "de"):
        predictions = [{"labels": each, "probabilities": [0.0, 0.0]} for each in golds]
        made.add(language, ScoredLanguage(predictions, examples, rows([5] * 4), [*"abcd"]))
    assert made.breakdown().translations["de"].items == 4


@pytest.mark.parametrize("failure", ["raises", "nan"])
def test_a_metric_that_needs_more_examples_leaves_a_part_without_a_score(
    failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(predictions: list[Any], *_: Any, **__: Any) -> dict[str, float]:
        if len(predictions) < 3 and failure == "raises":
            raise ValueError("too few")
        return {"accuracy": float("nan") if len(predictions) < 3 else 50.0}

    monkeypatch.setattr(type(KIND), "score", lambda _, *given, **named: score(*given, **named))
    made = parts()
    made.add("en", scored(GOLD, rows=rows([5, 5, 5, 99])))
    lengths = made.breakdown().lengths["en"]
    assert (lengths[32].scores, lengths[128].scores) == ({"accuracy": 50.0}, None)


def test_a_kind_whose_answers_are_texts_has_no_translations() -> None:
    assert not kinds.get("span").same_in_translation
    assert not kinds.get("tagging").same_in_translation
    assert all(kinds.get(name).same_in_translation for name in ("classification", "choice", "multilabel"))


def test_examples_that_alone_have_no_score_have_none() -> None:
    """A correlation of one number is undefined."""
    kind = kinds.get("regression")
    examples = [kind.from_json({"first": "a", "second": None, "label": value}) for value in (1.0, 2.0, 3.0)]
    made = BreakdownCollector(kind, ("pearson",), NO_RULES, "en")
    made.add("en", ScoredLanguage([1.0, 2.0, 3.0], examples, rows([9, 9, 40]), [*"abc"]))
    lengths = made.breakdown().lengths["en"]
    assert lengths[64].scores is None
    assert lengths[32].scores is not None


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = parts()
    made.add("en", scored(GOLD))
    made.add("de", scored(GOLD))
    write_breakdown(tmp_path / "breakdown.json", made.breakdown())
    assert read_breakdown(tmp_path / "breakdown.json") == made.breakdown()
    write_json(tmp_path / "other.json", {**Breakdown().model_dump(), "schema_version": 2})
    with pytest.raises(StoreError, match="has the schema 2, this version reads 1"):
        read_breakdown(tmp_path / "other.json")
