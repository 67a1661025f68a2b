"""XTREME's averages in the report: worked out by hand, gaps with their reasons, nothing that is not XTREME's."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from layover.plan import Cell, build
from layover.recipe import load
from layover.records import Record, Retrieved
from layover.report import CellRow, rows_of
from layover.report.files import write_report
from layover.report.sections import xtreme
from layover.store import FileHashes, Store
from layover.tasks import official

SCORES = {
    "xnli": 70.0, "pawsx": 80.0, "udpos": 60.0, "panx": 50.0, "xquad": 64.0, "mlqa": 56.0, "tydiqa": 48.0,
    "bucc2018": 30.0, "tatoeba": 20.0,
}  # fmt: skip
"""By the first metric of each task, in all languages; a second metric has half of it."""


def record(task: str, value: float, without: Mapping[str, str] | None = None, count: int | None = None) -> Record:
    """Return a record of all of XTREME's languages on the whole test split."""
    known, absent = official()[task], dict(without or {})
    mining = None
    if task == "bucc2018":
        thresholds = dict.fromkeys(known.xtreme, 1.1)
        mining = Retrieved(
            layer=8, special_tokens=True, scoring="margin", threshold_tuned_on="validation", thresholds=thresholds
        )
    scores = {name: value / (1 + place) for place, name in enumerate(known.metrics)}
    there = [code for code in known.xtreme if code not in absent]
    return Record(
        metrics=known.metrics,
        source_language="en",
        languages=dict.fromkeys(there, scores) | dict.fromkeys(absent),
        examples={code: count or known.count("test", code) or 7 for code in there},
        missing=absent,
        retrieval=mining,
    )


def row(
    task: str,
    found: Record | None,
    *,
    seed: int = 1,
    method: str = "lora",
    intermediate: str = "mnli",
    split: str = "test",
    partial: Mapping[str, str] | None = None,
    failure: str | None = None,
) -> CellRow:
    seeded = official()[task].kind != "retrieval" or intermediate != "none"
    cell = Cell("base", method, intermediate, task, seed, "t", "s", None, seeded, False)
    return CellRow(cell, official()[task].metrics[0], split, partial or {}, found, None, failure)


def whole(seed: int = 1, more: float = 0.0, intermediate: str = "mnli", **other: CellRow) -> list[CellRow]:
    """Return a row for each of the nine tasks; `other` replaces some."""
    rows = {
        task: row(task, record(task, value + more), seed=seed, intermediate=intermediate)
        for task, value in SCORES.items()
    }
    return list((rows | other).values())


def shown(rows: list[CellRow]) -> dict[str, str]:
    headers, (line,) = xtreme.cells(xtreme.lines(rows))
    return dict(zip(headers, line, strict=True))


def test_the_averages_of_one_seed() -> None:
    found = shown(whole())
    assert list(found)[:3] == ["model", "method", "intermediate"]
    assert (found["xnli"], found["tatoeba"]) == ("70.0 (n=1)", "20.0 (n=1)")
    assert found["udpos"] == "60.0 (n=1)"  # by seqeval F1, not by the token accuracy beside it
    assert found["xquad"] == "48.0 (n=1)"  # F1 64, exact match 32
    assert found["all classification"] == "75.0 (n=1)"
    assert found["all tagging"] == "55.0 (n=1)"
    assert found["all span"] == "42.0 (n=1)"  # of 48, 42, 36
    assert found["all retrieval"] == "25.0 (n=1)"
    # 70 + 80 + 60 + 50 + 48 + 42 + 36 + 30 + 20, by nine; the mean of the four kinds is another number
    assert found["all"] == "48.4 (n=1)"
    assert xtreme.notes(xtreme.lines(whole())) == []


