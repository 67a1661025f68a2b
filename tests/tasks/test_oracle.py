"""Whoever predicts the gold of a real file scores 100 in every metric of its task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.thorough import some

from layover import kinds, tasks

pytestmark = pytest.mark.data


def right(kind: str, gold: Any) -> Any:
    """Return a prediction, as the store holds it, that says the gold."""
    if kind == "span":
        return {"text": gold[0] if gold else "", "score": 0.0, "null_score": None}
    if kind == "retrieval":
        return {"id": gold.ids[0], "score": 1.0} if gold.ids else None
    return gold


@pytest.mark.parametrize("name", [name for name in tasks.names() if tasks.get(name).maker is None])
def test_gold_scores_100(name: str, data_root: Path) -> None:
    task = tasks.get(name)
    kind, scored = kinds.get(task.kind), 0
    places = [(split, code) for split, codes in task.languages.items() for code in task.usual or codes]
    for split, language in places:
        location = task.locate(split, language, root=data_root)
        if location is None:
            continue
        examples = [example for example in task.read(location) if kind.has_gold(example)]
        examples = examples if kind.sides else some(examples, 2_000)
        if examples:  # blind test files have none
            predictions = json.loads(json.dumps([right(task.kind, kind.gold(example)) for example in examples]))
            found = kind.score(predictions, examples, metrics=task.metrics, language=language)
            assert found == pytest.approx(dict.fromkeys(task.metrics, 100.0)), (split, language)
            scored += 1
    if not scored:
        pytest.skip(f"no file of {name} with gold")
