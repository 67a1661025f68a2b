"""The tasks of the sweep benchmark: files of JSON Lines from the sandbox, which every way reads, and their columns.

The sandbox has fewer intermediate tasks with a kind that all ways train than a large sweep has. So a number behind a
name says which third of a task's training rows it has: `nli-2` is learned from other rows than `nli-1`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from layover import tasks
from layover.data.subset import limit as some_of

LANGUAGES = ("en", "ar", "de", "es", "ru", "sw", "tr", "zh")
LONGEST = 128
"""Tokens of the longest input."""


@dataclass(frozen=True)
class Source:
    """Rows of a task of the sandbox."""

    task: str
    part: int | None = None
    """The number of its share of the training rows, when several tasks draw from the same; None draws from all."""
    metric: str = "accuracy"


INTERMEDIATES = {
    "nli-1": Source("nli", 0),
    "completion-1": Source("completion", 0),
    "ccg-1": Source("ccg", 0, "token_accuracy"),
    "anli-1": Source("anli", 0),
    "commonsense-1": Source("commonsense", 0),
    "nli-legal-1": Source("nli_legal", 0),
    "nli-biomedical-1": Source("nli_biomedical", 0),
    "nli-2": Source("nli", 1),
    "completion-2": Source("completion", 1),
    "ccg-2": Source("ccg", 1, "token_accuracy"),
}
TARGETS = {
    "copa": Source("copa"),
    "ner": Source("ner", metric="seqeval_f1"),
    "paraphrase": Source("paraphrase"),
    "pos": Source("pos", metric="token_accuracy"),
    "anli-3": Source("anli", 2),
    "commonsense-3": Source("commonsense", 2),
    "nli-legal-3": Source("nli_legal", 2),
    "nli-biomedical-3": Source("nli_biomedical", 2),
    "ccg-3": Source("ccg", 2, "token_accuracy"),
}
PARTS = 3


@dataclass(frozen=True)
class Written:
    """A task as a user finds it: files with a row per line, and what they need to know of it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    metric: str
    train: str
    test: dict[str, str]
    """Language -> file; empty for an intermediate."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def declared(self) -> dict[str, Any]:
        """Return the entry of a recipe."""
        columns: dict[str, Any] = {
            "classification": {"text": ["first", "second"], "label": "label"},
            "choice": {"text": ["text"], "choices": "choices", "label": "label", "label_as": "number"},
            "tagging": {"tokens": "tokens", "tags": "tags"},
        }[self.kind]
        labels = {"labels": list(self.labels)} if self.labels else {}
        scheme = {"scheme": "bare"} if self.metric == "token_accuracy" else {}
        files = {"train": self.train} | ({"test": self.test} if self.test else {})
        return {
            "kind": self.kind,
            "metrics": [self.metric],
            "train_language": "en",
            **labels,
            **scheme,
            **columns,
            "files": files,
        }


def write(folder: Path, name: str, source: Source, *, rows: int, predicted: int) -> Written:
    """Write a task into a folder.

    Args:
        folder: Where the files go.
        name: Of the task.
        source: The rows.
        rows: For training.
        predicted: For each language; 0 for an intermediate.
    """
    task = tasks.get(f"sandbox/{source.task}")
    every = _read(task, "train", "en")
    own = every if source.part is None else every[source.part :: PARTS]
    if len(own) < rows:
        raise SystemExit(f"{name}: {rows} training rows are wanted, and there are {len(own)}")
    train = _lines(folder / f"{name}.train.jsonl", some_of(own, rows))
    test = {
        language: _lines(folder / f"{name}.test.{language}.jsonl", some_of(_read(task, "test", language), predicted))
        for language in (LANGUAGES if predicted else ())
    }
    return Written(name, task.kind, tuple(task.labels), source.metric, train, test)


def _read(task: Any, split: str, language: str) -> list[Any]:
    place = task.locate(split, language, root=None)
    if place is None:
        raise SystemExit(f"{task.name}: no {split} data of {language!r}")
    return list(task.read(place))


def _lines(path: Path, examples: Sequence[Any]) -> str:
    path.write_text(
        "".join(f"{json.dumps(_row(example), ensure_ascii=False)}\n" for example in examples), encoding="utf-8"
    )
    return path.name


def _row(example: Any) -> dict[str, Any]:
    if hasattr(example, "choices"):
        return {"text": example.first, "choices": list(example.choices), "label": example.label}
    if hasattr(example, "tags"):
        return {"tokens": list(example.tokens), "tags": list(example.tags)}
    return {"first": example.first, "second": example.second, "label": example.label}
