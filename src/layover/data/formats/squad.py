"""SQuAD's JSON, v1.1 and v2.0; XQuAD, MLQA and TyDi QA GoldP use it too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from layover.data.formats._json import read_json
from layover.data.formats._layout import Layout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield one row per question, with the hub's columns: id, question, context, answers.

    No `answers` at all, or XTREME's blind `[{"answer_start": 0, "text": ""}]`, gives a row without that
    column; an empty list, or `is_impossible`, gives empty lists: a question without an answer.

    Raises:
        DataError: not JSON, or a question lacks one of its keys.
    """
    document = read_json(path, layout)
    try:
        articles = document["data"]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: not SQuAD's format, no list under 'data' ({error!r})") from error
    number = 0
    for article in articles:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                number += 1
                yield _row(path, number, paragraph, question)


def _row(path: Path, number: int, paragraph: Mapping[str, Any], question: Mapping[str, Any]) -> Row:
    try:
        values: dict[str, Any] = {
            "id": str(question["id"]),
            "question": question["question"],
            "context": paragraph["context"],
        }
        answers = question.get("answers")
        if question.get("is_impossible", False):
            answers = []
        if answers is not None and [answer["text"] for answer in answers] != [""]:
            values["answers"] = {
                "text": [answer["text"] for answer in answers],
                "answer_start": [answer["answer_start"] for answer in answers],
            }
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: question {number} ({question.get('id')}): {error!r} is missing") from error
    return Row(values, f"{path} question", number)


FORMAT = read
READS: frozenset[str] = frozenset()
