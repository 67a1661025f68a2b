"""Tables of labels: means worked out by hand, visible gaps, and no more than a person reads."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from layover.label_counts import LabelCounts, count
from layover.plan import Cell
from layover.records import Record
from layover.report import CellRow
from layover.report.sections import classes, confusion

Pairs = list[tuple[str, str]]


def record(*languages: str) -> Record:
    return Record(
        metrics=("accuracy",),
        source_language="en",
        languages={name: {"accuracy": 50.0} for name in languages},
        examples=dict.fromkeys(languages, 2),
        missing={},
    )


def row(seed: int, languages: dict[str, Pairs] | None, *, method: str = "lora", scored: bool = True) -> CellRow:
    cell = Cell("base", method, "none", "moods", seed, "t", "s", None)
    counts = None if languages is None else LabelCounts(languages={k: count(v) for k, v in languages.items()})
    return CellRow(cell, "accuracy", "test", {}, record("en") if scored else None, None, None, counts=counts)


def plan(*labels: str, kind: str = "classification") -> Any:
    return SimpleNamespace(recipe=SimpleNamespace(tasks={"moods": SimpleNamespace(kind=kind, labels=labels)}))


def split(text: str) -> Pairs:
    """Return the pairs of `bg bb`: gold b predicted as g, gold b as b."""
    return [(pair[0], pair[1]) for pair in text.split()]


def test_means_are_over_the_languages_that_have_a_label_then_over_seeds() -> None:
    rows = [
        row(1, {"en": split("gg gg gb bb"), "de": split("gg")}),  # g: recall 2/3 and 1; b: precision 1/2, only en
        row(2, {"en": split("gg gg gg bg"), "de": split("gb")}),  # g: recall 1 and 0; b: predicted in de, gold in en
    ]
    lines = classes.cells(plan("b", "g"), rows, "moods", ["b", "g"])
    b, g = lines
    assert b[:5] == ["base", "lora", "none", "2", "`b`"]
    assert b[5:] == ["25.0 ± 35.4", "50.0 ± 70.7", "33.3 ± 47.1", "1"]
    # g: precision 100 and 100; 75 (of en alone, nothing is predicted so in de)
    assert g[5:] == ["87.5 ± 17.7", "66.7 ± 23.6", "66.4 ± 33.3", "4"]


def test_a_score_that_is_not_defined_is_no_number() -> None:
    lines = classes.cells(plan("b", "g"), [row(1, {"en": split("gg ng")})], "moods", ["g", "n"])
    assert lines[1][4:] == ["`n` (not in the training data)", "–", "0.0", "0.0", "1"]


def test_a_matrix_is_summed_over_languages_and_a_mean_over_seeds() -> None:
    rows = [
        row(1, {"en": split("gg gb bb"), "de": split("gb")}),
        row(2, {"en": split("gg gg bb"), "de": split("gb")}),
    ]
    headers, lines = confusion.cells(plan("g", "b"), rows, "moods", ["g", "b"])
    assert headers[3:] == ["gold", "`g`", "`b`"]
    assert [line[3:] for line in lines] == [["`g`", "1.5", "1.5"], ["`b`", "0", "1"]]


def test_gaps_are_said() -> None:
    counted = row(1, {"en": split("gg bb")})
    old, waiting = row(2, None), row(1, None, method="full", scored=False)
    parts = classes._target(plan("g", "b"), [counted, old, waiting], "moods")
    assert parts[0] == "### moods: labels"
    assert "1 of 2 scored cells have no counts of labels" in parts[-1]
    assert "| base | lora | none | 1 of 2 | `g` |" in parts[2]
    assert "| base | full | none | 0 of 1 | missing | – |" in parts[2]
    (said,) = classes._target(plan("g", "b"), [old], "moods")
    assert said.startswith("1 of 1 scored cells have no counts of labels")
    assert classes._target(plan("g", "b"), [waiting], "moods") == []
    assert confusion._target(plan("g", "b"), [old], "moods") == []
    assert classes._target(plan(kind="span"), [old], "moods") == []


def test_of_many_labels_those_with_the_most_gold_are_shown(tmp_path: Path) -> None:
    names = [f"l{number:02}" for number in range(30)]
    pairs = [(name, name) for place, name in enumerate(names) for _ in range(place + 1)]
    rows = [row(1, {"en": pairs})]
    parts = classes._target(plan(*names), rows, "moods")
    shown = [line.split("|")[5].strip() for line in parts[2].splitlines()[2:]]
    assert shown == [f"`{name}`" for name in reversed(names[10:])]
    assert parts[3] == "The table shows the 20 labels with the most gold; `classes.csv` also has the other 10."
    assert confusion._target(plan(*names), rows, "moods") == []
    assert classes.write(rows, tmp_path / "classes.csv")
    with (tmp_path / "classes.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["label"] for line in lines] == names
    assert {line["gold"] for line in lines} == {str(number) for number in range(1, 31)}


def test_of_tags_it_is_said_that_words_are_counted() -> None:
    rows = [row(1, {"en": split("OO OB BB")})]
    assert classes._target(plan("B", "O", kind="tagging"), rows, "moods")[1].endswith("Each word counts as an example.")
    assert "Words" not in classes._target(plan("B", "O"), rows, "moods")[1]


def test_the_files_hold_every_cell_language_and_pair(tmp_path: Path) -> None:
    rows = [row(1, {"en": split("gg gb bb"), "de": split("gb")}), row(2, None)]
    assert classes.write(rows, tmp_path / "classes.csv")
    assert confusion.write(rows, tmp_path / "confusion.csv")
    with (tmp_path / "classes.csv").open(encoding="utf-8", newline="") as stream:
        first, *rest = csv.DictReader(stream)
    assert len(rest) == 3
    assert first["label"] == "b"
    assert [first[name] for name in ("precision", "recall", "f1")] == ["50.0", "100.0", str(200 / 3)]
    assert [one["precision"] for one in rest if one["language"] == "de"] == ["0.0", ""], "nothing is predicted as g"
    with (tmp_path / "confusion.csv").open(encoding="utf-8", newline="") as stream:
        lines = [tuple(line.values()) for line in csv.DictReader(stream)]
    assert [line[5:] for line in lines] == [
        ("en", "b", "b", "1", "0"),
        ("en", "g", "g", "1", "0"),
        ("en", "g", "b", "1", "0"),
        ("de", "g", "b", "1", "0"),
    ]
    assert not classes.write(rows[1:], tmp_path / "none.csv")
    assert not confusion.write(rows[1:], tmp_path / "none.csv")
