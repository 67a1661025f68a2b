"""The files of a report: Markdown and HTML for reading, pictures, CSV and JSON Lines for programs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from layover.escape import csv_file, json_text
from layover.plan import Plan
from layover.plan.nodes import Pending, spec_at
from layover.plan.rounds import UNCHOSEN, everything
from layover.records import Record
from layover.report import page, sections
from layover.report.gains import ReportRows, gains
from layover.report.latex import tables
from layover.report.markdown import details, markdown
from layover.report.pictures import FORMATS, picture
from layover.report.rows import CellRow
from layover.report.summary import summary
from layover.specs.score import ScoreSpec


def write_report(plan: Plan, rows: Sequence[CellRow], folder: Path, *, latex: bool = False) -> list[Path]:
    """Write the report as Markdown and HTML, its pictures, and its data as CSV and JSON Lines; return the paths.

    Each file is complete at any time: an interruption leaves the old file or the new one.
    """
    rows = rows if isinstance(rows, ReportRows) else ReportRows.of(rows, plan.recipe.document.report.family)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as work:
        written = _write_into(plan, rows, Path(work))
        if latex:
            written.append(Path(work) / "tables.tex")
            table = summary(rows)
            written[-1].write_text(tables(table, gains(rows), plan.recipe.document.name), encoding="utf-8")
        kept = [file.replace(folder / file.name) for file in written]
    for name in _names() - {path.name for path in kept}:
        (folder / name).unlink(missing_ok=True)  # of an earlier report: it would contradict this one
    return kept


def _names() -> set[str]:
    """Return the names of all files that a report may have."""
    made = sections.in_order()
    pictures = {f"{section.picture}.{suffix}" for section in made if section.picture for suffix in FORMATS}
    return {"tables.tex", *pictures, *(section.file for section in made if section.file)}


def _write_into(plan: Plan, rows: Sequence[CellRow], folder: Path) -> list[Path]:
    drawn = {section.picture: section.drawn(plan, rows) for section in sections.in_order() if section.picture}
    pictures = {name: picture(made, name) for name, made in drawn.items() if made is not None}
    parts = details(plan, rows)
    written = [folder / "report.md", folder / "scores.csv", folder / "records.jsonl", folder / "report.html"]
    written[0].write_text(markdown(plan, rows, parts, pictures), encoding="utf-8")
    written[3].write_text(page.html(plan, rows, parts, pictures), encoding="utf-8")
    waiting = [(cell, spec_at(everything(plan), cell.scores[0], ScoreSpec)) for cell in plan.pending]
    write_scores(rows, written[1], waiting)
    with written[2].open("w", encoding="utf-8") as stream:
        for line in (*map(_as_json, rows), *(_pending_as_json(*entry) for entry in waiting)):
            stream.write(json_text(line, sort_keys=True) + "\n")
    places = ((section, folder / section.file) for section in sections.in_order() if section.file)
    written += [place for section, place in places if section.wrote(plan, rows, place)]
    return written + [path for name, made in pictures.items() for path in made.write(folder, name)]


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
                    score = row.record.value(language, metric)
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
        **({"perturbed": _perturbed_as_json(row)} if row.perturbed else {}),
    }


def _perturbed_as_json(row: CellRow) -> dict[str, object]:
    """Return label of a perturbation -> the scores under it, which are part of no other value of the line."""
    return {
        label: {
            "key": scores.key,
            "value": None if scores.record is None else scores.record.mean(row.metric),
            "none_value": None if scores.baseline is None else scores.baseline.mean(row.metric),
            "record": None if scores.record is None else scores.record.model_dump(mode="json"),
        }
        for label, scores in row.perturbed.items()
    }
