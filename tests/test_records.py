"""Records: what an older version wrote stays readable."""

from __future__ import annotations

from pathlib import Path

from layover.records import read_record, write_record
from layover.store import write_json

OLD = {
    "schema_version": 1,
    "metrics": ["accuracy"],
    "source_language": "en",
    "languages": {"en": {"accuracy": 75.0}, "sw": None},
    "examples": {"en": 4},
    "missing": {"sw": "no test file"},
}


def test_a_record_from_before_language_adapters_has_none(tmp_path: Path) -> None:
    write_json(tmp_path / "old.json", OLD)
    record = read_record(tmp_path / "old.json")
    assert record.language_adapters is None
    assert record.value("en", "accuracy") == 75.0
    spoken = record.model_copy(update={"language_adapters": {"en": "en", "sw": "en"}})
    write_record(tmp_path / "new.json", spoken)
    assert read_record(tmp_path / "new.json") == spoken
