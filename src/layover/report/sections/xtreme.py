"""The averages of XTREME: its nine tasks, its four kinds of tasks and all, by model, method and intermediate.

Each average is computed for one seed, then mean and deviation over the seeds that have it. Only scores on the whole
test split count; all other scores are gaps here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.escape import csv_file, inline, markdown_table
from layover.plan import Plan
from layover.records import Record
from layover.report._section import Section
from layover.report.main_table import TableEntry, text
from layover.report.rows import CellRow, by_group, spread
from layover.tasks import Averages, Task, average, official

ALL = "all"
GROUP = ("model", "method", "intermediate")
EXPLAINED = (
    "These averages follow XTREME. The score of a task is the mean over its languages, English included; for question "
    "answering it is the mean of F1 and exact match. `all` is the mean of the nine tasks, not of the four kinds. Each "
    "average is computed for one seed, then mean ± standard deviation over the n seeds that have it. Only scores on "
    "the whole test split count: the validation split, a limit on examples or a language without a score leaves a "
    "gap here, even if other tables show a score."
)


@dataclass(frozen=True)
class XtremeAverages:
    """The averages of one (model, method, intermediate)."""

    group: tuple[str, str, str]
    entries: Mapping[str, TableEntry | None]
    """Task, `all KIND` or `all` -> average; None if the sweep has none of its tasks."""
    gaps: Mapping[str, str]
    """Task -> its missing scores with reasons, and the seeds if not all seeds lack them."""


def columns() -> dict[str, tuple[str, ...]]:
    """Return each average and its tasks: all, then each kind and its tasks."""
    tasks_of = {ALL: tuple(official())}
    for kind in sorted({task.kind for task in official().values()}):
        names = [name for name, task in official().items() if task.kind == kind]
        tasks_of |= {f"{ALL} {kind}": tuple(names), **{name: (name,) for name in names}}
    return tasks_of


def lines(rows: Sequence[CellRow]) -> list[XtremeAverages]:
    """Return the averages of every (model, method, intermediate) with a target of XTREME."""
    known = official()
    official_rows = [row for row in rows if row.cell.target in known]
    return [_line(group, members, known) for group, members in by_group(official_rows).items()]


def _line(group: tuple[str, str, str], rows: Sequence[CellRow], known: Mapping[str, Task]) -> XtremeAverages:
    by_seed: dict[int, Averages] = {}
    gaps: dict[str, dict[str, list[int]]] = {}
    for seed in dict.fromkeys(row.cell.seed for row in rows):
        cells = {row.cell.target: row for row in rows if row.cell.seed == seed}
        reasons = {name: _reasons(cells.get(name), task) for name, task in known.items()}
        by_seed[seed] = average({name: _counted(row, reasons[name]) for name, row in cells.items()}, known)
        for name, why in reasons.items():
            if why:
                gaps.setdefault(name, {}).setdefault(_gap(why, known[name]), []).append(seed)
    by_tasks = {column: [row for row in rows if row.cell.target in names] for column, names in columns().items()}
    return XtremeAverages(
        group=group,
        entries={column: _entry(column, members, by_seed) for column, members in by_tasks.items()},
        gaps={
            name: "; ".join(_in_seeds(gap, seeds, len(by_seed)) for gap, seeds in every.items())
            for name, every in gaps.items()
        },
    )


def _entry(column: str, rows: Sequence[CellRow], by_seed: Mapping[int, Averages]) -> TableEntry | None:
    if not rows:
        return None
    values = [_value(averages, column) for averages in by_seed.values()]
    seeded = any(row.cell.seeded for row in rows)
    if not seeded:  # the result does not depend on the seed
        values = values[:1]
    score = spread([value for value in values if value is not None])
    return TableEntry(score, None, None, planned=len(values), failures=(), seeded=seeded)


def _value(averages: Averages, column: str) -> float | None:
    if column == ALL:
        return averages.overall
    kind = column.removeprefix(f"{ALL} ")
    return averages.kinds[kind] if kind != column else averages.tasks[column]


def _counted(row: CellRow, reasons: Mapping[str, str]) -> dict[str, dict[str, float] | None]:
    """Return the scores that count for XTREME, by language."""
    if row.record is None:
        return {}
    return {code: None if code in reasons else scores for code, scores in row.record.languages.items()}


def _reasons(row: CellRow | None, task: Task) -> dict[str, str]:
    """Return language of XTREME -> reason why it has no score that counts."""
    reasons = {code: _reason(row, task, code) for code in task.xtreme}
    return {code: reason for code, reason in reasons.items() if reason}


def _reason(row: CellRow | None, task: Task, language: str) -> str:
    if row is None:
        return "not in the sweep"
    if row.record is None:
        return "not finished" if row.failure is None else "failed"
    if row.record.languages.get(language) is None:
        return row.record.missing.get(language, "not evaluated")
    return _shortfall(row, row.record, task, language)


def _shortfall(row: CellRow, record: Record, task: Task, language: str) -> str:
    """Return the reason why a score does not count for XTREME, or an empty text."""
    if row.split != "test":
        return f"scored on the {row.split} split"
    if record.retrieval is not None and record.retrieval.threshold_tuned_on == "scored":
        return "the gold of the scored split tuned the threshold"
    if record.retrieval is not None and record.retrieval.layer_chosen_on == "scored":
        return "the gold of the scored split chose the layer"
    count = record.examples[language]
    # published numbers for retrieval count sentences, but records count pairs
    published = task.count("test", language) if task.of_kind.score_is_share_of_examples else None
    if published is None:
        return row.partial.get(language, "")
    return "" if count == published else f"{count} examples instead of all"


def _gap(reasons: Mapping[str, str], task: Task) -> str:
    """Return `no test file: ur, zh; not evaluated: de`, or only the reason if all languages have it."""
    languages: dict[str, list[str]] = {}
    for code, reason in reasons.items():
        languages.setdefault(reason, []).append(code)
    return "; ".join(
        reason if len(codes) == len(task.xtreme) else f"{reason}: {', '.join(codes)}"
        for reason, codes in languages.items()
    )


def _in_seeds(gap: str, seeds: Sequence[int], of: int) -> str:
    return gap if len(seeds) == of else f"{gap} (seed {', '.join(map(str, seeds))})"


def cells(averages: Sequence[XtremeAverages]) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the lines of the table as text."""
    table = [[*line.group, *(text(line.entries[column]) for column in columns())] for line in averages]
    return [*GROUP, *columns()], table


