"""The report on disk: Markdown for people, CSV and JSON Lines for machines."""

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


def full_methods(plan: Plan) -> frozenset[str]:
    """Return the methods of a plan that train all weights."""
    return frozenset(name for name, method in plan.recipe.methods.items() if method.module.whole)


def markdown(plan: Plan, rows: Sequence[CellRow]) -> str:
    """Return the whole report as Markdown."""
    finished, every = sum(row.record is not None for row in rows), len(rows) + len(plan.pending)
    explained = (
        f"{finished} of {every} cells finished. Scores are percent: the mean over languages (the language of "
        "training included), then mean ± standard deviation over n seeds. In brackets: the paired difference to the "
        "same method without an intermediate (none) and to full fine-tuning with the same intermediate (full), where "
        "both are scored over the same languages."
    )
    full = [name for name in plan.recipe.document.sweep.method if name in full_methods(plan)]
    if any(not row.cell.seeded for row in rows):
        explained += (
            " Where nothing is trained, no seed decides anything: the result is one, and each seed of a cell with an "
            "intermediate is compared with it."
        )
    if len(full) > 1:
        explained += f" The baseline of the differences to full is {inline(full[0])}."
    parts = [
        f"# {inline(plan.recipe.document.name)}",
        explained,
        markdown_table(*main_table.cells(rows, full_methods(plan))),
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
    """Return the plug-ins that have a hand in the scores, to stand behind Layover's own version."""
    versions: dict[str, str] = {}
    for node in plan.nodes.values():
        versions |= node.spec.needed_plugins()
    listed = ", ".join(f"{inline(name)} {inline(version)}" for name, version in sorted(versions.items()))
    return f" with {listed}" if listed else ""


def write_report(plan: Plan, rows: Sequence[CellRow], folder: Path) -> list[Path]:
    """Write `report.md`, `scores.csv`, `records.jsonl` and the files of the sections; return what was written.

    A file that is there is the old one or the new one, whenever this is interrupted.
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
    with_files = (section for section in sections.in_order() if section.write is not None)
    return written + [
        folder / section.file for section in with_files if section.write and section.write(rows, folder / section.file)
    ]


FIELDS = ("model", "method", "intermediate", "target", "seed")
SOURCES = ("model_source", "data", "training_data")
"""Commits of the hub, or SHA-256 of files."""


def write_scores(rows: Sequence[CellRow], path: Path, waiting: Sequence[tuple[Pending, ScoreSpec]] = ()) -> None:
    """Write one line per cell, language and metric; an empty score is a missing one, with its reason.

    Args:
        rows: Of the cells.
        path: Of the file.
        waiting: The pending cells, each with scores that it may have.
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
    """Return model, scored data and training data, each with its commit or hash; empty where a record tells none."""
    sources = record.sources
    if sources is None:
        return ("",) * len(SOURCES)
    scored, trained = sources.scored.get(language, ()), sources.trained_on
    return sources.model.text(), *(" + ".join(source.text() for source in data) for data in (scored, trained))


def _pending_as_json(cell: Pending, scored: ScoreSpec) -> dict[str, object]:
    """Return a cell that has no key yet; what would be known of its result is null."""
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
