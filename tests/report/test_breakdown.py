"""Tables of scores by length and window, of translations, and of similar languages."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.report.conftest import Group, record_of

from layover.breakdown import Agreement, Breakdown, PartScore
from layover.data.similarity import similarity
from layover.report import CellRow
from layover.report.sections import lengths, translations
from layover.report.sections import similarity as similar


def part(examples: int, score: float | None, cut: int = 0) -> PartScore:
    return PartScore(examples=examples, cut=cut, scores=None if score is None else {"accuracy": score})


def broken_down(row: CellRow, **given: Any) -> CellRow:
    return replace(row, breakdown=Breakdown(**given))


def test_lengths_are_weighted_by_examples_over_the_zero_shot_languages(group: Group, tmp_path: Path) -> None:
    by_length = {
        "en": {32: part(1000, 99.0)},
        "de": {32: part(30, 80.0), 128: part(10, 40.0, cut=4)},
        "sw": {32: part(10, 60.0), 128: part(10, None, cut=2)},
    }
    record = record_of(en=90.0, de=70.0, sw=50.0)
    rows = [replace(broken_down(row, lengths=by_length), record=record) for row in group("lora", "none", [70.0, 71.0])]
    headers, lines = lengths.cells(rows, "xnli", lengths.LENGTHS)
    assert headers[3:] == ["1-32 (n=40)", "65-128 (n=20, 6 cut)"]
    assert lines == [["base", "lora", "none", "75.0 ± 0.0", "40.0 ± 0.0 (1 of 2 languages)"]]
    assert lengths.write(rows, tmp_path / "lengths.csv")
    with (tmp_path / "lengths.csv").open(encoding="utf-8") as stream:
        written = [line for line in csv.DictReader(stream) if line["seed"] == "0"]
    assert [(line["language"], line["part"], line["score"]) for line in written] == [
        ("en", "1-32", "99.0"),
        ("de", "1-32", "80.0"),
        ("de", "65-128", "40.0"),
        ("sw", "1-32", "60.0"),
        ("sw", "65-128", ""),
    ]


def test_bins_are_in_the_order_of_their_numbers(group: Group) -> None:
    by_length = {"sw": {most: part(1, 50.0) for most in (1024, 32, 128)}}
    rows = [broken_down(row, lengths=by_length) for row in group("lora", "none", [70.0])]
    headers, _ = lengths.cells(rows, "xnli", lengths.LENGTHS)
    assert [name.partition(" ")[0] for name in headers[3:]] == ["1-32", "65-128", "513-1024"]


def test_one_part_is_no_table(group: Group, tmp_path: Path) -> None:
    rows = [broken_down(row, lengths={"sw": {32: part(5, 50.0)}}) for row in group("lora", "none", [70.0])]
    assert lengths.cells(rows, "xnli", lengths.LENGTHS) == ([], [])
    assert not lengths.write(rows, tmp_path / "lengths.csv")


def test_answers_in_later_windows(group: Group) -> None:
    windows = {"sw": {"later window": part(4, 25.0), "first window": part(8, 75.0)}}
    rows = [broken_down(row, windows=windows) for row in group("lora", "none", [70.0])]
    headers, lines = lengths.cells(rows, "xnli", lengths.WINDOWS)
    assert headers[3:] == ["first window (n=8)", "later window (n=4)"]
    assert lines == [["base", "lora", "none", "75.0", "25.0"]]
    assert lengths.SECTION.target is not None
    text = "\n".join(lengths.SECTION.target(SimpleNamespace(), rows, "xnli"))  # type: ignore[arg-type]
    assert "by window of the answer" in text
    assert "by length of the input" not in text


def test_a_missing_cell_has_no_parts(group: Group) -> None:
    rows = [broken_down(row, lengths={"sw": {32: part(1, 1.0), 64: part(1, 1.0)}}) for row in group("a", "none", [7.0])]
    gone = [replace(row, record=None, breakdown=None) for row in group("b", "none", [7.0])]
    _, lines = lengths.cells([*rows, *gone], "xnli", lengths.LENGTHS)
    assert [line[1] for line in lines] == ["a"]


def test_translations_are_shares_of_items(group: Group, tmp_path: Path) -> None:
    def row(seed: int, de: int, sw: int) -> CellRow:
        agreed = {
            "de": Agreement(items=100, same=de, right=50),
            "sw": Agreement(items=50, same=sw, right=10),
        }
        everywhere = Agreement(items=50, same=sw - 5, right=10)
        return broken_down(group("lora", "none", [70.0, 71.0])[seed], translations=agreed, everywhere=everywhere)

    rows = [row(0, 90, 30), row(1, 80, 35)]
    assert translations.cells(rows, "xnli") == [
        ["base", "lora", "none", "75.0", "sw 65.0", "55.0", "20.0", "2"],
    ]
    assert translations.write(rows, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8") as stream:
        assert [(line["language"], line["same"]) for line in csv.DictReader(stream)][:3] == [
            ("de", "90"),
            ("sw", "30"),
            ("all", "25"),
        ]
    assert not translations.write(group("lora", "none", [70.0]), tmp_path / "none.csv")


def scores_of(**scores: float) -> dict[str, float]:
    return {"en": 95.0, **scores}


def test_scores_correlate_with_similar_languages(group: Group, tmp_path: Path) -> None:
    scores = {"de": 80.0, "nl": 82.0, "fr": 75.0, "sw": 50.0, "zh": 60.0, "fi": 70.0}
    none = {"de": 70.0, "nl": 75.0, "fr": 71.0, "sw": 52.0, "zh": 50.0, "fi": 69.0}
    (row,) = group("lora", "mnli", [0.0])
    row = replace(row, record=record_of(**scores_of(**scores)), baseline=record_of(**scores_of(**none)))
    of_scores, of_gains = similar.correlations([row])
    assert (of_scores.of, of_scores.count, of_gains.of, of_gains.count) == ("score", 6, "gain", 6)
    for measure in ("syntax", "phonology", "inventory", "family"):
        near = [(similarity(name, "en") or {})[measure] for name in scores]
        gains = [scores[name] - none[name] for name in scores]
        assert of_scores.values[measure] == pytest.approx(spearmanr(near, list(scores.values())).statistic)
        assert of_gains.values[measure] == pytest.approx(spearmanr(near, gains).statistic)
    assert similar.cells([of_scores])[0][:6] == ["score", "base", "lora", "mnli", "xnli", "6"]
    assert similar.write([row], tmp_path / "similarity.csv")


def test_generated_languages_and_few_languages_have_no_correlation(group: Group, tmp_path: Path) -> None:
    scores = {"de": 80.0, "nl": 82.0, "fr": 75.0, "sw": 50.0, "zh": 60.0}
    (row,) = group("lora", "none", [0.0])
    row = replace(row, record=record_of(**scores_of(**scores)))
    assert len(similar.correlations([row])) == 1
    assert similar.correlations([replace(row, generated=True)]) == []
    few = replace(row, record=record_of(en=90.0, de=80.0, nl=80.0, fr=75.0, sw=50.0))
    assert similar.correlations([few]) == [], "English is no zero-shot language"
    unknown = replace(row, record=record_of(**scores_of(**{**scores, "tlh2": 1.0})))
    assert similar.correlations([unknown])[0].count == 5
    assert not similar.write([few], tmp_path / "none.csv")
    assert similar.correlations_of(np.ones((1, 9)), np.arange(9.0)) == [None]
    assert similar.correlations_of(np.arange(4.0)[None], np.arange(4.0)) == [None], "too few"
    half_known = np.array([[0.0, 1, 2, 3, 4, np.nan]])
    assert similar.correlations_of(half_known, np.array([4.0, 3, 2, 1, 0, 99])) == [pytest.approx(-1.0)]


def test_many_correlations_stand_in_the_file_only(group: Group) -> None:
    scores = scores_of(de=80.0, nl=82.0, fr=75.0, sw=50.0, zh=60.0)
    rows = [
        replace(row, record=record_of(**scores))
        for number in range(61)
        for row in group("lora", "none", [0.0], target=f"t{number}")
    ]
    assert similar.SECTION.whole is not None
    text = "\n".join(similar.SECTION.whole(SimpleNamespace(), rows))  # type: ignore[arg-type]
    assert "`similarity.csv` has all 61 correlations." in text
    assert "| lora |" not in text


def test_seeds_with_other_languages_are_averaged_over_those_in_common(group: Group) -> None:
    both = {"de": {32: part(5, 80.0), 64: part(5, 70.0)}, "fr": {32: part(5, 20.0), 64: part(5, 10.0)}}
    first, second = group("lora", "none", [70.0, 71.0])
    rows = [
        replace(broken_down(first, lengths=both), record=record_of(en=90.0, de=75.0, fr=15.0)),
        replace(broken_down(second, lengths={"de": both["de"]}), record=record_of(en=90.0, de=75.0, fr=None)),
    ]
    _, lines = lengths.cells(rows, "xnli", lengths.LENGTHS)
    assert lines[0][3] == "80.0 ± 0.0 over the 1 language that every seed has"


def test_models_with_other_tokenizers_have_numbers_of_their_own(group: Group, tmp_path: Path) -> None:
    short = [
        broken_down(row, lengths={"sw": {32: part(5, 80.0), 64: part(5, 60.0)}}) for row in group("a", "none", [7.0])
    ]
    long = [
        broken_down(row, lengths={"sw": {32: part(1, 90.0), 64: part(9, 50.0, cut=7)}})
        for row in group("a", "none", [7.0], model="large")
    ]
    headers, lines = lengths.cells([*short, *long], "xnli", lengths.LENGTHS)
    assert headers[3:] == ["1-32", "33-64"]
    assert [line[3:] for line in lines] == [["80.0 (n=5)", "60.0 (n=5)"], ["90.0 (n=1)", "50.0 (n=9, 7 cut)"]]


def test_the_file_is_there_where_a_table_is(group: Group, tmp_path: Path) -> None:
    """Each language has one bin, but both together have two."""
    (row,) = group("lora", "none", [70.0])
    row = replace(
        broken_down(row, lengths={"de": {32: part(5, 80.0)}, "sw": {64: part(5, 60.0)}}),
        record=record_of(en=90.0, de=80.0, sw=60.0),
    )
    assert lengths.cells([row], "xnli", lengths.LENGTHS)[1]
    assert lengths.write([row], tmp_path / "lengths.csv")
