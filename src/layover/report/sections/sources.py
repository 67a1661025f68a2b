"""The sources of models and data: commits on the hub, and hashes of files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from layover.escape import markdown_table
from layover.plan import Plan
from layover.records import DataSource, Sources
from layover.report._section import Section
from layover.report.rows import CellRow

EXPLAINED = (
    "Sources on the hub have a commit; files have the first digits of their SHA-256. `records.jsonl` has the full "
    "values."
)
HEADERS = ["used for", "source"]
DIGITS, SHOWN = 12, 4


def lines(rows: Sequence[CellRow]) -> list[list[str]]:
    """Return the lines of the table, without records that have no sources."""
    models: dict[str, dict[str, None]] = {}
    data: dict[str, dict[str, None]] = {}
    for row in rows:
        record_sources = row.record.sources if row.record is not None else None
        if record_sources is None:
            continue
        models.setdefault(f"model {row.cell.model}", {})[_model(record_sources)] = None
        target = row.cell.target
        parts = (
            (f"{target}, {row.split}", [source for scored in record_sources.scored.values() for source in scored]),
            (f"{target}, training", record_sources.trained_on),
            (f"{target}, selection", record_sources.selected_on),
            (f"{target}, threshold or layer", record_sources.tuned_on),
            (f"{target}, intermediates", record_sources.learned_before),
        )
        for name, sources in parts:
            if sources:
                data.setdefault(name, {})[_grouped(sources)] = None
        for sha256 in record_sources.imported:
            data.setdefault("imported modules", {})[f"sha256 {sha256[:DIGITS]}"] = None
    return [[name, "; ".join(texts)] for name, texts in (models | data).items()]


def _model(sources: Sources) -> str:
    """Return an encoder in short form; equal weights with another config or tokenizer are another encoder."""
    model = sources.model
    if model.hub is not None:
        return model.text()
    parts = [f"sha256 {_some([sha256[:DIGITS] for sha256 in model.weights_sha256])}"]
    parts += [f"config {model.config_sha256[:DIGITS]}"] if model.config_sha256 is not None else []
    parts += [f"tokenizer {model.tokenizer_sha256[:DIGITS]}"] if model.tokenizer_sha256 is not None else []
    return ", ".join(parts)


def _grouped(sources: Iterable[DataSource]) -> str:
    """Return data in short form: the configurations of one split together, then files."""
    sets: dict[tuple[str, str | None, str | None], list[str]] = {}
    files: list[str] = []
    for source in dict.fromkeys(sources):
        if source.hub is None:
            files += [sha256[:DIGITS] for sha256 in source.files_sha256]
        else:
            sets.setdefault((source.hub, source.split, source.commit), []).extend(
                [source.config] if source.config else []
            )
    texts = [
        f"{hub}{f' ({_some(configs)})' if configs else ''} [{split}] @ {commit}"
        for (hub, split, commit), configs in sets.items()
    ]
    return " + ".join([*texts, *([f"sha256 {_some(list(dict.fromkeys(files)))}"] if files else [])])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    table = lines(rows)
    return ["## Models and data", EXPLAINED, markdown_table(HEADERS, table)] if table else []


SECTION = Section(90, whole=_whole)
