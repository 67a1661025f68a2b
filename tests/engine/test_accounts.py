"""What a record, the plan and the report say of rows that are trained on, and of those that are scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

TASKS = """\
  asked: {kind: span, max_length: 40, epochs: 1,
          files: {train: train.json, validation: dev.json, test: {en: test.json}}}
  again: {kind: span, max_length: 40, epochs: 1,
          files: {train: train.json, validation: dev.json, test: {en: train.json}}}
"""
NARROW = ("sweep.method=[lora]", "sweep.seed=[1]", "sweep.exclude=[]", "sweep.intermediate=[none]")
WINDOW = "trained on as questions without an answer: the answer is in no window of `max_length` tokens"


def write(path: Path, count: int, long: set[int]) -> None:
    """Write questions about things; the answers of `long` are longer than any window."""
    paragraphs = []
    for number in range(count):
        answer = "stone " * 60 + "house" if number in long else "tree"
        qa = {"id": str(number), "question": "what is here", "answers": [{"text": answer, "answer_start": 0}]}
        paragraphs.append({"context": f"{answer} is here", "qas": [qa]})
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")


def prepared(folder: Folder) -> None:
    for name, count, long in (("train", 16, {3, 9, 11, 12}), ("dev", 4, {0}), ("test", 8, {2, 5})):
        write(folder.root / "data" / f"{name}.json", count, long)
    recipe = folder.root / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("tasks:\n", f"tasks:\n{TASKS}"), encoding="utf-8")


def test_answers_that_no_window_holds_are_trained_on_and_scored(folder: Folder) -> None:
    prepared(folder)
    arguments = ("recipe.yaml", "sweep.target=[asked, again]", *NARROW)
    assert WINDOW not in folder.run("plan", *arguments), "only the encoding knows"
    folder.run("run", *arguments)
    records: list[dict[str, Any]] = [json.loads(text) for text in folder.records().values()]
    assert sorted(record["rows"]["scored"]["en"]["used"] for record in records) == [8, 16]
    for record in records:
        scored = record["rows"]["scored"]["en"]
        assert scored["used"] == scored["read"] == record["examples"]["en"]
        assert scored["left_out"] == [], "the same file may be trained on elsewhere"
        (trained,) = record["rows"]["training"]
        assert (trained["read"], trained["used"]) == (16, 16), "they are learned from, as questions without an answer"
        assert [(one["reason"], one["sort"], one["count"]) for one in trained["left_out"]] == [(WINDOW, "kept", 4)]
    for verb in ("plan", "report"):
        said = folder.run(verb, *arguments)
        assert said.count(WINDOW) == 1, "both tasks train on the same data"
        assert f"asked train und: 4 of 16 rows are {WINDOW} (first train.json question:4)" in said
    assert WINDOW in (folder.root / "reports" / "tiny" / "report.md").read_text(encoding="utf-8")


def test_sentences_without_words_are_scored_and_teach_nothing(folder: Folder) -> None:
    lines = [{"tokens": ["cat", "here"], "tags": ["A", "B"]}] * 6 + [{"tokens": [], "tags": []}]
    for name in ("words", "shown"):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder.root / "data" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    recipe = folder.root / "recipe.yaml"
    task = (
        "  tagged: {kind: tagging, labels: [A, B], tokens: tokens, tags: tags, epochs: 1, metrics: [token_accuracy], "
        "files: {train: words.jsonl, validation: shown.jsonl, test: {en: shown.jsonl}}}\n"
    )
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("tasks:\n", f"tasks:\n{task}"), encoding="utf-8")
    arguments = ("recipe.yaml", "sweep.target=[tagged]", *NARROW)
    folder.run("run", *arguments)
    (record,) = (json.loads(text) for text in folder.records().values())
    (trained,) = record["rows"]["training"]
    scored = record["rows"]["scored"]["en"]
    assert (scored["used"], scored["left_out"]) == (record["examples"]["en"], []) == (7, [])
    assert (trained["read"], trained["used"]) == (7, 6)
    reason = "nothing that the encoder could learn from"
    assert trained["left_out"] == [{"reason": reason, "sort": "lost", "count": 1, "first": "words.jsonl:7"}]
    assert f"tagged train und: 1 of 7 rows are not trained on: {reason} (first" in folder.run("report", *arguments)
