"""What groups of test items contribute to the scores of a cell: the report's statistics read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from layover import metrics as registry
from layover.errors import DataError
from layover.kinds import Kind
from layover.metrics import Metric
from layover.metrics._metric import Rules
from layover.statistics import GROUPS, contributions, slots

Array = npt.NDArray[np.float64]


class ItemNames:
    """Names of examples as items: examples with equal names are one item for statistics.

    A name is the id in the data if most ids are in several languages, else the line in the file: lines of parallel
    files translate each other. In a second file of a language, a line also has the number of the file. Examples about
    the same text have the name of the first of them; for a perturbed text, the text before the change counts.

    Args:
        rows: Language -> id and place of each example, as `load_rows` returns them.
    """

    def __init__(self, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.rows = rows
        ids = [{str(row["id"]) for row in each if row["id"] is not None} for each in rows.values()]
        frequency = Counter(own for each in ids for own in each)
        shared = sum(count for count in frequency.values() if count > 1)
        self._by_id = 2 * shared >= frequency.total()

    def of(self, language: str, kind: Kind[Any], examples: Sequence[Any]) -> list[str]:
        """Return the name of each example of a language."""
        first: dict[object, str] = {}
        triples = zip(examples, self.rows[language], self.own(language), strict=True)
        return [first.setdefault(row.get("group", kind.group_of(each)), name) for each, row, name in triples]

    def own(self, language: str) -> list[str]:
        """Return a name for each example of a language that only its translations share."""
        rows = self.rows[language]
        files = {file: number for number, file in enumerate(dict.fromkeys(_file(row) for row in rows))}
        return [self._name(row, files[_file(row)]) for row in rows]

    def _name(self, row: Mapping[str, Any], file: int) -> str:
        if self._by_id and row["id"] is not None:
            return str(row["id"])
        line = str(row["where"]).rpartition(":")[2]
        return f"{line} in file {file + 1}" if file else line


def _file(row: Mapping[str, Any]) -> str:
    return str(row["where"]).rpartition(":")[0]


def contributions_of(
    kind: Kind[Any],
    predictions: Sequence[Any],
    examples: Sequence[Any],
    names: Sequence[str],
    *,
    metrics: Sequence[str],
    language: str,
    rules: Rules,
) -> Array:
    """Return the contribution of each group of items to each score of a language, (metrics, GROUPS).

    Args:
        kind: The kind of the task.
        predictions: One prediction for each example.
        examples: The examples, all with gold.
        names: The names of the examples as items.
        metrics: The metrics.
        language: The language of the examples.
        rules: The rules of the task.
    """
    answers = [kind.answer(prediction) for prediction in predictions]
    golds = [kind.gold(example) for example in examples]
    groups = slots(names)
    scored = [_contributions(registry.get(name), answers, golds, groups, language, rules) for name in metrics]
    return np.stack(scored)


def _contributions(
    metric: Metric,
    answers: Sequence[Any],
    golds: Sequence[Any],
    groups: npt.NDArray[np.int64],
    language: str,
    rules: Rules,
) -> Array:
    if metric.summed is not None:
        summed = metric.summed(rules)
        counts = summed.counts(answers, golds, language)
        whole = summed.value(counts.sum(axis=0))
        return contributions(whole, lambda kept: summed.value(counts[kept].sum(axis=0)), groups)
    score = metric.for_task(rules)
    if metric.per_row:
        each = np.array([score([answer], [gold], language) for answer, gold in zip(answers, golds, strict=True)])
        return contributions(each.mean(), lambda kept: float(each[kept].mean()), groups)

    def without(kept: npt.NDArray[np.bool_]) -> float:
        chosen = np.flatnonzero(kept).tolist()
        return score([answers[number] for number in chosen], [golds[number] for number in chosen], language)

    try:
        return contributions(score(answers, golds, language), without, groups)
    except DataError:  # without some items there is no score, such as a correlation of equal numbers
        return np.full(GROUPS, np.nan)


def write_items(path: Path, by_language: Mapping[str, Array]) -> None:
    """Write the contributions, language -> (metrics, GROUPS) in the order of the record, as float32."""
    save_file({language: values.astype(np.float32) for language, values in sorted(by_language.items())}, path)


def read_items(path: Path) -> dict[str, Array]:
    """Return what `write_items` wrote."""
    return {language: values.astype(np.float64) for language, values in load_file(path).items()}
