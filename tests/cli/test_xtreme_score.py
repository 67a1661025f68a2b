"""Predictions of a benchmark's folder, scored by the rules of each task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from layover.cli.main import build_app


def test_answers_without_words_by_the_first_version_of_squad(tmp_path: Path) -> None:
    """XQuAD's questions all have an answer: silence matches `the` exactly, with F1 0."""
    golds = {"1": ["the"], "2": ["red house", "."], "3": ["river"]}
    context = "the red house . river"
    questions = [
        {
            "id": name,
            "question": "What?",
            "answers": [{"text": text, "answer_start": context.index(text)} for text in texts],
        }
        for name, texts in golds.items()
    ]
    document = {"data": [{"paragraphs": [{"context": context, "qas": questions}]}]}
    for path, value in {
        "data/xquad/xquad.en.json": document,
        "said/xquad/test-en.json": {"1": "", "2": "!", "3": "the river"},
    }.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(json.dumps(value), encoding="utf-8")
    options = ["xtreme-score", str(tmp_path / "said"), "--data-root", str(tmp_path / "data"), "--json"]
    found = CliRunner().invoke(build_app(), options)
    assert found.exit_code == 0, found.output
    scores = json.loads(found.stdout)["scores"]["xquad"]["en"]
    assert scores == {"squad_f1": pytest.approx(100 / 3), "squad_em": 100.0}
