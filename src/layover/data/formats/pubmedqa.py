"""PubMedQA's JSON: questions by PubMed id (`ori_pqal.json`), or only decisions (`test_ground_truth.json`)."""

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

    The rows of a file of decisions have `pubid` and `final_decision`. The long answer, the conclusion of the abstract,
    is left out, because it would reveal the decision.

    Raises:
        DataError: the file has no object; or, with the id of the question, a key is missing or the passages are no list
            of texts.
    """
    questions = read_json(path, layout)
    if not isinstance(questions, dict):
        raise DataError(f"{path}: a JSON {type(questions).__name__}, but an object of questions by id is needed")
    for name, raw in questions.items():
        if not name.isdecimal():
            raise DataError(f"{path}: the key {name!r} must be a PubMed id, in digits; name PubMedQA's official file")
        row = Row({"pubid": name, "final_decision": raw}, f"{path} pubid", int(name))
        yield row if isinstance(raw, str) else Row(_values(name, raw, row.where()), row.path, row.line)


def _values(name: str, raw: Any, where: str) -> dict[str, Any]:
    try:
        question, passages, decision = raw["QUESTION"], raw["CONTEXTS"], raw["final_decision"]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{where}: a question needs QUESTION, CONTEXTS and final_decision ({error!r}); name PubMedQA's official "
            "file"
        ) from error
    if not isinstance(passages, list) or not all(isinstance(passage, str) for passage in passages):
        raise DataError(f"{where}: its 'CONTEXTS' must be a list of texts; name PubMedQA's official file")
    return {"pubid": name, "question": question, "context": " ".join(passages), "final_decision": decision}


FORMAT = read
READS: frozenset[str] = frozenset()
