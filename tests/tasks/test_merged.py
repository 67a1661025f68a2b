"""Tasks whose test data have fewer labels than their training data: the head keeps its labels, scores have fewer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layover import kinds, tasks
from layover.errors import DataError
from layover.identity import file_sha256, key_of
from layover.tasks import Task

HANS = tasks.get("hans")
FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "hans.json").read_text(encoding="utf-8"))


def write(root: Path) -> Path:
    for name, text in FIXTURE["files"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def with_fields(**changes: Any) -> Task:
    return Task.model_validate({**dict(HANS), **changes})


def test_the_official_rule(tmp_path: Path) -> None:
    """Neutral and contradiction are both scored as non-entailment, after the best of three labels is chosen."""
    kind = kinds.get(HANS.kind)
    place = HANS.locate("test", "en", root=write(tmp_path))
    assert place is not None
    examples = HANS.read(place)
    gold = [example.label for example in examples]
    assert gold == ["entailment", "non-entailment", "non-entailment", "entailment", "non-entailment"]
    features = kind.encode(examples, _Words(), labels=HANS.labels, max_length=64, stride=0)  # type: ignore[arg-type]
    logits = np.array(
        [[2, 1, 0], [0, 1, 0], [0, 0, 1], [0.4, 0.3, 0.3], [0.4, 0.3, 0.39]], np.float32
    )  # the last: entailment wins, although the sum of the other two is larger
    answers = kind.decode({"logits": logits}, features, examples, labels=HANS.scored_labels())
    assert answers == ["entailment", "non-entailment", "non-entailment", "entailment", "entailment"]
    assert kind.score(answers, examples, metrics=HANS.metrics, language="en") == {"accuracy": 80.0}


class _Words:
    """A tokenizer whose rows are empty: only the number of rows counts here."""

    segmented = False

    def overhead(self, *, pair: bool) -> int:
        return 4 if pair else 2

    def pieces(self, texts: list[str]) -> Any:
        class Piece:
            ids = np.array([1], np.int32)

        return dict.fromkeys(texts, Piece())

    def row(self, *ids: Any) -> Any:
        return np.concatenate(ids), None


def test_three_labels_are_no_gold_of_it(tmp_path: Path) -> None:
    path = write(tmp_path) / "hans/heuristics_evaluation_set.txt"
    path.write_text(path.read_text(encoding="utf-8").replace("non-entailment", "neutral", 1), encoding="utf-8")
    place = HANS.locate("test", "en", root=tmp_path)
    assert place is not None
    with pytest.raises(DataError, match=r"set\.txt:3: 'neutral' is not a label; one of: entailment, non-entailment"):
        HANS.read(place)


def test_another_way_to_merge_is_other_data(tmp_path: Path) -> None:
    """Predictions are keyed by their data and their training, so the data name the labels that merge."""
    other = with_fields(merged={"neutral": "entailment", "contradiction": "non-entailment"})
    places = [task.locate("test", "en", root=write(tmp_path)) for task in (HANS, other)]
    keys = {key_of(place.identity(file_sha256)) for place in places if place is not None}
    assert len(keys) == 2
    assert tuple(dict.fromkeys(other.scored_labels())) == tuple(dict.fromkeys(HANS.scored_labels()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"merged": {"neutrl": "x"}}, "hans: merged: 'neutrl' is not a label; did you mean 'neutral'"),
        ({"train_task": None}, "hans: merged: only a task of classification that trains on another task"),
    ],
)
def test_labels_that_cannot_merge(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_fields(**changes)


def test_other_tasks_keep_their_labels() -> None:
    names = [name for name in tasks.names() if name != "hans"]
    assert all(tasks.get(name).scored_labels() == tasks.get(name).labels for name in names)
