"""XTREME's own averages, with a gap for each missing language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

from layover.tasks._task import Task

Scores = Mapping[str, Mapping[str, Mapping[str, float] | None]]
"""Task -> language -> metric -> value; None without a score."""


@dataclass(frozen=True)
class Averages:
    """Averages in percent; None if a language or task is missing, as a mean over the others would not be XTREME's."""

    tasks: Mapping[str, float | None]
    kinds: Mapping[str, float | None]
    """Kind of task -> mean of its tasks: XTREME's four categories."""
    overall: float | None
    """The mean of all tasks, not of the categories."""
    missing: Mapping[str, tuple[str, ...]]
    """Task -> languages that lack a score for one of the averaged metrics."""


def average(scores: Scores, official: Mapping[str, Task]) -> Averages:
    """Return the averages of the benchmark's tasks.

    The score of a task is the mean of its first metric over its languages, including English; for question answering
    it is the mean of the means of F1 and exact match. All languages count equally, also those with few examples.

    Args:
        scores: Scores by task; tasks outside the benchmark are ignored.
        official: The benchmark's tasks by name.

    Source: `evaluate.py` of google-research/xtreme.
    """
    values = {
        name: {code: _averaged(scores.get(name, {}).get(code), task) for code in task.xtreme}
        for name, task in official.items()
    }
    missing = {name: tuple(code for code, known in by_code.items() if not known) for name, by_code in values.items()}
    tasks = {name: None if missing[name] else fmean(chain(*by_code.values())) for name, by_code in values.items()}
    kinds = dict.fromkeys(task.kind for task in official.values())
    return Averages(
        tasks=tasks,
        kinds={kind: _mean([tasks[name] for name, task in official.items() if task.kind == kind]) for kind in kinds},
        overall=_mean(list(tasks.values())),
        missing={name: codes for name, codes in missing.items() if codes},
    )


def _averaged(scores: Mapping[str, float] | None, task: Task) -> list[float]:
    """Return the values of a language that count: F1 and exact match for spans, else the first metric; or none."""
    wanted = task.metrics if task.of_kind.averaged else task.metrics[:1]
    known = scores or {}
    return [known[metric] for metric in wanted] if all(metric in known for metric in wanted) else []


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
