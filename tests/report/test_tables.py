"""Tables: paired differences, visible gaps, numbers worked out by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import stdev
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from tests.report.conftest import record_of as record

from layover.plan import Cell
from layover.records import Layer, Record, Retrieved, read_record, write_record
from layover.report import CellRow, main_table
from layover.report.gains import gains
from layover.report.rows import spread
from layover.report.sections import gains as gains_section
from layover.report.sections import languages, layers

FULL = "full"


def row(
    method: str,
    intermediate: str,
    seed: int,
    found: Record | None,
    baseline: Record | None = None,
    failure: str | None = None,
) -> CellRow:
    cell = Cell("base", method, intermediate, "xnli", seed, "t", "s", None if intermediate == "none" else "b")
    return CellRow(cell, "accuracy", "test", {}, found, baseline, failure)


def test_a_mean_is_over_what_is_scored_and_says_so() -> None:
    found = record(en=80.0, sw=60.0, ur=None)
    assert found.mean("accuracy") == 70.0
    assert found.mean("accuracy", zero_shot=True) == 60.0
    assert found.scored() == ("en", "sw")
    assert record(en=None).mean("accuracy") is None
    headers, _ = main_table.cells([row("lora", "none", 1, found)], FULL)
    assert headers[-1] == "xnli accuracy (2/3 languages)"


def test_a_score_over_seeds_is_over_the_languages_that_every_seed_has() -> None:
    """A correlation may be undefined in one language of one seed: a mean over others would differ for that alone."""
    rows = [row("lora", "none", 1, record(en=80.0, sw=20.0)), row("lora", "none", 2, record(en=90.0, sw=None))]
    assert main_table.cells(rows, FULL)[1][0][-1] == "85.0 ± 7.1 (over the 1 language that every seed has; n=2)"
    headers, (line,) = languages.cells(rows, "xnli", "accuracy")
    told = dict(zip(headers, line, strict=True))
    assert told["mean"] == "85.0 ± 7.1 (over the 1 language that every seed has)"
    assert told["sw"] == "20.0 (n=1 of 2)"
    assert told["zero-shot mean"] == "scored over other languages"
    apart = [row("lora", "none", 1, record(en=80.0, sw=None)), row("lora", "none", 2, record(en=None, sw=20.0))]
    assert main_table.cells(apart, FULL)[1][0][-1] == "scored over other languages"


def test_differences_are_paired_by_seed() -> None:
    rows = [
        row("full", "none", 1, record(en=70.0)),
        row("full", "none", 2, record(en=72.0)),
        row("full", "mnli", 1, record(en=75.0), record(en=70.0)),
        row("full", "mnli", 2, record(en=76.0), record(en=72.0)),
        row("lora", "mnli", 1, record(en=74.0), record(en=69.0)),
        row("lora", "mnli", 2, record(en=78.0), record(en=75.0)),
    ]
    table = main_table.entries(rows, FULL)
    lora = table["base", "lora", "mnli"]["xnli"]
    assert lora.score is not None
    assert lora.to_none is not None
    assert lora.to_full is not None
    assert lora.score.mean == 76.0
    assert lora.score.deviation == pytest.approx(stdev([74.0, 78.0]))
    assert lora.to_none.mean == 4.0
    assert lora.to_none.deviation == pytest.approx(stdev([5.0, 3.0]))
    assert lora.to_full.mean == pytest.approx(0.5)
    full = table["base", "full", "mnli"]["xnli"]
    assert full.to_full is None
    assert full.to_none is not None
    assert full.to_none.mean == 4.5
    assert table["base", "full", "none"]["xnli"].to_none is None


def test_a_missing_seed_is_counted_and_a_missing_cell_is_seen() -> None:
    rows = [
        row("lora", "mnli", 1, record(en=74.0), record(en=69.0)),
        row("lora", "mnli", 2, None),
        row("stack", "mnli", 1, None),
        row("bn", "mnli", 1, None, failure="out of memory"),
    ]
    _, lines = main_table.cells(rows, FULL)
    assert lines == [
        ["base", "lora", "mnli", "74.0 (none +5.0; n=1 of 2)"],
        ["base", "stack", "mnli", "missing"],
        ["base", "bn", "mnli", "failed"],
    ]


def test_a_difference_needs_both_sides() -> None:
    rows = [row("lora", "mnli", 1, record(en=74.0), None), row("lora", "mnli", 2, record(en=75.0), record(en=70.0))]
    entry = main_table.entries(rows, FULL)["base", "lora", "mnli"]["xnli"]
    assert entry.to_none is not None
    assert (entry.to_none.mean, entry.to_none.count) == (5.0, 1)
    assert entry.to_full is None


def test_one_table_per_target_with_every_language() -> None:
    rows = [
        row("lora", "none", 1, record(en=80.0, sw=60.0, ur=None)),
        row("lora", "none", 2, record(en=82.0, sw=61.0, ur=None)),
    ]
    headers, lines = languages.cells(rows, "xnli", "accuracy")
    assert headers[3:] == ["mean", "zero-shot mean", "n", "en", "sw", "ur"]
    assert lines == [
        ["base", "lora", "none", "70.8 ± 1.1", "60.5 ± 0.7", "2", "81.0 ± 1.4", "60.5 ± 0.7", "no gold labels"]
    ]


def test_a_metric_that_is_not_percent_shows_its_unit() -> None:
    assert languages.heading("accuracy") == "accuracy"
    assert languages.heading("mlm_loss") == "mlm_loss (nats per masked token, lower is better)"
    scores = {"mlm_accuracy": 30.0, "mlm_loss": 2.71828}
    found = Record(
        metrics=("mlm_accuracy", "mlm_loss"),
        source_language="en",
        languages={"en": scores},
        examples={"en": 10},
        missing={},
    )
    _, lines = languages.cells([row("lora", "none", 1, found)], "xnli", "mlm_loss")
    assert lines == [["base", "lora", "none", "2.718", "–", "1", "2.718"]]
    _, lines = languages.cells([row("lora", "none", 1, found)], "xnli", "mlm_accuracy")
    assert lines[0][3] == "30.0"


def test_spread_of_one_has_no_deviation() -> None:
    one = spread([3.0])
    assert one is not None
    assert (one.mean, one.deviation, one.count) == (3.0, None, 1)
    assert spread([]) is None


def test_records_round_trip(tmp_path: Path) -> None:
    found = record(en=80.123456789, sw=None)
    write_record(tmp_path / "r.json", found)
    assert read_record(tmp_path / "r.json") == found


def test_a_difference_over_fewer_seeds_says_so() -> None:
    rows = [row("lora", "mnli", 1, record(en=74.0), None), row("lora", "mnli", 2, record(en=75.0), record(en=70.0))]
    _, lines = main_table.cells(rows, FULL)
    assert lines[0][-1] == "74.5 ± 0.7 (none +5.0 over 1 seed; n=2)"
    _, lines = languages.cells([*rows, row("lora", "mnli", 3, None)], "xnli", "accuracy")
    assert lines[0][5] == "2 of 3"


def test_means_over_different_languages_have_no_difference() -> None:
    wide, narrow = record(en=90.0, sw=50.0), record(en=90.0)
    for mine, other in ((wide, narrow), (narrow, wide)):
        rows = [
            row("full", "mnli", 1, other),
            row("lora", "mnli", 1, mine, other),
        ]
        assert {gain.finding for gain in gains(rows[1:])} == {None}
        assert {gain.reason for gain in gains(rows[1:])} == {"scored over other languages"}
        entry = main_table.entries(rows, FULL)["base", "lora", "mnli"]["xnli"]
        assert (entry.to_none, entry.to_full) == (None, None)
        why = "–, scored over other languages"
        assert main_table.text(entry) == f"{entry.score.text()} (none {why}; full {why}; n=1)"
    rows = [row("full", "mnli", 1, wide), row("lora", "mnli", 1, wide, wide)]
    entry = main_table.entries(rows, FULL)["base", "lora", "mnli"]["xnli"]
    assert (entry.to_none.mean, entry.to_full.mean) == (0.0, 0.0)


def test_seeds_that_are_not_compared_are_told_beside_those_that_are(tmp_path: Path) -> None:
    wide, narrow = record(en=90.0, sw=50.0), record(en=90.0)
    others = [(1, record(en=80.0, sw=50.0)), (2, record(en=80.0, sw=50.0)), (3, narrow)]
    rows = [row("full", "mnli", seed, other) for seed, other in others]
    rows += [row("lora", "mnli", seed, wide, other) for seed, other in others]
    entry = main_table.entries(rows, FULL)["base", "lora", "mnli"]["xnli"]
    pairs = "+5.0 ± 0.0 over 2 seeds, others scored over other languages"
    assert main_table.text(entry) == f"70.0 ± 0.0 (none {pairs}; full {pairs}; n=3)"
    every, _ = found = gains(rows[len(others) :])
    assert every.finding is not None
    assert (every.finding.difference.count, every.reason) == (2, "scored over other languages")
    assert every.text() == "+5.0 over 2 seeds, others scored over other languages"
    gains_section.write(found, tmp_path / "gains.csv")
    with (tmp_path / "gains.csv").open(encoding="utf-8") as stream:
        assert {line["reason"] for line in csv.DictReader(stream)} == {"scored over other languages"}


def test_two_names_of_one_language_are_one() -> None:
    def trained_in(language: str, **scores: float) -> Record:
        return record(**scores).model_copy(update={"source_language": language})

    found = trained_in("eng_Latn", en=80.0, de=60.0, es=50.0)
    assert found.averaged(zero_shot=True) == ("de", "es")
    assert found.mean("accuracy", zero_shot=True) == 55.0
    (line,) = languages.cells([row("lora", "none", 1, found)], "xnli", "accuracy")[1]
    assert line[3:5] == ["63.3", "55.0"]
    english = [row("lora", "mnli", 1, trained_in("eng_Latn", en=80.0), trained_in("eng_Latn", en=70.0))]
    assert [gain.languages for gain in gains(english)] == ["all"], "English alone is not zero-shot"
    every = trained_in("multilingual", de=60.0, sw=50.0)
    assert every.averaged(zero_shot=True) == (), "data in several languages may have any of them"
    untrained = record(en=80.0, de=60.0).model_copy(update={"source_language": None})
    assert untrained.averaged(zero_shot=True) == ("en", "de")


def test_a_language_that_may_be_that_of_the_training_is_named() -> None:
    found = record(de=60.0, dialect=50.0, en=80.0)
    assert found.averaged(zero_shot=True) == ("de",)
    tasks = SimpleNamespace(xnli=SimpleNamespace(metrics=("accuracy",)))
    plan: Any = SimpleNamespace(recipe=SimpleNamespace(tasks=vars(tasks)))
    assert languages.SECTION.target is not None
    said = languages.SECTION.target(plan, [row("lora", "none", 1, found)], "xnli")[-1]
    assert "The training data is in `en`." in said
    assert said.endswith("so the zero-shot mean excludes them: `dialect`.")
    known = languages.SECTION.target(plan, [row("lora", "none", 1, record(de=60.0, en=80.0))], "xnli")
    assert len(known) == 2, "a heading and a table"


def test_a_planned_comparison_that_is_missing_is_seen_in_the_table() -> None:
    rows = [row("full", "mnli", 1, None), row("lora", "mnli", 1, record(en=70.0))]
    entry = main_table.entries(rows, FULL)["base", "lora", "mnli"]["xnli"]
    assert main_table.text(entry) == "70.0 (none –, missing; full –, missing; n=1)"
    alone = main_table.entries(rows[1:], FULL)["base", "lora", "mnli"]["xnli"]
    assert main_table.text(alone) == "70.0 (none –, missing; n=1)", "full fine-tuning is not in this sweep"


def test_without_a_known_training_language_nothing_is_zero_shot() -> None:
    def unsaid(**scores: float) -> Record:
        return record(**scores).model_copy(update={"source_language": "und"})

    found = unsaid(en=80.0, sw=60.0)
    assert found.mean("accuracy") == 70.0
    assert found.mean("accuracy", zero_shot=True) is None
    rows = [row("lora", "mnli", seed, found, unsaid(en=79.0, sw=60.0)) for seed in (1, 2, 3)]
    (line,) = languages.cells(rows, "xnli", "accuracy")[1]
    assert line[3:5] == ["70.0 ± 0.0", "–"]
    assert [gain.languages for gain in gains(rows)] == ["all"]
    assert gains_section.cells(gains(rows))[0][-1] == "xnli (all languages)"


def swept(
    layer: int, by_layer: dict[int, tuple[float, float | None]], on: Literal["validation"] | None = None
) -> Record:
    """A record with several layers: German and Swahili scores of each, None where Swahili has none."""
    found = {}
    for number, (de, sw) in by_layer.items():
        scores = {"de": {"bucc_f1": de}} | ({} if sw is None else {"sw": {"bucc_f1": sw}})
        found[number] = Layer(languages=scores, thresholds={}, validation={"de": {"bucc_f1": de / 2}} if on else {})
    retrieved = Retrieved(
        layer=layer,
        layer_chosen_on=on,
        special_tokens=True,
        scoring="ratio",
        threshold_tuned_on="validation",
        thresholds={},
        layers=found if len(found) > 1 else {},
    )
    languages = {"de": None, "sw": None} | found[layer].languages
    return Record(
        metrics=("bucc_f1",), source_language=None, languages=languages, examples={}, missing={}, retrieval=retrieved
    )


def retrieval_row(seed: int, found: Record | None, intermediate: str = "mnli") -> CellRow:
    cell = Cell("base", "lora", intermediate, "bucc", seed, None, "s", None, intermediate != "none")
    return CellRow(cell, "bucc_f1", "test", {}, found, None, None)


def test_every_layer_has_a_line_and_that_of_the_other_tables_is_bold() -> None:
    rows = [
        retrieval_row(1, swept(8, {7: (60.0, 40.0), 8: (64.0, 44.0)}), "none"),
        retrieval_row(
            2, swept(8, {7: (60.0, 40.0), 8: (64.0, 44.0)}), "none"
        ),  # the same result: it does not depend on a seed
        retrieval_row(1, swept(8, {7: (70.0, None), 8: (50.0, None)})),
        retrieval_row(2, None),
    ]
    assert layers.swept(rows, "bucc")
    headers, lines = layers.cells(rows, "bucc")
    assert headers == ["model", "method", "intermediate", "layer", "mean", "de", "sw"]
    assert lines == [
        ["base", "lora", "none", "7", "50.0", "60.0", "40.0"],
        ["base", "lora", "none", "**8**", "54.0", "64.0", "44.0"],
        ["base", "lora", "mnli", "7", "70.0", "70.0", "missing"],
        ["base", "lora", "mnli", "**8**", "50.0", "50.0", "missing"],
    ]
    assert rows[2].value == 50.0, "the main table shows the declared layer, not the best one"
    assert "**bold** layer: the layer of the recipe, or the published layer." in layers.explained(rows, "bucc")


def test_seeds_may_choose_different_layers(tmp_path: Path) -> None:
    by_layer = {7: (60.0, 40.0), 8: (64.0, 44.0)}
    rows = [retrieval_row(seed, swept(layer, by_layer, on="validation")) for seed, layer in ((1, 8), (2, 8), (3, 7))]
    headers, lines = layers.cells(rows, "bucc")
    assert headers[4:] == ["mean", "validation mean", "de", "sw"]
    assert "chosen by its mean on the validation split" in layers.explained(rows, "bucc")
    assert [line[3:6] for line in lines] == [
        ["**7** (1 of 3)", "50.0 ± 0.0", "30.0 ± 0.0"],
        ["**8** (2 of 3)", "54.0 ± 0.0", "32.0 ± 0.0"],
    ]
    layers.write(rows, tmp_path / "layers.csv")
    table = list(csv.DictReader((tmp_path / "layers.csv").open(encoding="utf-8")))
    assert len(table) == 3 * 2 * (2 + 1)
    third = [line for line in table if line["seed"] == "3" and line["layer"] == "7" and line["split"] == "scored"]
    assert [(line["in_tables"], line["language"], line["score"]) for line in third] == [
        ("yes", "de", "60.0"),
        ("yes", "sw", "40.0"),
    ]


def test_one_layer_alone_has_no_table_and_old_records_are_read(tmp_path: Path) -> None:
    alone = swept(8, {8: (64.0, 44.0)})
    assert not layers.swept([retrieval_row(1, alone), retrieval_row(2, None)], "bucc")
    values = alone.model_dump(mode="json")
    for later in ("layers", "layer_chosen_on"):
        del values["retrieval"][later]
    (tmp_path / "record.json").write_text(json.dumps(values), encoding="utf-8")
    assert read_record(tmp_path / "record.json") == alone
    several = swept(8, {7: (60.0, 40.0), 8: (64.0, 44.0)})
    write_record(tmp_path / "record.json", several)
    assert read_record(tmp_path / "record.json") == several
