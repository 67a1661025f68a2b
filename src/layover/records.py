"""Records: the scored result of one cell. Nothing in them depends on names, times or machines."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from layover.errors import StoreError
from layover.store import read_json, write_json

SCHEMA = 1


class Record(BaseModel):
    """The scores of one cell, in the unit of each metric (mostly percent), unrounded; null where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    metrics: tuple[str, ...]
    """The task's metrics, the first is its primary one."""
    source_language: str
    """The language it was trained on; all others are zero-shot."""
    languages: dict[str, dict[str, float] | None]
    """Language -> metric -> value."""
    examples: dict[str, int]
    """Language -> number of scored examples."""
    missing: dict[str, str]
    """Language -> why it has no score."""

    def value(self, language: str, metric: str) -> float | None:
        """Return one score, or None where it is missing."""
        scores = self.languages.get(language)
        return None if scores is None else scores[metric]

    def scored(self) -> tuple[str, ...]:
        """Return the languages that have scores."""
        return tuple(language for language, scores in self.languages.items() if scores is not None)

    def mean(self, metric: str, *, zero_shot: bool = False) -> float | None:
        """Return the mean over the scored languages, English included (as XTREME does) unless `zero_shot`.

        None when no language is left. How many languages stand behind it is `scored()`; a table says so.
        """
        left = [name for name in self.scored() if not (zero_shot and name == self.source_language)]
        values = [value for name in left if (value := self.value(name, metric)) is not None]
        return sum(values) / len(values) if values else None


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON."""
    write_json(path, record.model_dump(mode="json"))


def read_record(path: Path) -> Record:
    """Read a record of this or an older schema.

    Raises:
        StoreError: it is of a newer schema or damaged.
    """
    values = read_json(path)
    if values.get("schema_version") != SCHEMA:
        raise StoreError(f"{path}: record of schema {values.get('schema_version')!r}; this version reads {SCHEMA}")
    return Record.model_validate(values)
