"""The files of a report: Markdown for reading, CSV and JSON Lines for programs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from layover import __version__
from layover.escape import csv_file, inline, json_text, markdown_table, note
from layover.plan import Plan
from layover.plan.nodes import Pending, spec_at
from layover.plan.rounds import UNCHOSEN, everything
from layover.records import Record
from layover.report import main_table, sections
from layover.report.rows import CellRow
from layover.specs.score import ScoreSpec


def markdown(plan: Plan, rows: Sequence[CellRow]) -> str:
    """Return the whole report as Markdown."""
    finished, every = sum(row.record is not None for row in rows), len(rows) + len(plan.pending)
    explained = (
        f"{finished} of {every} cells finished. Scores are percent: the mean over languages (including the language of "
        "the training data), then mean ± standard deviation over n seeds. Brackets contain paired differences: `none` "
        "is the difference to the same method without an intermediate, `full` the difference to full fine-tuning with "
        "the same intermediate. Differences compare scores over the same languages; a missing difference is –, with "
        "the reason."
    )
    baseline = plan.recipe.baseline()
    if any(not row.cell.seeded for row in rows):
        explained += (
            " Without training, the result does not depend on a seed: there is one result, marked `no seed`. Each seed "
            "of a cell with an intermediate is compared with it."
        )
    if baseline is not None and len(plan.recipe.full_methods()) > 1:
        explained += f" Differences `full` compare with the method {inline(baseline)}."
    parts = [
        f"# {inline(plan.recipe.document.name)}",
        explained,
        markdown_table(*main_table.cells(rows, baseline)),
    ]
    report_sections = sections.in_order()
    for section in report_sections:
        parts += section.whole(plan, rows) if section.whole is not None else []
    parts.extend(f"Note: {note(remark)}." for remark in plan.notes)
    parts.extend(f"Failed: {note(f'{row.cell.label}: {row.failure}')}" for row in rows if row.failure is not None)
    for target in plan.recipe.document.sweep.target:
        parts.append(f"## {inline(target)}")
        for section in report_sections:
            parts += section.target(plan, rows, target) if section.target is not None else []
    parts.append(f"Made by Layover {__version__}{_plugins(plan)}.")
    return "\n\n".join(parts) + "\n"


def _plugins(plan: Plan) -> str:
    """Return the plug-ins that the scores depend on, with their versions, as text after the version of Layover."""
    versions: dict[str, str] = {}
    for node in plan.nodes.values():
        versions |= node.spec.needed_plugins()
    listed = ", ".join(f"{inline(name)} {inline(version)}" for name, version in sorted(versions.items()))
    return f" with {listed}" if listed else ""


def write_report(plan: Plan, rows: Sequence[CellRow], folder: Path) -> list[Path]:
    """Write `report.md`, `scores.csv`, `records.jsonl` and the files of the sections; return the paths of these files.

    Each file is complete at any time: an interruption leaves the old file or the new one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as work:
        written = _write_into(plan, rows, Path(work))
        return [file.replace(folder / file.name) for file in written]


def _write_into(plan: Plan, rows: Sequence[CellRow], folder: Path) -> list[Path]:
    written = [folder / "report.md", folder / "scores.csv", folder / "records.jsonl"]
    written[0].write_text(markdown(plan, rows), encoding="utf-8")
    waiting = [(cell, spec_at(everything(plan), cell.scores[0], ScoreSpec)) for cell in plan.pending]
    write_scores(rows, written[1], waiting)
    with written[2].open("w", encoding="utf-8") as stream:
        for line in (*map(_as_json, rows), *(_pending_as_json(*entry) for entry in waiting)):
            stream.write(json_text(line, sort_keys=True) + "\n")
    places = ((section, folder / section.file) for section in sections.in_order() if section.file)
    return written + [place for section, place in places if section.wrote(plan, rows, place)]


FIELDS = ("model", "method", "intermediate", "target", "seed")
SOURCES = ("model_source", "data", "training_data")
"""Commits of the hub, or SHA-256 of files."""


def write_scores(rows: Sequence[CellRow], path: Path, waiting: Sequence[tuple[Pending, ScoreSpec]] = ()) -> None:
    """Write one line per cell, language and metric. A missing score is empty and has a reason.

    Args:
        rows: Rows of the cells.
        path: Path of the file.
        waiting: The pending cells, each with the specification of a possible score.
    """
    with csv_file(path) as writerow:
        writerow([*FIELDS, "language", "metric", "score", "examples", "missing", *SOURCES])
        for row in rows:
            cell = [getattr(row.cell, field) for field in FIELDS]
            if row.record is None:
                writerow([*cell, "", row.metric, "", "", row.failure or "not run", *("",) * len(SOURCES)])
                continue
            for language in row.record.languages:
                for metric in row.record.metrics:
                    value = row.record.value(language, metric)
                    score = "" if value is None else repr(value)
                    count = row.record.examples.get(language, "")
                    missing = row.record.missing.get(language, "")
                    writerow([*cell, language, metric, score, count, missing, *_sources(row.record, language)])

        for pending, spec in waiting:
            writerow([*(getattr(pending, field) for field in FIELDS), "", spec.metric, "", "", UNCHOSEN, "", "", ""])


def _sources(record: Record, language: str) -> tuple[str, ...]:
    """Return model, scored data and training data, each with its commit or hash; empty if a record has no sources."""
    sources = record.sources
    if sources is None:
        return ("",) * len(SOURCES)
    scored, trained = sources.scored.get(language, ()), sources.trained_on
    return sources.model.text(), *(" + ".join(source.text() for source in data) for data in (scored, trained))


def _pending_as_json(cell: Pending, scored: ScoreSpec) -> dict[str, object]:
    """Return a cell without a key yet; the fields of its result are null."""
    unknown = ("key", "train_key", "value", "none_value", "seeded", "none_seeded", "record", "failure")
    return {
        **{field: getattr(cell, field) for field in FIELDS},
        **dict.fromkeys(unknown),
        "metric": scored.metric,
        "split": scored.split,
        "partial": {},
        "pending": list(cell.rounds),
    }


def _as_json(row: CellRow) -> dict[str, object]:
    return {
        **{field: getattr(row.cell, field) for field in FIELDS},
        "key": row.cell.score,
        "train_key": row.cell.train,
        "metric": row.metric,
        "split": row.split,
        "partial": dict(row.partial),
        "value": row.value,
        "none_value": row.baseline_value,
        "seeded": row.cell.seeded,
        "none_seeded": row.cell.baseline_seeded if row.cell.baseline is not None else None,
        "record": row.record.model_dump(mode="json") if row.record is not None else None,
        "failure": row.failure,
    }
