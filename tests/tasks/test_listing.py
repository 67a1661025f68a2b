"""A file that lists the test's rows of another: PubMedQA's questions and decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layover import tasks
from layover.data.formats import FileLayout
from layover.data.task import FileSource, Listing
from layover.errors import DataError
from layover.identity import file_sha256, key_of

TASK = tasks.get("pubmedqa")
DECISIONS = {"1": "yes", "2": "no", "3": "maybe", "4": "no"}


def write(root: Path, test: dict[str, str] | str, **others: Any) -> Path:
    (root / "pubmedqa").mkdir(parents=True)
    questions = {
        name: {"QUESTION": f"Question {name}?", "CONTEXTS": ["One.", "Two."], "final_decision": decision}
        for name, decision in DECISIONS.items()
    }
    for name, content in {"ori_pqal.json": questions, "test_ground_truth.json": test, **others}.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (root / "pubmedqa" / name).write_text(text, encoding="utf-8")
    return root


def questions(root: Path, split: str, files: dict[str, str] | None = None) -> list[str]:
    location = TASK.locate(split, "en", root=root, files=files)
    assert location is not None
    return [example.first for example in TASK.read(location)]


def test_the_listed_rows_are_the_test_and_no_others(tmp_path: Path) -> None:
    root = write(tmp_path, {"4": "no", "1": "yes"})
    assert questions(root, "test") == ["Question 1?", "Question 4?"]  # in the order of the questions' file
    assert questions(root, "train") == ["Question 2?", "Question 3?"]
    assert TASK.locate("validation", "en", root=root) is None


def test_without_the_list_there_is_nothing(tmp_path: Path) -> None:
    root = write(tmp_path, {"1": "yes"})
    (root / "pubmedqa" / "test_ground_truth.json").unlink()
    assert TASK.locate("train", "en", root=root) is None
    assert "pubmedqa/test_ground_truth.json" in TASK.candidates("train", "en")
    with pytest.raises(DataError, match=r"test_ground_truth\.json does not exist"):
        TASK.locate("train", "en", root=root, files={"train": "pubmedqa/ori_pqal.json"})


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ({"1": "yes", "9": "no"}, r"ground_truth\.json pubid:9: no row has the pubid '9'"),
        ({"1": "no"}, r"pqal\.json pubid:1: the final_decision is 'yes', but .*truth\.json pubid:1 has 'no'"),
        ('{"1": "yes", "01": "yes", "1": "yes"}', "one object has the key '1' twice"),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_files_that_do_not_fit(tmp_path: Path, listed: Any, message: str, split: str) -> None:
    root = write(tmp_path, listed)
    with pytest.raises(DataError, match=message):
        questions(root, split)


def test_files_of_a_fold_are_read_whole(tmp_path: Path) -> None:
    fold = {"3": {"QUESTION": "Question 3?", "CONTEXTS": ["One."], "final_decision": "maybe"}}
    root = write(tmp_path, {"1": "yes"}, **{"dev_set.json": fold})
    assert questions(root, "validation", {"validation": "pubmedqa/dev_set.json"}) == ["Question 3?"]


def test_identity_knows_the_list_and_its_side(tmp_path: Path) -> None:
    keys = []
    for number, listed in enumerate([{"1": "yes"}, {"2": "no"}]):
        root = write(tmp_path / str(number), listed)
        for split in ("train", "test"):
            location = TASK.locate(split, "en", root=root)
            assert location is not None
            assert "test_ground_truth.json" in location.describe()
            keys.append(key_of(location.identity(file_sha256)))
    assert len(set(keys)) == 4


@pytest.mark.parametrize("twice", ["rows.jsonl", "ids.jsonl"])
def test_an_id_twice(tmp_path: Path, twice: str) -> None:
    for name in ("rows.jsonl", "ids.jsonl"):
        ids = ["a", "a"] if name == twice else ["a"]
        lines = (json.dumps({"id": one, "text": "x", "label": "yes"}) for one in ids)
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    layout = FileLayout(format="jsonl")
    listing = Listing(path="ids.jsonl", layout=layout, id="id", taken=True)
    source = FileSource(path="rows.jsonl", layout=layout, listing=listing)
    columns = {"first": "text", "label": "label"}
    task = TASK.model_copy(update={"columns": columns, "files": {"test": (source,)}})
    location = task.locate("test", "en", root=tmp_path)
    assert location is not None
    with pytest.raises(DataError, match=rf"{twice}:2: the id 'a' is also at .*{twice}:1; remove one"):
        task.read(location)
