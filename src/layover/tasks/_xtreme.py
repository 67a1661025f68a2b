"""XTREME's own averages, with a gap where a language is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from layover.tasks._task import Task

Scores = Mapping[str, Mapping[str, Mapping[str, float] | None]]
"""Task -> language -> metric -> value; None where there is no score."""


@dataclass(frozen=True)
class Averages:
    """Percent; None where a language or a task is missing, for a mean over the others would not be XTREME's."""

    tasks: Mapping[str, float | None]
    kinds: Mapping[str, float | None]
    """Kind of task -> mean of its tasks: XTREME's four categories."""
    overall: float | None
    """The plain mean of all tasks, not of the categories."""
    missing: Mapping[str, tuple[str, ...]]
    """Task -> languages without a score."""


def average(scores: Scores, official: Mapping[str, Task]) -> Averages:
    """Return the averages of the benchmark's tasks.

    A task is the mean over its languages, English included; question answering the mean of F1 and exact match.

    Args:
        scores: Tasks that are not of the benchmark are left out.
        official: The benchmark's tasks by name.

    Source: `evaluate.py` of google-research/xtreme.
    """
    missing = {
        name: tuple(code for code in task.xtreme if (scores.get(name) or {}).get(code) is None)
        for name, task in official.items()
    }
    tasks = {name: None if missing[name] else _task(scores[name], task) for name, task in official.items()}
    kinds = dict.fromkeys(task.kind for task in official.values())
    return Averages(
        tasks=tasks,
        kinds={kind: _mean([tasks[name] for name, task in official.items() if task.kind == kind]) for kind in kinds},
        overall=_mean(list(tasks.values())),
        missing={name: codes for name, codes in missing.items() if codes},
    )


def _task(scores: Mapping[str, Mapping[str, float] | None], task: Task) -> float:
    metrics = task.metrics if task.kind == "span" else task.metrics[:1]
    known = [found for code in task.xtreme if (found := scores[code]) is not None]
    return fmean(found[metric] for found in known for metric in metrics)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
