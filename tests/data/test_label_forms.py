"""Labels that are numbers, codes, or written in other characters; values that are none tell of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layover.data.formats import Row
from layover.data.reading import Reading
from layover.data.tally import Tally
from layover.errors import DataError
from layover.tasks import OwnTask, declare

ROW = Row({}, "file.jsonl", 7)


def read(folder: Path, label: object, tally: Tally | None = None, **own: Any) -> Any:
    (folder / "a.jsonl").write_text(json.dumps({"text": "a", "label": label}) + "\n", encoding="utf-8")
    own = {"labels": ("neg", "pos"), **own}
    task = declare("mine", OwnTask(kind="classification", text=("text",), train_language="en", **own))
    place = task.locate("train", "en", root=folder, files={"train": "a.jsonl"})
    assert place is not None
    (one,) = task.read(place, tally)
    return one.label


@pytest.mark.parametrize(
    ("written", "label"), [(0, "neg"), (1, "pos"), (1.0, "pos"), ("1", "pos"), ("neg", "neg"), (-1, None)]
)
def test_codes_number_the_declared_labels(tmp_path: Path, written: object, label: str | None) -> None:
    assert read(tmp_path, written, codes="labels") == label
    assert read(tmp_path, written, codes=["neg", "pos"]) == label
    assert read(tmp_path, written, codes={0: "neg", 1: "pos"}) == label


def test_booleans_may_stand_for_labels(tmp_path: Path) -> None:
    for written in (True, "True", "true"):
        assert read(tmp_path, written, codes={"True": "pos", "False": "neg"}) == "pos"


def test_codes_of_another_order(tmp_path: Path) -> None:
    assert [read(tmp_path, one, codes=["pos", "neg"]) for one in (0, 1)] == ["pos", "neg"]
    assert [read(tmp_path, one, codes={1: "neg", 2: "pos"}) for one in (1, "2")] == ["neg", "pos"]
    with pytest.raises(DataError, match=r"a.jsonl:1: 0 is not a label; one of: neg, pos; the codes are 1, 2"):
        read(tmp_path, 0, codes={1: "neg", 2: "pos"})
    with pytest.raises(DataError, match="codes: 1 stands for 'pso', which is not a label; did you mean 'pos'"):
        read(tmp_path, 0, codes=["neg", "pso"])
    for wrong in (5, "label", [[1]]):
        with pytest.raises(ValueError, match=r"does not map numbers to labels|is not a label; write one label"):
            read(tmp_path, 0, codes=wrong)


def test_codes_decide_what_rows_mean(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}", encoding="utf-8")
    own = {"kind": "classification", "labels": ("neg", "pos"), "text": ("text",), "train_language": "en"}
    identities = []
    for codes in ({}, {"codes": "labels"}, {"codes": ["neg", "pos"]}, {"codes": ["pos", "neg"]}):
        place = declare("mine", OwnTask(**own, **codes)).locate(
            "train", "en", root=tmp_path, files={"train": "a.jsonl"}
        )
        assert place is not None
        identities.append(place.identity(lambda path: path.name))
    assert identities[1] == identities[2]
    assert identities[0] != identities[1] != identities[3]
    assert identities[0]["reading"]["aliases"] == {}


@pytest.mark.parametrize(
    ("value", "labels", "message"),
    [
        (1, ("neg", "pos"), "1 is not a label; one of: neg, pos; if numbers are positions in `labels`, declare"),
        ("1", ("neg", "pos"), "'1' is not a label; one of: neg, pos; if numbers are positions"),
        (3.8, ("0", "5"), r"3.8 is not a label; one of: 0, 5; for values on a scale, use `kind: regression`"),
        ("3.8", ("0", "5"), r"'3.8' is not a label; one of: 0, 5; for values on a scale, use `kind: regression`"),
        (["a"], ("a", "b"), r"\['a'\] is not a label; one of: a, b; an example has one label; for several labels, use"),
        ("pos ", ("neg", "pos"), r"'pos ' is not a label; did you mean 'pos'\? The value contains U\+0020 SPACE"),
        ("pos\u00a0", ("neg", "pos"), r"did you mean 'pos'\? The value contains U\+00A0 NO-BREAK SPACE"),
        ("\u200bpos", ("neg", "pos"), r"did you mean 'pos'\? The value contains U\+200B ZERO WIDTH SPACE"),
        ("\uff50os", ("neg", "pos"), r"did you mean 'pos'\? The value uses other characters"),
        ("POS", ("neg", "pos"), r"did you mean 'pos'\? Upper and lower case differ"),
        ("True", ("false", "true"), "'True' is not a label; did you mean 'true'"),
        (True, ("no", "yes"), "true is not a label; one of: no, yes; declare the label .* {true: yes, false: no}"),
        ("1.0", ("0", "1"), "'1.0' is not a label; one of: 0, 1; write both in the same form"),
        (float("inf"), ("0", "1"), "Infinity is not a label|inf is not a label"),
    ],
)  # fmt: skip
def test_a_value_that_is_no_label_tells_of_the_file(value: object, labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=rf"file\.jsonl:7: .*{message}"):
        Reading({}, labels).label(value, ROW)


def test_a_number_that_is_written_otherwise_is_counted() -> None:
    tally = Tally()
    reading = Reading({}, ("0", "1"), tally=tally)
    assert [reading.label(value, ROW) for value in (1.0, 1, "1", 0.0)] == ["1", "1", "1", "0"]
    assert [(one.reason, one.count) for one in tally.otherwise()] == [("number that is not written like its label", 2)]


def test_a_label_in_another_normal_form_is_matched_and_counted(tmp_path: Path) -> None:
    for written, declared in (("pose\u0301", "pos\u00e9"), ("pos\u00e9", "pose\u0301")):
        tally = Tally()
        assert read(tmp_path, written, tally, labels=("neg", declared)) == declared
        (told,) = tally.otherwise()
        assert (told.count, told.first) == (1, f"{tmp_path / 'a.jsonl'}:1")
        assert told.reason == "label in another Unicode normal form than the declared one"
    with pytest.raises(DataError, match="are the same text in two Unicode normal forms"):
        read(tmp_path, "neg", labels=("pos\u00e9", "pose\u0301"))


def test_tags_of_the_training_data_in_two_normal_forms_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("a\tpos\u00e9\nb\tpose\u0301\n", encoding="utf-8")
    task = declare("mine", OwnTask(kind="tagging", labels="from training", train_language="en", scheme="bare"))
    place = task.locate("train", "en", root=tmp_path, files={"train": "a.conll"})
    assert place is not None
    with pytest.raises(DataError, match=r"'pose\\u0301' and 'pos\\xe9' are the same text in two Unicode normal forms"):
        task.labels_in(place)
