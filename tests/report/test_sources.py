"""Where models and data are from, in records and reports."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from layover.plan import Cell
from layover.records import DataSource, EncoderSource, Record, Sources, read_record, write_record
from layover.report import CellRow
from layover.report.files import write_scores
from layover.report.sections import sources

COMMIT, OTHER = "a" * 40, "b" * 40


def hub(config: str | None, split: str, commit: str = COMMIT) -> DataSource:
    return DataSource(hub="org/set", config=config, split=split, commit=commit)


def row(model: EncoderSource | None = None, **found: Any) -> CellRow:
    known = None if model is None else Sources(model=model, **found)
    scores: dict[str, dict[str, float] | None] = {"en": {"accuracy": 50.0}, "sw": None}
    record = Record(
        metrics=("accuracy",),
        source_language="en",
        languages=scores,
        examples={"en": 2},
        missing={"sw": "no test file"},
        sources=known,
    )
    cell = Cell("base", "lora", "none", "mine", 1, "t", "s", None)
    return CellRow(cell, "accuracy", "test", {}, record, None, None)


MODEL = EncoderSource(hub="org/encoder", commit=OTHER)
WHOLE = row(
    MODEL,
    scored={"en": (hub("en", "test"),), "sw": (hub("sw", "test"),)},
    trained_on=(hub("en", "train"), DataSource(files_sha256=("c" * 64, "d" * 64))),
    learned_before=(hub(None, "train", OTHER),),
    imported=("e" * 64,),
)


def test_the_report_tells_commits_and_hashes_of_each_target() -> None:
    assert sources.lines([WHOLE, WHOLE]) == [
        ["model base", f"org/encoder @ {OTHER}"],
        ["mine, test", f"org/set (en, sw) [test] @ {COMMIT}"],
        ["mine, training", f"org/set (en) [train] @ {COMMIT} + sha256 cccccccccccc, dddddddddddd"],
        ["mine, intermediates", f"org/set [train] @ {OTHER}"],
        ["imported modules", "sha256 eeeeeeeeeeee"],
    ]
    local = EncoderSource(config_sha256="f" * 64, weights_sha256=("f" * 64,))
    assert sources.lines([row(local, scored={})]) == [["model base", "sha256 ffffffffffff, config ffffffffffff"]]
    assert sources.lines([row()]) == [], "a record of version 0.1 tells nothing"


def test_equal_weights_with_another_tokenizer_are_another_encoder() -> None:
    one, two = (
        EncoderSource(config_sha256="a" * 64, weights_sha256=("b" * 64,), tokenizer_sha256=digit * 64) for digit in "cd"
    )
    (line,) = sources.lines([row(one, scored={}), row(two, scored={})])
    start = "sha256 bbbbbbbbbbbb, config aaaaaaaaaaaa, tokenizer"
    assert line == ["model base", f"{start} cccccccccccc; {start} dddddddddddd"]
    assert one.text() == f"sha256:{'b' * 64} config sha256:{'a' * 64} tokenizer sha256:{'c' * 64}"
    assert one.text() != two.text()


def test_two_commits_under_one_name_are_both_told() -> None:
    other = row(MODEL, scored={"en": (hub("en", "test", OTHER),)})
    assert dict(map(tuple, sources.lines([WHOLE, other])))["mine, test"] == (
        f"org/set (en, sw) [test] @ {COMMIT}; org/set (en) [test] @ {OTHER}"
    )


def test_scores_name_them_in_every_line(tmp_path: Path) -> None:
    write_scores([WHOLE, row()], tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as stream:
        english, swahili, unknown, _ = csv.DictReader(stream)
    assert english["model_source"] == f"org/encoder @ {OTHER}"
    assert english["data"] == f"org/set en [test] @ {COMMIT}"
    assert swahili["data"] == f"org/set sw [test] @ {COMMIT}"
    assert english["training_data"] == f"org/set en [train] @ {COMMIT} + sha256:{'c' * 64} sha256:{'d' * 64}"
    assert [unknown[name] for name in ("model_source", "data", "training_data")] == ["", "", ""]


def test_a_record_keeps_them(tmp_path: Path) -> None:
    assert WHOLE.record is not None
    write_record(tmp_path / "record.json", WHOLE.record)
    assert read_record(tmp_path / "record.json") == WHOLE.record
