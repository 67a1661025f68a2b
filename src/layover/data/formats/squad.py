"""SQuAD's JSON, v1.1 and v2.0; XQuAD, MLQA and TyDi QA GoldP use it too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from layover.data.formats._files import TEXT
from layover.data.formats._json import read_json
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield one row per question, with the hub's columns: id, question, context, answers.

    Without `answers`, or with XTREME's blind `[{"answer_start": 0, "text": ""}]`, the row has no column `answers`. With
    an empty list, or with `is_impossible`, `answers` has empty lists: a question without an answer.

    Raises:
        DataError: the file is not JSON, or a question lacks a required key.
    """
    document = read_json(path, layout)
    articles = document.get("data") if isinstance(document, dict) else None
    if not isinstance(articles, list):
        advice = "for a list of objects, declare `format: json`" if isinstance(document, list) else "name SQuAD's JSON"
        raise DataError(f"{path}: not SQuAD's format: there is no list under 'data'; {advice}")
    number = 0
    for place, article in enumerate(articles, 1):
        for paragraph in _listed(article, "paragraphs", f"{path}: article {place}"):
            for question in _listed(paragraph, "qas", f"{path}: a paragraph of article {place}"):
                number += 1
                yield _row(path, number, paragraph, question)


def _listed(value: Any, key: str, subject: str) -> list[Any]:
    """Return the list under a key.

    Raises:
        DataError: there is no list under the key.
    """
    items = value.get(key) if isinstance(value, dict) else None
    if not isinstance(items, list):
        raise DataError(
            f"{subject} has no list under {key!r}, so it is not SQuAD's format; for a list of rows, declare "
            "`format: json`"
        )
    return items


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
    except KeyError as error:
        raise DataError(
            f"{path}: question {number} ({question.get('id')}): the key {error} is missing; add it"
        ) from error
    except (TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: question {number} does not have the form of SQuAD's questions ({error}); correct it"
        ) from error
    return Row(values, f"{path} question", number)


FORMAT = read
READS = TEXT
