"""The language of one's own data, from the recipe to the record, the report and the card."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

NARROW = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.exclude=[]", "sweep.seed=[1]", "train.epochs=1")
FILES = "tasks.moods.files={train: moods.jsonl, validation: moods.jsonl, test: {sw: german.jsonl, de: german.jsonl}}"
SAID = "tasks.moods.train_language=sw"


def line_of(report: str) -> list[str]:
    """Return the cells of the line of the target's own table."""
    section = report.partition("### moods: accuracy")[2]
    return [cell.strip() for cell in section.splitlines()[4].strip("|").split("|")]


def record(folder: Folder) -> dict[str, Any]:
    path = folder.root / "out" / "records.jsonl"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["record"]
    return found


def test_what_nothing_says_is_unknown_and_what_is_said_is_told(folder: Folder) -> None:
    note = "note: moods: the language of its training data is unknown"
    assert note in folder.run("check", "recipe.yaml", *NARROW, FILES)
    assert note in folder.run("plan", "recipe.yaml", *NARROW, FILES)
    folder.run("run", "recipe.yaml", *NARROW, FILES)
    folder.run("report", "recipe.yaml", *NARROW, FILES, "--out", "out")
    unknown = (folder.root / "out" / "report.md").read_text(encoding="utf-8")
    assert record(folder)["source_language"] == "und"
    assert line_of(unknown)[4] == "–", "no zero-shot mean"
    assert "The language of the training data is unknown, so there is no zero-shot mean." in unknown
    folder.run("export", "recipe.yaml", *NARROW, FILES, "--all", "best-per-target", "--to", "unknown")
    (card,) = (path.read_text(encoding="utf-8") for path in folder.root.glob("unknown/*/README.md"))
    assert "The language of the training data is unknown, so no score is called zero-shot." in card
    assert "| best accuracy in an unknown language" in card
    assert ", zero-shot |" not in card
    assert ", trained |" not in card

    assert note not in folder.run("check", "recipe.yaml", *NARROW, FILES, SAID)
    folder.run("run", "recipe.yaml", *NARROW, FILES, SAID)
    folder.run("report", "recipe.yaml", *NARROW, FILES, SAID, "--out", "out")
    known = (folder.root / "out" / "report.md").read_text(encoding="utf-8")
    found = record(folder)
    assert found["source_language"] == "sw"
    assert line_of(known)[4] == f"{found['languages']['de']['accuracy']:.1f}", "German alone is zero-shot"
    folder.run("export", "recipe.yaml", *NARROW, FILES, SAID, "--all", "best-per-target", "--to", "known")
    (card,) = (path.read_text(encoding="utf-8") for path in folder.root.glob("known/*/README.md"))
    assert "| sw, trained |" in card
    assert "| de, zero-shot |" in card
    assert "in `sw`" in card


def test_a_task_without_english_runs(folder: Folder) -> None:
    files = "tasks.moods.files={train: {de: moods.jsonl}, validation: {de: moods.jsonl, sw: moods.jsonl}, "
    files += "test: {de: german.jsonl, sw: german.jsonl}}"
    folder.run("run", "recipe.yaml", *NARROW, files, "tasks.moods.select={language: sw}")
    folder.run("report", "recipe.yaml", *NARROW, files, "tasks.moods.select={language: sw}", "--out", "out")
    assert record(folder)["source_language"] == "de"
    done = [json.loads(path.read_text(encoding="utf-8")) for path in folder.root.glob("store/nodes/*/*/done.json")]
    assert [one["identity"]["select"]["language"] for one in done if one["kind"] == "train"] == ["sw"]
