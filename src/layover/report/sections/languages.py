"""A table for each target: every language, with mean and standard deviation over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from layover import metrics
from layover.data.languages import UNKNOWN
from layover.escape import code, inline, markdown_table
from layover.plan import Plan
from layover.records import Record
from layover.report._section import Section
from layover.report.main_table import MISSING, NO_SEED, NOTHING
from layover.report.rows import CellRow, Spread, by_group, over_seeds, spread, without_repeats

PERCENT_DIGITS, OTHER_DIGITS = 1, 3
UNSAID = (
    "The language of the training data is unknown, so there is no zero-shot mean. Set `train_language` of the trained "
    "task."
)


def heading(metric: str) -> str:
    """Return the name of a metric, with its unit if it is not percent, and with a remark if lower is better."""
    definition = metrics.get(metric)
    notes = [definition.unit] if definition.unit != "percent" else []
    notes += [] if definition.higher_is_better else ["lower is better"]
    return f"{metric} ({', '.join(notes)})" if notes else metric


def cells(rows: Sequence[CellRow], target: str, metric: str) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the lines of the table of one target and metric.

    A language without a score yet is `missing`; a language without data or gold has the reason.
    """
    target_rows = [row for row in rows if row.cell.target == target]
    languages = sorted({language for row in target_rows if row.record is not None for language in row.record.languages})
    headers = ["model", "method", "intermediate", "mean", "zero-shot mean", "n", *languages]
    digits = PERCENT_DIGITS if metrics.get(metric).unit == "percent" else OTHER_DIGITS
    lines = []
    for group, every in by_group(target_rows).items():
        members = without_repeats(every)
        records = [row.record for row in members if row.record is not None]
        means = [over_seeds(records, metric, zero_shot=zero) for zero in (False, True)]
        without = NOTHING if records else MISSING  # a mean over no language is not missing
        line = [*group, *(_mean(mean, over, without, digits) for mean, over in means)]
        seeds = f"{len(records)}" + (f" of {len(members)}" if len(records) < len(members) else "")
        line.append(seeds if members[0].cell.seeded else NO_SEED)
        for language in languages:
            score = spread([v for record in records if (v := record.value(language, metric)) is not None])
            reasons = {record.missing[language] for record in records if language in record.missing}
            line.append(_score(score, len(records), reasons, digits))
        lines.append(line)
    return headers, lines


def _mean(mean: Spread | None, over: str, without: str, digits: int) -> str:
    """Return a mean over languages as text, with a remark on its languages if seeds have different languages."""
    if mean is None:
        return over or without
    return f"{mean.text(digits=digits)} ({over})" if over else mean.text(digits=digits)


def _score(score: Spread | None, seeds: int, reasons: Iterable[str], digits: int) -> str:
    """Return the score of a language with its number of seeds if some have none, or the reasons why it has none."""
    if score is None:
        return ", ".join(sorted(reasons)) or MISSING
    return score.text(digits=digits) + (f" (n={score.count} of {seeds})" if score.count < seeds else "")


def _target(plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    tables = ((metric, markdown_table(*cells(rows, target, metric))) for metric in plan.recipe.tasks[target].metrics)
    parts = [part for metric, table in tables for part in (f"### {inline(target)}: {heading(metric)}", table)]
    records = [row.record for row in rows if row.cell.target == target and row.record is not None]
    if any(record.source_language == UNKNOWN for record in records):
        parts.append(UNSAID)
    return [*parts, *_doubtful(records)]


def _doubtful(records: Sequence[Record]) -> list[str]:
    """Return the languages that a zero-shot mean excludes, because they may be the language of the training data."""
    by_trained: dict[str, dict[str, None]] = {}
    for record in records:
        if record.source_language in {None, UNKNOWN}:
            continue
        names = [name for name in record.scored() if record.is_zero_shot(name) is None]
        by_trained.setdefault(str(record.source_language), {}).update(dict.fromkeys(names))
    return [
        f"The training data is in {code(trained)}. The names of these languages do not show whether they differ from "
        f"it, so the zero-shot mean excludes them: {', '.join(map(code, names))}."
        for trained, names in by_trained.items()
        if names
    ]


SECTION = Section(30, target=_target)
