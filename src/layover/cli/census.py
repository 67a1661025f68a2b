"""The counts in the data of a task, as lines of text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from layover.cli.console import table
from layover.cli.task_data import NAMES_SHOWN
from layover.errors import first_few

if TYPE_CHECKING:
    from layover.data.tally import Sort
    from layover.tasks import Census, Task

LABELS_SHOWN = 5
WIDTH = 100


def as_json(task: Task, census: Census) -> dict[str, Any]:
    """Return the counts of one location as JSON values."""
    from layover.tasks import QUANTILES

    lengths = None if census.lengths is None else dict(zip(map(str, QUANTILES), census.lengths, strict=True))
    return {
        "task": task.name,
        "split": census.location.split,
        "language": census.location.language,
        "source": census.location.describe(),
        "read_as": census.format_note or None,
        "examples": census.examples,
        "published": census.published,
        "as_published": census.as_published,
        "gold": census.gold,
        "rows": census.rows,
        "left_out": [left.as_json() for left in census.left_out],
        "not_as_written": [each.as_json() for each in census.otherwise],
        "languages": {column: dict(counts) for column, counts in census.languages.items()},
        "labels": census.labels,
        "unlearnable": census.unlearnable,
        "tags": _tags_as_json(task),
        "tokens_per_row": lengths,
        "shown": census.shown,
    }


def _tags_as_json(task: Task) -> dict[str, Any] | None:
    """Return how tags are read as spans, or None if no metric reads spans."""
    tags = task.tags()
    return None if tags is None else {"scheme": tags.name, "written": tags.sample, "outside": list(tags.outside)}


def lines(task: Task, counted: list[Census], missing: list[str]) -> Iterator[str]:
    """Yield the lines of text with the counts in the data of a task.

    Args:
        task: The task with its labels.
        counted: The counts of each location.
        missing: Each `split language` without data.
    """
    yield f"{task.name}: {task.kind}, {task.summary}; {task.licence or 'licence not known'}"
    yield from _head(task, counted)
    yield from _counts(counted)
    for census in counted:
        place = f"{census.location.split} {census.location.language}"
        if not census.as_published:
            yield f"{place}: {census.examples} examples, but {census.published} published"
        for line in _unused_rows(task, census):
            yield f"{place}: {line}"
        if census.unlearnable:
            words = f"{census.unlearnable} of {sum(census.labels.values())} gold labels are not in the training data"
            yield f"{place}: {words} and count as wrong"
    if task.labels_from_training and not task.labels:
        yield "the labels come from the training data, which are absent"
    if missing:
        yield f"not found: {', '.join(missing)}"
    for census in counted:
        for example in census.shown:
            text = json.dumps(example, ensure_ascii=False)
            text = text if len(text) <= WIDTH else f"{text[:WIDTH]}..."
            yield f"  {census.location.split} {census.location.language}  {text}"
    yield ""


def _counts(counted: list[Census]) -> list[str]:
    """Return the lines of the table of counts."""
    tokenized = any(census.lengths for census in counted)
    tokens = ["tokens: min", "median", "95 %", "99 %", "max"] if tokenized else []
    rows = []
    for census in counted:
        published = "?" if census.published is None else str(census.published)
        known = [census.location.split, census.location.language, str(census.examples), published, str(census.gold)]
        rows.append([*known, *map(str, census.lengths or ()), _labels(census)])
    return list(table(["split", "language", "examples", "published", "gold", *tokens, "labels"], rows))


def _head(task: Task, counted: list[Census]) -> list[str]:
    """Return how the files are read: tags, numbers, decisions by the content, values not read as written."""
    from layover.data.tally import reason_lines

    head = []
    if task.of_kind.tags and task.labels:
        tags = task.tags()
        head.append(f"tags: {tags.describe() if tags is not None else 'each word is scored alone'}")
    if task.codes:
        codes = [f"{code} is {label}" for code, label in task.codes.items()]
        head.append(f"numbers in the files: {first_few(codes, NAMES_SHOWN)}")
    elif any(census.numbered for census in counted):
        known = f"0 is {task.labels[0]}, 1 is {task.labels[1]}, and so on"
        head.append(f"numbers in the files are positions in `labels`: {known}")
    otherwise = [
        f"not read as written: {reason}" for census in counted for reason in reason_lines(census.otherwise, ("read",))
    ]
    return head + list(dict.fromkeys([*(census.format_note for census in counted if census.format_note), *otherwise]))


SORTS: dict[Sort, str] = {
    "lost": "not used",
    "asked": "left out as requested",
    "line": "skipped",
    "kept": "used, but",
}


def _unused_rows(task: Task, census: Census) -> list[str]:
    """Return which rows are not used and why, one line per sort of reason."""
    from layover.data.tally import language_notes, reason_lines

    left_out = [
        f"{census.rows} rows; {words}: {'; '.join(reasons)}"
        for sort, words in SORTS.items()
        if (reasons := reason_lines(census.left_out, (sort,)))
    ]
    return [*left_out, *language_notes(census.languages, task.name, census.location.language)]


def _labels(census: Census) -> str:
    total = sum(census.labels.values())
    shares = [f"{label} {100 * count / total:.1f} %" for label, count in list(census.labels.items())[:LABELS_SHOWN]]
    more = len(census.labels) - LABELS_SHOWN
    return ", ".join(shares) + (f", {more} more" if more > 0 else "")
