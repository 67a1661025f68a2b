"""Questions that may have no answer, from files to records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover.metrics.squad_em import squad_em
from layover.metrics.squad_f1 import squad_f1
from layover.plan import build
from layover.plan.nodes import spec_at
from layover.recipe import load
from layover.specs.score import ScoreSpec
from layover.store import FileHashes

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

TASK = """\
  asked: {kind: span, labels: [no answer], max_length: 40, epochs: 4, files: {train: train.json, validation: dev.json,
          test: {en: en.json, de: de.json}}}
"""
NARROW = (
    "sweep.target=[asked]",
    "sweep.method=[lora]",
    "sweep.seed=[1]",
    "sweep.exclude=[]",
    "sweep.intermediate=[none]",
)


def write(path: Path, things: list[str]) -> None:
    """Write two questions about each thing, one with an answer."""
    questions = []
    for index, thing in enumerate(things):
        context = f"{thing} is here"
        for kind, answers in (("answered", [{"text": thing, "answer_start": 0}]), ("open", [])):
            asked = f"{kind} what is here" if kind == "answered" else "who is not"
            qa = {"id": f"{index} {kind}", "question": asked, "answers": answers, "is_impossible": not answers}
            questions.append({"context": context, "qas": [qa]})
    path.write_text(json.dumps({"data": [{"paragraphs": questions}]}), encoding="utf-8")


def read(folder: Folder, key: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in next(folder.root.glob(f"store/nodes/*/{key}/*.jsonl")).open(encoding="utf-8")]


def test_the_threshold_of_the_validation_data_decides(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, things in {
        "train": ["tree", "house", "river", "stone"] * 4,
        "dev": ["tree", "stone", "fish", "bird"],
        "en": ["cat", "dog", "bird"],
        "de": ["Katze", "Hund", "Vogel"],
    }.items():
        write(folder.root / "data" / f"{name}.json", things)
    recipe = folder.root / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("tasks:\n", f"tasks:\n{TASK}"), encoding="utf-8")
    folder.run("run", "recipe.yaml", *NARROW)
    (record,) = (json.loads(text) for text in folder.records().values())
    assert record["no_answer"]["tuned_on"] == "validation"
    (threshold,) = set(record["no_answer"]["thresholds"].values())
    assert set(record["no_answer"]["thresholds"]) == {"en", "de"}

    monkeypatch.chdir(folder.root)
    plan = build(load(Path("recipe.yaml"), NARROW), FileHashes())
    spec = spec_at(plan.nodes, plan.cells[0].score, ScoreSpec)
    gold = {"en": ["cat", "dog", "bird"], "de": ["Katze", "Hund", "Vogel"], "dev": ["tree", "stone", "fish", "bird"]}

    def scores(name: str, keys: tuple[str, str], margin: float) -> tuple[float, float]:
        found = read(folder, keys[0])
        texts = [one["text"] if one["null_score"] - one["score"] <= margin else "" for one in found]
        golds = [answers for thing in gold[name] for answers in ([thing], [])]
        return squad_f1(texts, golds), squad_em(texts, golds)

    for language, keys in spec.predictions.items():
        f1, em = scores(language, keys, threshold)
        assert record["languages"][language] == {"squad_f1": f1, "squad_em": em}
    (dev,) = set(spec.tuning().values())
    margins = [one["null_score"] - one["score"] for one in read(folder, dev[0])]
    assert len(set(margins)) > 4, "the threshold has something to choose from"
    best = max(scores("dev", dev, margin)[0] for margin in (*margins, min(margins) - 1))
    assert scores("dev", dev, threshold)[0] == best