def test_mean_and_deviation_are_over_the_seeds_that_have_an_average() -> None:
    rows = [*whole(1), *whole(2, more=4.0), *whole(3, xnli=row("xnli", None, seed=3))]
    found = shown(rows)
    assert found["xnli"] == "72.0 ± 2.8 (n=2 of 3)"
    assert found["pawsx"] == "81.3 ± 2.3 (n=3)"  # 80, 84, 80
    # 75, 79; the third seed has half of its tasks
    assert found["all classification"] == "77.0 ± 2.8 (n=2 of 3)"
    assert found["all"].endswith("(n=2 of 3)")
    (line,) = xtreme.lines(rows)
    assert line.gaps == {"xnli": "not finished (seed 3)"}


def test_a_result_without_a_seed_is_one() -> None:
    rows = [*whole(1, intermediate="none"), *whole(2, intermediate="none")]
    found = shown(rows)
    assert found["tatoeba"] == "20.0 (no seed)"
    assert found["all retrieval"] == "25.0 (no seed)"
    assert found["xnli"] == "70.0 ± 0.0 (n=2)"
    assert found["all"] == "48.4 ± 0.0 (n=2)"


OTHER_THRESHOLD = record("bucc2018", 30.0).model_copy(
    update={"retrieval": Retrieved(layer=8, special_tokens=True, scoring="margin", threshold_tuned_on="scored",
                                   thresholds={})}
)  # fmt: skip

CHOSEN = {"layer_chosen_on": "scored", "threshold_tuned_on": None, "thresholds": {}}
OTHER_LAYER = record("tatoeba", 30.0).model_copy(
    update={"retrieval": Retrieved(layer=8, special_tokens=True, scoring="cosine", **CHOSEN)}
)


@pytest.mark.parametrize(
    ("task", "replaced", "gap"),
    [
        ("xnli", row("xnli", None), "not finished"),
        ("xnli", row("xnli", None, failure="out of memory"), "failed"),
        ("xnli", row("xnli", record("xnli", 70.0, {"ur": "no test file", "zh": "no test file"})),
         "no test file: ur, zh"),
        ("xnli", row("xnli", record("xnli", 70.0), split="validation"), "scored on the validation split"),
        ("xnli", row("xnli", record("xnli", 70.0, {"ur": "no gold labels"}, count=60)),
         "60 examples instead of all: ar, bg, de, el, en, es, fr, hi, ru, sw, th, tr, vi, zh; no gold labels: ur"),
        # of German UD-POS no number is published: the recipe's limit tells
        ("udpos", row("udpos", record("udpos", 60.0), partial={"de": "limited to 7 examples"}),
         "limited to 7 examples: de"),
        ("bucc2018", row("bucc2018", OTHER_THRESHOLD), "the gold of the scored split tuned the threshold"),
        ("tatoeba", row("tatoeba", OTHER_LAYER), "the gold of the scored split chose the layer"),
    ],
)  # fmt: skip
def test_what_is_not_the_whole_test_split_is_a_gap(task: str, replaced: CellRow, gap: str) -> None:
    rows = whole(**{task: replaced})
    found = shown(rows)
    kind = f"all {official()[task].kind}"
    assert [column for column, text in found.items() if text == "missing"] == [
        column for column in found if column in {task, kind, "all"}
    ]
    assert xtreme.notes(xtreme.lines(rows)) == [f"{task}: {gap}"]


def test_a_published_number_of_examples_is_the_whole_whatever_the_recipe_says() -> None:
    rows = whole(xnli=row("xnli", record("xnli", 70.0), partial={"de": "limited to 100000 examples"}))
    assert shown(rows)["xnli"] == "70.0 (n=1)"


def test_a_task_that_is_not_asked_for_is_no_number() -> None:
    rows = [row("xnli", record("xnli", 70.0)), row("pawsx", record("pawsx", 80.0))]
    found = shown(rows)
    assert (found["xnli"], found["all classification"]) == ("70.0 (n=1)", "75.0 (n=1)")
    assert {found[column] for column in ("panx", "all tagging", "all span", "tatoeba")} == {"–"}
    assert found["all"] == "missing"
    assert "panx: not in the sweep" in xtreme.notes(xtreme.lines(rows))


