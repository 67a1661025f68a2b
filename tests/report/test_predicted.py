"""Rows of real cells of several kinds: their scores together are the score of the cell."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import pytest
from tests.conftest import Served

from layover.plan.named import cell_named
from layover.plan.nodes import spec_at
from layover.report.predicted import Predicted
from layover.report.worst import languages_of, worst_of
from layover.specs.score import ScoreSpec


def predicted(served: Served, label: str) -> Predicted:
    plan, store = served.planned.plan, served.planned.store
    cell = cell_named(plan, f"mini/{label}/1")
    return Predicted.of(cell, spec_at(plan.nodes, cell.score, ScoreSpec), store)


def by_language(cell: Predicted) -> dict[str, list[dict[str, Any]]]:
    return {language: list(cell.lines(language)) for language in cell.scored.predictions}


@pytest.mark.parametrize(
    "label", ["stack/sandbox/nli/sandbox/paraphrase", "merge/sandbox/nli/sandbox/copa", "stack/sandbox/nli/moods"]
)
def test_the_share_of_right_rows_is_the_accuracy(served: Served, label: str) -> None:
    cell = predicted(served, label)
    for language, lines in by_language(cell).items():
        assert 100 * fmean(line["right"] for line in lines) == pytest.approx(cell.record.value(language, "accuracy"))


@pytest.mark.parametrize(
    "label",
    ["stack/sandbox/nli/sandbox/qa", "route/sandbox/nli+sandbox/completion/sandbox/qa_open"],
)
def test_the_mean_of_the_metrics_of_answers_is_the_score(served: Served, label: str) -> None:
    cell = predicted(served, label)
    for language, lines in by_language(cell).items():
        for metric in cell.record.metrics:
            assert fmean(line[metric] for line in lines) == pytest.approx(cell.record.value(language, metric))


def test_words_are_counted_as_in_the_counts_of_labels(served: Served) -> None:
    from layover.label_counts import read_counts
    from layover.steps.artifacts import CLASSES

    cell = predicted(served, "bn/sandbox/nli/sandbox/ner")
    counts = read_counts(cell.store.path(cell.cell.score) / CLASSES)
    for language, lines in by_language(cell).items():
        labels = counts.languages[language].labels.values()
        assert sum(line["words_right"] for line in lines) == sum(label.right for label in labels)
        assert sum(line["words_wrong"] + line["words_right"] for line in lines) == sum(label.gold for label in labels)


def test_the_worst_rows_come_first(served: Served) -> None:
    cell = predicted(served, "bn/sandbox/nli/sandbox/ner")
    languages = languages_of(cell, [])
    assert languages == ["en", "sw"]
    every = [row for language in languages for row in cell.rows(language) if row.score is not None]
    errors = sorted((row.score.error for row in every if row.score and row.score.error), reverse=True)
    worst = worst_of(cell, languages, 3)
    assert [row.score.error for _, row in worst.rows if row.score] == errors[:3]
    assert {name: (counts.rows, counts.unscored) for name, counts in worst.counts.items()} == {
        "en": (6, 0),
        "sw": (6, 0),
    }
    assert sum(counts.wrong for counts in worst.counts.values()) == len(errors)
    for _, row in worst.rows:
        assert row.score is not None
        assert row.score.detail.count(", predicted ") == row.score.values["words_wrong"]
