"""Labels of a classification that nobody declares: what of a file is a label, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layover.data.tally import Tally
from layover.errors import DataError
from layover.tasks import OwnTask, Task, declare

OWN: dict[str, Any] = {"kind": "classification", "labels": "from training", "text": ("text",), "train_language": "en"}


def labels_of(
    task: Task, folder: Path, name: str, content: str, split: str = "train", tally: Tally | None = None
) -> list[str | None]:
    (folder / name).write_text(content, encoding="utf-8")
    place = task.locate(split, "en", root=folder, files={split: name})
    assert place is not None
    return [example.label for example in task.read(place, tally)]


def found(task: Task, folder: Path, name: str) -> tuple[str, ...]:
    place = task.locate("train", "en", root=folder, files={"train": name})
    assert place is not None
    return task.labels_in(place)


def lines(*values: Any) -> str:
    return "".join(json.dumps({"text": f"text {place}", "label": value}) + "\n" for place, value in enumerate(values))


def test_numbers_are_labels_in_every_format_and_sorted_as_text(tmp_path: Path) -> None:
    task = declare("t", OwnTask(**OWN))
    assert labels_of(task, tmp_path, "a.jsonl", lines(2, 10, 2.0, "1")) == ["2", "10", "2", "1"]
    assert found(task, tmp_path, "a.jsonl") == ("1", "10", "2")
    assert labels_of(task, tmp_path, "a.csv", "text,label\nx,2\ny,10\nz,01\n") == ["2", "10", "01"]
    assert labels_of(task, tmp_path, "b.jsonl", lines("no", "Yes", "yes")) == ["no", "Yes", "yes"]


def test_codes_say_which_label_a_number_is(tmp_path: Path) -> None:
    task = declare("t", OwnTask(**OWN, codes={0: "ham", 1: "spam"}))
    for name, content in (("a.jsonl", lines(1, 0, 1.0)), ("a.csv", "text,label\nx,1\ny,0\nz,1.0\n")):
        assert labels_of(task, tmp_path, name, content) == ["spam", "ham", "spam"]
        assert found(task, tmp_path, name) == ("ham", "spam")
    with pytest.raises(
        DataError, match=r"a.jsonl:2: 2 is not a label; with `codes`, every number .* the codes are 0, 1"
    ):
        labels_of(task, tmp_path, "a.jsonl", lines(1, 2))
    flags = declare("t", OwnTask(**OWN, codes={"true": "spam", "false": "ham"}))
    assert labels_of(flags, tmp_path, "a.jsonl", lines(True, False)) == ["spam", "ham"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.5, "0.5 is not a label; text or a whole number is needed; for values on a scale, use `kind: regression`"),
        (True, r"true is not a label; text or a whole number .* `codes: \{true: yes, false: no\}`"),
        (["a", "b"], "text or a whole number is needed; for several labels, use `kind: multilabel`"),
    ],
)
def test_what_is_no_label(tmp_path: Path, value: Any, said: str) -> None:
    with pytest.raises(DataError, match=f"a.jsonl:2: .*{said}"):
        labels_of(declare("t", OwnTask(**OWN)), tmp_path, "a.jsonl", lines("x", value))


@pytest.mark.parametrize("written", [-1, "-1"])
def test_minus_one_is_no_gold_and_that_is_said(tmp_path: Path, written: Any) -> None:
    task, tally = declare("t", OwnTask(**OWN)), Tally()
    assert labels_of(task, tmp_path, "a.jsonl", lines(0, written, 1), tally=tally) == ["0", None, "1"]
    assert [(one.reason, one.count) for one in tally.otherwise()] == [
        ("-1 as no gold (if it is a label, declare all `labels`)", 1)
    ]
    assert [(one.reason, one.count) for one in tally.left_out()] == [("no gold", 1)]
    blind = Tally()
    labels_of(task, tmp_path, "b.jsonl", lines(0, written), split="test", tally=blind)
    assert not blind.otherwise(), "labels of a test split are often withheld so"
    declared = declare("t", OwnTask(**{**OWN, "labels": ("-1", "0", "1")}))
    assert labels_of(declared, tmp_path, "a.jsonl", lines(0, written, 1)) == ["0", "-1", "1"]


def test_too_few_labels_name_the_column(tmp_path: Path) -> None:
    task = declare("t", OwnTask(**OWN))
    labels_of(task, tmp_path, "a.jsonl", lines("x", "x"))
    with pytest.raises(DataError, match=r"1 different labels, but 2 to 32767 .*is 'label' the right column"):
        found(task, tmp_path, "a.jsonl")


def test_labels_are_declared_or_taken_from_the_training_data() -> None:
    with pytest.raises(DataError, match="classification needs two or more labels, or `labels: from training`"):
        declare("t", OwnTask(**{**OWN, "labels": ()}))
    with pytest.raises(DataError, match="`codes: labels` needs declared labels"):
        declare("t", OwnTask(**OWN, codes="labels"))
