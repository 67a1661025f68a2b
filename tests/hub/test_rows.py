"""Rows of strangers: whatever they hold, they become examples that a tokenizer reads, or are told with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from layover import kinds
from layover.data.formats import Row
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError
from layover.inference.rows import Readers, RowReader, row_of
from layover.packages.card import read_card
from layover.packages.sections import TaskFacts
from layover_sandbox import encoders

SHIPPED = Path(__file__).resolve().parents[2] / "adapters_hub_export"
NLI, NER = "mini-stack-sandbox-nli-s1", "mini-stack-sandbox-parallel-sandbox-ner-s1"
COLUMNS: dict[str, dict[str, str | tuple[str, ...]]] = {
    "classification": {"first": "premise", "second": "{hypothesis} {why}", "label": "label"},
    "tagging": {"tokens": "words.text", "tags": "tags"},
    "span": {"id": "id", "question": "question", "context": "paragraph", "answers": "answers"},
    "choice": {"first": "premise", "choices": ("right", "wrong"), "label": "right"},
}
FIELDS = ["first", "second", "text", "tokens", "question", "context", "choices", "label", "tags", "answers", "id"]
NAMES = [*FIELDS, "premise", "hypothesis", "why", "words", "paragraph", "right", "wrong", "package"]
TEXTS = st.text(st.characters(), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("text") | TEXTS, inner, max_size=2),
    max_leaves=6,
)


def task(kind: str, **values: Any) -> TaskFacts:
    facts: dict[str, Any] = {"name": "mine", "kind": kind, "labels": ("a", "b"), "columns": COLUMNS[kind]}
    facts |= {"metrics": (), "language": "en", "max_length": 16, "stride": 2, "fields": tuple(COLUMNS[kind])}
    known = {name: value for name, value in (facts | values).items() if name in TaskFacts.model_fields}
    return TaskFacts.model_validate(known)


@pytest.fixture(scope="module")
def mini() -> Tokenizer:
    folder = encoders.folder_of("sandbox/mini")
    assert folder is not None
    return Tokenizer.load(folder)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("kind", COLUMNS)
@settings(max_examples=150)
@given(values=st.dictionaries(st.sampled_from(NAMES), TEXTS | VALUES))
def test_any_row_is_read_or_refused(mini: Tokenizer, kind: str, declared: bool, values: dict[str, Any]) -> None:
    facts = task(kind) if declared else task(kind, columns=None)
    example, said = None, ""
    try:
        example = RowReader(facts).read(row_of(values, 7))
    except DataError as error:
        said = str(error)
    if example is None:
        assert said.startswith("row 7: ")
        return
    assert kinds.get(kind).gold(example) is None
    features = kinds.get(kind).encode([example], mini, labels=facts.labels, max_length=16, stride=2)
    assert features.rows >= 1


def test_columns_may_be_templates_parts_and_several() -> None:
    pair = RowReader(task("classification")).read(row_of({"premise": "a", "hypothesis": "b", "why": "c"}, 1))
    assert (pair.first, pair.second) == ("a", "b c")
    words = RowReader(task("tagging")).read(row_of({"words": {"text": ["a", "b"]}}, 1))
    assert words.tokens == ("a", "b")
    # where the right choice has a column of its own, nothing is known of it here, and the order is the row's
    chosen = RowReader(task("choice")).read(row_of({"premise": "a", "right": "z", "wrong": "b"}, 1))
    assert (chosen.choices, chosen.label) == (("z", "b"), None)


def test_gold_is_not_looked_at() -> None:
    row = {"premise": "a", "hypothesis": "b", "why": "c", "label": "no label of the task"}
    assert RowReader(task("classification")).read(row_of(row, 1)).label is None


def test_the_place_of_a_row() -> None:
    assert Row({}, "", 3).where() == "row 3"
    assert Row({}, "a.jsonl", 3).where() == "a.jsonl:3"


@pytest.mark.parametrize(
    "values",
    [
        {"columns": {"first": "a"}},
        {"columns": {**COLUMNS["classification"], "third": "c"}},
        {"columns": {"first": "a\x1b[2J", "label": "b"}},
        {"name": "a\nb"},
        {"labels": ("a", "a")},
    ],
)
def test_a_card_whose_task_has_no_sense(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        task("classification", **values)


def test_rows_name_a_package_where_there_are_several() -> None:
    nli, ner = (read_card(SHIPPED / name) for name in (NLI, NER))
    for name, expected in ((NLI, NLI), (NER, NER), ("a box", None), (None, None)):
        row = row_of({"premise": "a", "hypothesis": "b", "package": name}, 1)
        assert Readers([nli]).of(row) == NLI  # a column of some data
        assert Readers([nli]).read(row).second == "b"
        if expected is None:
            with pytest.raises(DataError, match="row 1: "):
                Readers([nli, ner]).of(row)
        else:
            assert Readers([nli, ner]).of(row) == expected