def test_a_gap_of_some_lines_says_of_how_many() -> None:
    rows = [*whole(), *whole(intermediate="squad", mlqa=row("mlqa", None, intermediate="squad"))]
    found = xtreme.lines(rows)
    assert [line.group for line in found] == [("base", "lora", "mnli"), ("base", "lora", "squad")]
    assert xtreme.notes(found) == ["mlqa: not finished (1 of 2 lines)"]


def test_other_tasks_and_languages_do_not_count() -> None:
    cell = Cell("base", "lora", "none", "xcopa", 1, "t", "s", None)
    xcopa = CellRow(cell, "accuracy", "test", {}, None, None, None)
    assert xtreme.lines([xcopa]) == []
    more = record("tatoeba", 20.0)
    languages = more.languages | {"uk": dict.fromkeys(more.metrics, 100.0)}
    rows = whole(tatoeba=row("tatoeba", more.model_copy(update={"languages": languages})))
    assert shown([*rows, xcopa])["tatoeba"] == "20.0 (n=1)"


def test_the_table_as_csv(tmp_path: Path) -> None:
    rows = [*whole(1, xnli=row("xnli", None)), *whole(2, more=4.0)]
    xtreme.write(xtreme.lines(rows), tmp_path / "xtreme.csv")
    with (tmp_path / "xtreme.csv").open(encoding="utf-8", newline="") as stream:
        found = {line["average"]: line for line in csv.DictReader(stream)}
    assert len(found) == 9 + 4 + 1
    assert {line["intermediate"] for line in found.values()} == {"mnli"}
    assert (found["xnli"]["score"], found["xnli"]["deviation"], found["xnli"]["seeds"]) == ("74.0", "", "1")
    assert found["xnli"]["missing"] == "xnli: not finished (seed 1)"
    assert found["all"]["missing"] == "xnli: not finished (seed 1)"
    assert found["pawsx"]["missing"] == ""
    assert float(found["pawsx"]["score"]) == 82.0
    assert float(found["pawsx"]["deviation"]) == pytest.approx(8**0.5)


RECIPE = """\
schema: 1
name: small
models: {mini: {name: sandbox/mini}}
methods: {head: {module: none}}
data_root: data
train: {select: null}
tasks:
  udpos: {files: {train: train.tsv, test: {de: de.tsv, mr: mr.tsv}}, limit: {test: 7}}
  panx: {files: {train: names.tsv, validation: {sw: sw.tsv}}, eval: {split: validation}}
  tydiqa: {files: {train: train.json, test: {bn: bn.json}}}
sweep: {model: [mini], method: [head], target: [udpos, panx, tydiqa]}
"""


def test_rows_know_what_is_scored_and_the_report_shows_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "data").mkdir()
    answer = {"text": "rain", "answer_start": 0}
    asked = {"context": "rain falls", "qas": [{"id": "bengali-1", "question": "what falls?", "answers": [answer]}]}
    questions = json.dumps({"data": [{"title": "weather", "paragraphs": [asked]}]})
    texts = {"tsv": "rain\tNOUN\n", "json": questions}
    for name in ("train.tsv", "de.tsv", "mr.tsv", "train.json", "bn.json"):
        (tmp_path / "data" / name).write_text(texts[name.split(".")[1]], encoding="utf-8")
    for name in ("names.tsv", "sw.tsv"):
        (tmp_path / "data" / name).write_text("Ann\tB-PER\n", encoding="utf-8")
    plan = build(load(tmp_path / "recipe.yaml"), FileHashes())
    rows = rows_of(plan, Store(tmp_path / "store"))
    udpos, panx, tydiqa = rows
    assert (udpos.split, dict(udpos.partial)) == ("test", dict.fromkeys(("de", "mr"), "limited to 7 examples"))
    assert (panx.split, dict(panx.partial)) == ("validation", {"sw": "a file that the recipe names"})
    assert dict(tydiqa.partial) == {"bn": "a file that the recipe names"}
    written = write_report(plan, rows, tmp_path / "report")
    assert tmp_path / "report" / "xtreme.csv" in written
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert xtreme.EXPLAINED in text
    assert "| mini | head | none | missing | – |" in text
    assert "- udpos: not finished\n" in text
