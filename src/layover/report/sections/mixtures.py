"""The contribution of each task to a mixture, and its score on development data; a file has every evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from layover.escape import csv_file, markdown_table
from layover.plan import Plan
from layover.report._section import Section
from layover.report.learned import Contribution, LearnedMixture
from layover.report.main_table import NOTHING
from layover.report.rows import CellRow, spread

EXPLAINED = (
    "The contribution of each task up to the selected weights: its training examples (counting every window of a long "
    "context, and repetitions) and its share of the training steps. The score is on its development data, with the "
    "selected weights. The mean of these scores selects the weights. Values are mean ± standard deviation over n "
    "seeds. `mixtures.csv` has every evaluation of every task."
)
HEADERS = ("mixture", "model", "method", "task", "examples", "share of steps", "on development data", "n")
FIELDS = ("mixture", "model", "method", "seed", "step", "task", "metric", "value")

Group = tuple[str, str, str]
"""Mixture, model and method; methods that share a training are listed together."""


def groups(rows: Sequence[CellRow]) -> Mapping[Group, list[LearnedMixture]]:
    """Return the finished trainings without repetition, in the order of the sweep."""
    trainings: dict[str, LearnedMixture] = {}
    used: dict[str, dict[tuple[str, str], None]] = {}
    for row in rows:
        for mixture in row.mixtures:
            trainings[mixture.key] = mixture
            used.setdefault(mixture.key, {})[row.cell.model, row.cell.method] = None
    grouped: dict[Group, list[LearnedMixture]] = {}
    for key, training in trainings.items():
        models, methods = (", ".join(dict.fromkeys(names)) for names in zip(*used[key], strict=True))
        grouped.setdefault((training.name, models, methods), []).append(training)
    return grouped


def cells(rows: Sequence[CellRow]) -> list[list[str]]:
    """Return the lines of the table: the tasks of each mixture, then the mean that selects the weights."""
    lines = []
    for group, trainings in groups(rows).items():
        seeds = str(len(trainings))
        for place, first in enumerate(trainings[0].tasks):
            lines.append([*group, *_task(first, [training.tasks[place] for training in trainings], trainings), seeds])
        means = spread([training.mean for training in trainings if training.mean is not None])
        if means is not None:
            lines.append([*group, "mean", "", "", means.text(), seeds])
    return lines


def _task(first: Contribution, same: Sequence[Contribution], trainings: Sequence[LearnedMixture]) -> list[str]:
    """Return the name of a task, and its examples, its share and its score over seeds."""
    totals = [sum(task.steps for task in training.tasks) for training in trainings]
    shares = [100 * training.steps / total for training, total in zip(same, totals, strict=True)]
    examples, share = spread([training.examples for training in same]), spread(shares)
    score = spread([training.score for training in same if training.score is not None])
    return [
        first.task,
        NOTHING if examples is None else examples.text(digits=0),
        NOTHING if share is None else f"{share.mean:.1f} %",
        NOTHING if score is None else f"{first.metric} {score.text()}",
    ]


def write(rows: Sequence[CellRow], path: Path) -> None:
    """Write one line per training, evaluation, task and metric; the mean over tasks has an empty task."""
    with csv_file(path) as writerow:
        writerow(FIELDS)
        for group, trainings in groups(rows).items():
            for training in trainings:
                for point in training.points:
                    writerow(
                        [
                            *group,
                            training.seed,
                            point.step,
                            point.task,
                            point.metric,
                            "" if point.value is None else repr(point.value),
                        ]
                    )


def _whole(_plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    lines = cells(rows)
    return ["## Mixtures", EXPLAINED, markdown_table(HEADERS, lines)] if lines else []


def _file(rows: Sequence[CellRow], path: Path) -> bool:
    any_mixture = any(row.mixtures for row in rows)
    if any_mixture:
        write(rows, path)
    return any_mixture


SECTION = Section(15, whole=_whole, file="mixtures.csv", write=_file)
