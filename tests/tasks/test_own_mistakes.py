"""Declarations of tasks: fields that a kind does not have, templates, and every mistake at its field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layover import kinds
from layover.data.templates import filled, mistake, places
from layover.errors import DataError
from layover.tasks import OwnTask, Task, declare, mistakes

GOOD: dict[str, dict[str, Any]] = {
    "classification": {"labels": ("a", "b"), "text": ("text",)},
    "choice": {"text": ("text",), "choices": "c"},
    "tagging": {"labels": ("O", "X")},
    "span": {},
    "mlm": {"text": ("text",)},
    "retrieval": {},
    "regression": {"text": ("text",)},
    "multilabel": {"labels": ("a", "b"), "text": ("text",)},
}
VALUES: dict[str, Any] = {
    "labels": ("a", "b"),
    "meanings": {"a": "the first one"},
    "codes": "labels",
    "text": ("text",),
    "label": "label",
    "choices": "choices",
    "label_as": "text",
    "choice_names": "names",
    "tokens": "tokens",
    "tags": "tags",
    "scheme": "bare",
    "outside": ("O",),
    "id": "id",
    "question": "question",
    "context": "context",
    "answers": "answers",
    "mined": True,
    "range": (0.0, 5.0),
    "label_separator": ";",
    "label_columns": ("a", "b"),
}


def told(**own: Any) -> dict[str, str]:
    return {".".join(map(str, path)): message for path, message in mistakes(OwnTask(**own))}


def test_every_field_of_a_kind_is_one_of_a_declaration() -> None:
    fields = frozenset().union(*(kinds.get(name).declared_by for name in kinds.names()))
    assert fields == set(VALUES)
    assert fields < set(OwnTask.model_fields)
    assert set(GOOD) == set(kinds.names())


@pytest.mark.parametrize("kind", GOOD)
def test_fields_of_other_kinds_are_refused(kind: str) -> None:
    assert told(kind=kind, **GOOD[kind]) == {}
    foreign = set(VALUES) - kinds.get(kind).declared_by
    for field in foreign:
        (message,) = (text for name, text in told(kind=kind, **{**GOOD[kind], field: VALUES[field]}).items())
        assert message.startswith("it is a field of ")
        assert message.endswith(f", not of {kind}; remove it")
        owners = message.removeprefix("it is a field of ").rpartition(",")[0].replace(" and ", ", ").split(", ")
        assert owners == [name for name in kinds.names() if field in kinds.get(name).declared_by]
    every = told(kind=kind, **GOOD[kind], **{field: VALUES[field] for field in foreign})
    assert set(every) >= foreign, "all of them at once"
    assert told(kind=kind, **GOOD[kind], **dict.fromkeys(foreign & {"codes", "scheme", "outside", "label_as"})) == {}


def test_a_span_has_one_label_at_most() -> None:
    assert told(kind="span", labels=("none",)) == {}
    assert "span needs one if questions may have no answer" in told(kind="span", labels=("a", "b"))["labels"]
    assert "are possible only for classification, tagging" in told(kind="span", labels="from training")["labels"]


def test_ids_of_retrieval_are_read_of_mined_pairs_only() -> None:
    assert "set `mined: true`" in told(kind="retrieval", id="id")["id"]
    assert told(kind="retrieval", id="id", mined=True) == {}


@pytest.mark.parametrize("field", ["languages", "stages", "metrics", "header"])
def test_nothing_stands_twice_in_a_list(field: str) -> None:
    twice = {"languages": ("de", "en", "en"), "stages": ("target", "target"), "header": ("text", "label", "text")}
    found = told(kind="classification", **GOOD["classification"], **{field: twice.get(field, ("accuracy", "accuracy"))})
    (path,) = found
    assert path.startswith(f"{field}.")
    assert "twice" in found[path]


def test_all_mistakes_are_found_at_once() -> None:
    own = {"labels": ("neg",), "text": (), "metrics": ("seqeval_f1",), "separator": ";", "mined": True}
    found = mistakes(OwnTask(kind="classification", **own), ["a.jsonl"])
    assert {path for path, _ in found} == {("labels",), ("text",), ("metrics",), ("separator",), ("mined",)}
    codes = told(kind="classification", **GOOD["classification"], codes={0: "a", 1: "x", 2: "y"})
    assert set(codes) == {"codes.1", "codes.2"}
    assert set(told(kind="clasification", codes=["x"], header=("a", "a"))) == {"kind", "header.1"}
    with pytest.raises(DataError, match=r"labels: .*mined: "):
        declare("t", OwnTask(kind="classification", labels=("neg",), text=("t",), mined=True))


def test_nothing_follows_from_a_field_that_is_wrong_already() -> None:
    own = OwnTask(kind="classification", labels=("neg",), codes=["x"])
    assert {path[0] for path, _ in mistakes(own, unknown={"labels"})} == {"text"}
    assert {path[0] for path, _ in mistakes(own, unknown={"text"})} == {"labels", "codes"}


@pytest.mark.parametrize("column", ["my text", "a-b", "a.b", "été", "a/b", " x "])
def test_a_place_of_a_template_is_any_column(tmp_path: Path, column: str) -> None:
    template = f"{{{column}}} ?"
    assert places(template) == (column,)
    (tmp_path / "a.jsonl").write_text(json.dumps({column: "{x} one", "label": "a"}) + "\n", encoding="utf-8")
    own = {"kind": "classification", "labels": ("a", "b"), "train_language": "en"}
    task = declare("t", OwnTask(**own, text=(template,)))
    place = task.locate("train", "en", root=tmp_path, files={"train": "a.jsonl"})
    assert place is not None
    assert task.read(place)[0].first == "{x} one ?"
    with pytest.raises(DataError, match="is the gold, but the encoder would read it as text"):
        declare("t", OwnTask(**own, text=(template,), label=column))


@pytest.mark.parametrize("text", ["{}", "a {", "b }", "{{x}}", "{a} {}", "}{"])
def test_a_brace_around_no_column_is_refused(text: str) -> None:
    assert "has a brace without a column" in mistake(text)
    assert "text.1" in told(kind="classification", labels=("a", "b"), text=("x", text))
    assert "question" in told(kind="span", question=text)


def test_templates_are_filled_once() -> None:
    assert filled("{a b}-{c}", {"a b": "{c}", "c": "1"}.__getitem__) == "{c}-1"
    assert mistake("a b") == mistake("{a b} and {c}") == ""


def test_meanings_of_labels() -> None:
    own: dict[str, Any] = {"kind": "classification", "text": ("text",), "labels": [0, 1]}
    task = declare("t", OwnTask(**own, meanings={0: "the sentences differ", "1": "they mean the same"}))
    assert task.meanings == {"0": "the sentences differ", "1": "they mean the same"}
    assert told(**own, meanings={2: "neither"}) == {"meanings.2": "'2' is not a label; one of: 0, 1"}
    with pytest.raises(DataError, match="meanings: 'x' is not a label"):
        Task(**{**dict(task), "meanings": {"x": "nothing"}})
    assert declare("t", OwnTask(**{**own, "labels": "from training"}, meanings={"x": "y"})).meanings == {"x": "y"}
