"""PubMedQA's JSON: questions by their id in PubMed (`ori_pqal.json`), or only decisions (`test_ground_truth.json`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layover.data.formats._json import read_json
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield one row per question: `pubid`, `question`, `context` (the passages, joined), `final_decision`.

    A file of decisions has rows of `pubid` and `final_decision`. The long answer, which is the abstract's conclusion,
    is left out: it would give the decision away.

    Raises:
        DataError: no object, or with the id of the question: a key is missing, or the passages are no list of texts.
    """
    questions = read_json(path, layout)
    if not isinstance(questions, dict):
        raise DataError(f"{path}: a JSON {type(questions).__name__}, but an object of questions by id is needed")
    for name, raw in questions.items():
        if not name.isdecimal():
            raise DataError(f"{path}: the key {name!r} is no id of PubMed; not PubMedQA's format")
        row = Row({"pubid": name, "final_decision": raw}, f"{path} pubid", int(name))
        yield row if isinstance(raw, str) else Row(_values(name, raw, row.where()), row.path, row.line)


def _values(name: str, raw: Any, where: str) -> dict[str, Any]:
    try:
        question, passages, decision = raw["QUESTION"], raw["CONTEXTS"], raw["final_decision"]
    except (KeyError, TypeError) as error:
        raise DataError(f"{where}: not a question of PubMedQA ({error!r})") from error
    if not isinstance(passages, list) or not all(isinstance(passage, str) for passage in passages):
        raise DataError(f"{where}: its 'CONTEXTS' is no list of texts")
    return {"pubid": name, "question": question, "context": " ".join(passages), "final_decision": decision}


FORMAT = read
READS: frozenset[str] = frozenset()
