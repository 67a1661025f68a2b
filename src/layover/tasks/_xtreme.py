"""XTREME's own averages, with a gap where a language is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
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
    """Task -> languages without a score, or without one of the metrics that are averaged."""


def average(scores: Scores, official: Mapping[str, Task]) -> Averages:
    """Return the averages of the benchmark's tasks.

    A task is the mean over its languages, English included, of its first metric; for question answering it is the mean
    of the means of F1 and exact match. A language counts as much as another, however few examples it has.

    Args:
        scores: Tasks that are not of the benchmark are left out.
        official: The benchmark's tasks by name.

    Source: `evaluate.py` of google-research/xtreme.
    """
    values = {
        name: {code: _averaged(scores.get(name, {}).get(code), task) for code in task.xtreme}
        for name, task in official.items()
    }
    missing = {name: tuple(code for code, known in found.items() if not known) for name, found in values.items()}
    tasks = {name: None if missing[name] else fmean(chain(*found.values())) for name, found in values.items()}
    kinds = dict.fromkeys(task.kind for task in official.values())
    return Averages(
        tasks=tasks,
        kinds={kind: _mean([tasks[name] for name, task in official.items() if task.kind == kind]) for kind in kinds},
        overall=_mean(list(tasks.values())),
        missing={name: codes for name, codes in missing.items() if codes},
    )


def _averaged(found: Mapping[str, float] | None, task: Task) -> list[float]:
    """Return what counts of a language: F1 and exact match of answers, else the first metric; nothing with a gap."""
    wanted = task.metrics if task.of_kind.averaged else task.metrics[:1]
    known = found or {}
    return [known[metric] for metric in wanted] if all(metric in known for metric in wanted) else []


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
