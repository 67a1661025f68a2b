"""Packages that Layover 0.1.0 wrote load, verify and predict as they did then.

What it predicted was taken down with that version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layover import Layover
from layover.hub.verify import verify
from layover.kinds.classification import ClassificationResult
from layover.kinds.span import SpanResult
from layover.kinds.tagging import TaggingResult

OLDER = Path(__file__).parent / "fixtures" / "layover-0.1.0"
NAMES = sorted(folder.name for folder in OLDER.iterdir())
NLI, PARAPHRASE = "mini-stack-sandbox-nli-s1", "mini-stack-sandbox-nli-sandbox-paraphrase-s1"
NER, QA = "mini-stack-sandbox-parallel-sandbox-ner-s1", "mini-lora-sandbox-parallel-sandbox-qa-s1"


def said_by(name: str, row: dict[str, Any]) -> Any:
    """Return what a package says of a row."""
    (found,) = Layover.load(OLDER / name).predict([row])
    return found


def test_they_are_of_that_version() -> None:
    cards = [json.loads((OLDER / name / "transfer_card.json").read_text(encoding="utf-8")) for name in NAMES]
    assert {card["versions"]["layover"] for card in cards} == {"0.1.0"}


@pytest.mark.parametrize("name", NAMES)
def test_every_check_holds(name: str) -> None:
    found = verify(OLDER / name)
    assert found.failed == ()
    assert {one.name for one in found.results if one.state == "ok"} >= {
        "files",
        "hashes",
        "weights",
        "probe",
        "encoder",
    }


@pytest.mark.parametrize(
    ("name", "row", "scores"),
    [
        (
            NLI,
            {"premise": "Anna lives in Berlin.", "hypothesis": "Anna lives in Rome."},
            {"entailment": 0.4876009420198123, "neutral": 0.4661338734565406, "contradiction": 0.04626518452364706},
        ),
        (
            PARAPHRASE,
            {"sentence1": "Anna lives in Berlin.", "sentence2": "Tom lives in Berlin."},
            {"0": 0.9234884327025081, "1": 0.0765115672974918},
        ),
    ],
)
def test_a_classifier_says_what_it_said(name: str, row: dict[str, str], scores: dict[str, float]) -> None:
    found = said_by(name, row)
    assert isinstance(found, ClassificationResult)
    assert found.scores == pytest.approx(scores, abs=1e-4)
    assert found.label == max(scores, key=scores.__getitem__)


def test_a_tagger_says_what_it_said() -> None:
    found = said_by(NER, {"tokens": ["Anna", "lives", "in", "Berlin", "."]})
    assert isinstance(found, TaggingResult)
    assert found.tags == ("B-PER", "O", "O", "B-LOC", "O")
    assert found.scores == pytest.approx((0.982787, 0.993764, 0.996059, 0.767690, 0.988646), abs=1e-4)


def test_a_reader_says_what_it_said() -> None:
    row = {"question": "Where does Anna live?", "context": "Anna lives in Berlin. Tom lives in Rome."}
    found = said_by(QA, row)
    assert isinstance(found, SpanResult)
    assert (found.text, found.start, found.end) == ("Berlin. Tom lives in Rome", 14, 39)
    assert found.score == pytest.approx(9.672472, abs=1e-3)
