"""Formats whose file is one JSON document: a list of objects, PubMedQA, ContractNLI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layover.data import formats
from layover.data.formats import FileLayout, Row
from layover.errors import DataError

QUESTION = {"QUESTION": "Wet?", "CONTEXTS": ["It rains.", "We saw it."], "final_decision": "yes", "LONG_ANSWER": "Yes."}


def contracts(*annotations: dict[str, str], **changes: Any) -> dict[str, Any]:
    documents = [
        {
            "id": 10 + number,
            "text": f"Contract {number}.",
            "spans": [[0, 4]],
            "annotation_sets": [
                {"annotations": {name: {"choice": choice, "spans": [0]} for name, choice in one.items()}}
            ],
            **changes,
        }
        for number, one in enumerate(annotations)
    ]
    labels = {name: {"short_description": name, "hypothesis": f"It says {name}."} for name in ("nda-2", "nda-1")}
    return {"documents": documents, "labels": labels}


def rows(path: Path, content: Any, name: str) -> list[Row]:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return list(formats.read(path, FileLayout(format=name)))


def test_a_list_of_objects(tmp_path: Path) -> None:
    found = rows(tmp_path / "t.json", [{"a": "1"}, {"a": 2}], "json")
    assert [row.values for row in found] == [{"a": "1"}, {"a": 2}]
    assert found[1].where() == f"{tmp_path}/t.json item:2"


def test_pubmedqa(tmp_path: Path) -> None:
    (question,) = rows(tmp_path / "t.json", {"702": QUESTION}, "pubmedqa")
    assert question.values == {
        "pubid": "702",
        "question": "Wet?",
        "context": "It rains. We saw it.",
        "final_decision": "yes",
    }
    assert question.where() == f"{tmp_path}/t.json pubid:702"
    (decision,) = rows(tmp_path / "t.json", {"702": "no"}, "pubmedqa")
    assert decision.values == {"pubid": "702", "final_decision": "no"}


def test_contract_nli(tmp_path: Path) -> None:
    both = {"nda-1": "Entailment", "nda-2": "NotMentioned"}
    found = rows(tmp_path / "t.json", contracts(both, both), "contract_nli")
    # contract by contract, the hypotheses in the order of `labels`
    assert [tuple(row.values.values()) for row in found[:2]] == [
        ("Contract 0.", "It says nda-2.", "NotMentioned"),
        ("Contract 0.", "It says nda-1.", "Entailment"),
    ]
    assert found[3].where() == f"{tmp_path}/t.json nda-1 of document id:11"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("json", '[{"a": 1},\n{"a"]', r"t\.json:2: not JSON"),
        ("json", '[{"a": 1, "a": 2}]', r"t\.json:1: one object has the key 'a' twice"),
        ("json", {"a": 1}, r"t\.json: a JSON object, but a list of objects"),
        ("json", [{"a": 1}, 5], r"t\.json item:2: a JSON int, but an object"),
        ("pubmedqa", [QUESTION], r"t\.json: a JSON list, but an object of questions by id"),
        ("pubmedqa", {"x": QUESTION}, r"t\.json: the key 'x' must be a PubMed id"),
        ("pubmedqa", '{"7": "yes", "7": "no"}', r"t\.json:1: one object has the key '7' twice"),
        ("pubmedqa", {"7": {"QUESTION": "?"}}, r"t\.json pubid:7: a question needs QUESTION, .*KeyError\('CONTEXTS'\)"),
        ("pubmedqa", {"7": 3}, r"t\.json pubid:7: a question needs QUESTION, CONTEXTS and final_decision"),
        ("pubmedqa", {"7": {**QUESTION, "CONTEXTS": "It rains."}}, "pubid:7: its 'CONTEXTS' must be a list of texts"),
        ("contract_nli", {"documents": []}, r"t\.json: not ContractNLI's format"),
        ("contract_nli", {"documents": [{}], "labels": {}}, r"t\.json document:1: a contract needs 'id'"),
        (
            "contract_nli",
            contracts({}, annotation_sets=[]),
            "document:1: a contract needs .* exactly one annotation set",
        ),
        (
            "contract_nli",
            contracts({"nda-1": "Entailment"}),
            "document id:10: nda-2 must be both in its annotations and in",
        ),
    ],
)
def test_malformed(tmp_path: Path, name: str, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows(tmp_path / "t.json", content, name)
