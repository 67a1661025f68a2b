"""What was counted in the data of a task: for people and for programs."""

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


def as_json(task: Task, one: Census) -> dict[str, Any]:
    """Return what was counted in one place, for programs."""
    from layover.tasks import QUANTILES

    lengths = None if one.lengths is None else dict(zip(map(str, QUANTILES), one.lengths, strict=True))
    return {
        "task": task.name,
        "split": one.location.split,
        "language": one.location.language,
        "source": one.location.describe(),
        "read_as": one.format_note or None,
        "examples": one.examples,
        "published": one.published,
        "as_published": one.as_published,
        "gold": one.gold,
        "rows": one.rows,
        "left_out": [left.as_json() for left in one.left_out],
        "not_as_written": [each.as_json() for each in one.otherwise],
        "languages": {column: dict(counts) for column, counts in one.languages.items()},
        "labels": one.labels,
        "unlearnable": one.unlearnable,
        "tags": _tags_as_json(task),
        "tokens_per_row": lengths,
        "shown": one.shown,
    }


def _tags_as_json(task: Task) -> dict[str, Any] | None:
    """Return how tags are read as spans; None where no metric asks for it."""
    tags = task.tags()
    return None if tags is None else {"scheme": tags.name, "written": tags.sample, "outside": list(tags.outside)}


def lines(task: Task, found: list[Census], missing: list[str]) -> Iterator[str]:
    """Yield what was counted in the places of a task, for people.

    Args:
        task: With its labels.
        found: Each place and its counts.
        missing: Each `split language` for which there are no data.
    """
    yield f"{task.name}: {task.kind}, {task.summary}; {task.licence or 'licence not known'}"
    yield from _head(task, found)
    yield from _counts(found)
    for one in found:
        place = f"{one.location.split} {one.location.language}"
        if not one.as_published:
            yield f"{place}: {one.examples} examples, but {one.published} published"
        for line in _accounted(task, one):
            yield f"{place}: {line}"
        if one.unlearnable:
            words = f"{one.unlearnable} of {sum(one.labels.values())} gold labels are not in the training data"
            yield f"{place}: {words} and count as wrong"
    if task.labels_from_training and not task.labels:
        yield "the labels are those of the training data, which are not here"
    if missing:
        yield f"not found: {', '.join(missing)}"
    for one in found:
        for example in one.shown:
            text = json.dumps(example, ensure_ascii=False)
            text = text if len(text) <= WIDTH else f"{text[:WIDTH]}..."
            yield f"  {one.location.split} {one.location.language}  {text}"
    yield ""


def _counts(found: list[Census]) -> list[str]:
    """Return the table of what was counted."""
    counted = any(one.lengths for one in found)
    tokens = ["tokens: least", "half", "95 %", "99 %", "most"] if counted else []
    rows = []
    for one in found:
        published = "?" if one.published is None else str(one.published)
        known = [one.location.split, one.location.language, str(one.examples), published, str(one.gold)]
        rows.append([*known, *map(str, one.lengths or ()), _labels(one)])
    return list(table(["split", "language", "examples", "published", "gold", *tokens, "labels"], rows))


def _head(task: Task, found: list[Census]) -> list[str]:
    """Return how the files are read: tags, numbers, what the content decided, values that are not read as written."""
    from layover.data.tally import reason_lines

    head = []
    if task.of_kind.tags and task.labels:
        tags = task.tags()
        head.append(f"tags: {tags.describe() if tags is not None else 'each word is scored alone'}")
    if task.codes:
        codes = [f"{code} is {label}" for code, label in task.codes.items()]
        head.append(f"numbers in the files: {first_few(codes, NAMES_SHOWN)}")
    elif any(one.numbered for one in found):
        known = f"0 is {task.labels[0]}, 1 is {task.labels[1]}, and so on"
        head.append(f"numbers in the files are places in `labels`: {known}")
    otherwise = [f"not read as written: {reason}" for one in found for reason in reason_lines(one.otherwise, ("read",))]
    return head + list(dict.fromkeys([*(one.format_note for one in found if one.format_note), *otherwise]))


SORTS: dict[Sort, str] = {
    "lost": "not used",
    "asked": "left out as asked for",
    "line": "skipped",
    "kept": "used, but",
}


def _accounted(task: Task, one: Census) -> list[str]:
    """Return what of the rows is not used and why, a line for each sort of reason."""
    from layover.data.tally import language_notes, reason_lines

    left_out = [
        f"{one.rows} rows; {words}: {'; '.join(reasons)}"
        for sort, words in SORTS.items()
        if (reasons := reason_lines(one.left_out, (sort,)))
    ]
    return [*left_out, *language_notes(one.languages, task.name, one.location.language)]


def _labels(one: Census) -> str:
    total = sum(one.labels.values())
    shares = [f"{label} {100 * count / total:.1f} %" for label, count in list(one.labels.items())[:LABELS_SHOWN]]
    more = len(one.labels) - LABELS_SHOWN
    return ", ".join(shares) + (f", {more} more" if more > 0 else "")