def notes(averages: Sequence[XtremeAverages]) -> list[str]:
    """Return the missing scores of each task, with the number of lines if not all lines lack them."""
    counts: dict[str, int] = {}
    for name in official():
        for line in averages:
            if name in line.gaps:
                note = f"{name}: {line.gaps[name]}"
                counts[note] = counts.get(note, 0) + 1
    return [
        note if count == len(averages) else f"{note} ({count} of {len(averages)} lines)"
        for note, count in counts.items()
    ]


def write(averages: Sequence[XtremeAverages], path: Path) -> None:
    """Write one line per average; an average without a score has the reasons."""
    with csv_file(path) as writerow:
        writerow([*GROUP, "average", "score", "deviation", "seeds", "missing"])
        for line in averages:
            for column, names in columns().items():
                writerow([*line.group, column, *_numbers(line.entries[column]), _missing(line, names)])


def _numbers(entry: TableEntry | None) -> tuple[str, str, int]:
    if entry is None or entry.score is None:
        return "", "", 0
    deviation = entry.score.deviation
    return repr(entry.score.mean), "" if deviation is None else repr(deviation), entry.score.count


def _missing(line: XtremeAverages, names: Iterable[str]) -> str:
    return "; ".join(f"{name}: {line.gaps[name]}" for name in names if name in line.gaps)


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    averages = lines(rows)
    if not averages:
        return []
    missing = [f"- {inline(note)}" for note in notes(averages)]
    parts = ["## XTREME's averages", EXPLAINED, markdown_table(*cells(averages))]
    return [*parts, "\n".join(["Missing:", "", *missing])] if missing else parts


def _file(rows: Sequence[CellRow], path: Path) -> bool:
    averages = lines(rows)
    if averages:
        write(averages, path)
    return bool(averages)


SECTION = Section(20, whole=_whole, file="xtreme.csv", write=_file)
