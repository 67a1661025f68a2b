"""Predictions of a finished sweep, example by example, as files that other programs read."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Folder

from layover.cli.main import main
from layover.data.row_ids import distinct, id_in
from layover.data.subset import Subset
from layover.data.tally import Tally
from layover.kinds.classification import Example
from layover.records import read_record
from layover.specs import TokenizerSpec
from layover.specs.tokenize import DataSpec, TokenizeSpec
from layover.steps.accounting import Account


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["layover", *arguments])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def written(folder: Folder) -> dict[str, dict[str, Any]]:
    """Return the nodes of the plan that score, with their records, by key."""
    paths = folder.root.glob("store/nodes/*/*/record.json")
    return {path.parent.name: read_record(path).model_dump() for path in paths}


def test_every_prediction_stands_beside_its_example(
    finished: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(finished.root)
    out = tmp_path / "all.jsonl"
    only = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.seed=[1]")
    code, said, _ = run(monkeypatch, capsys, "predictions", "recipe.yaml", *only, "--out", str(out))
    assert (code, said) == (0, "")
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    gold = {
        (language, number): json.loads(line)
        for language, name in (("en", "moods"), ("de", "german"))
        for number, line in enumerate((finished.root / "data" / f"{name}.jsonl").read_text().splitlines(), 1)
    }
    assert len(lines) == len(gold)
    names = {"en": "moods.jsonl", "de": "german.jsonl"}
    for line in lines:
        file, _, number = line["where"].rpartition(":")
        right = gold[line["language"], int(number)]
        assert file == names[line["language"]]
        assert line["id"] == line["where"]
        assert (line["first"], line["gold"]) == (right["text"], right["label"])
        assert line["prediction"] in {"yes", "no"}
        assert (line["model"], line["method"], line["intermediate"], line["seed"]) == ("tiny", "lora", "none", 1)
    scores = {
        language: 100 * sum(line["prediction"] == line["gold"] for line in mine) / len(mine)
        for language in ("en", "de")
        for mine in [[line for line in lines if line["language"] == language]]
    }
    code, out_, _ = run(monkeypatch, capsys, "plan", "recipe.yaml", *only, "--nodes", "--json")
    (key,) = [node["key"] for node in json.loads(out_)["nodes"] if node["kind"] == "score"]
    record = written(finished)[key]
    assert {name: values["accuracy"] for name, values in record["languages"].items()} == pytest.approx(scores)


def test_the_table_has_what_the_lines_have(
    finished: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(finished.root)
    only = ("sweep.method=[lora]", "sweep.seed=[1]")
    code, out, _ = run(monkeypatch, capsys, "predictions", "recipe.yaml", *only)
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["intermediate"] for line in lines} == {"none", "claims"}
    assert run(monkeypatch, capsys, "predictions", "recipe.yaml", *only, "--out", str(tmp_path / "all.csv"))[0] == 0
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [{name: "" if value is None else str(value) for name, value in line.items()} for line in lines]


def test_what_is_not_finished_is_told(
    finished: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(finished.root)
    both = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.seed=[1, 7]")
    code, out, err = run(monkeypatch, capsys, "predictions", "recipe.yaml", *both)
    assert code == 0
    assert "left out: tiny/lora/none/moods/7 is not finished" in err
    assert {json.loads(line)["seed"] for line in out.splitlines()} == {1}
    code, out, err = run(monkeypatch, capsys, "predictions", "recipe.yaml", "sweep.seed=[7]")
    assert (code, out) == (2, "")
    assert "no cell of the sweep is finished" in err
    for name, message in (
        ("a.txt", "the name must end in"),
        (".", "the name must end in"),
        ("no/a.csv", "does not exist"),
    ):
        code, _, err = run(monkeypatch, capsys, "predictions", "recipe.yaml", "--out", str(tmp_path / name))
        assert code == 2
        assert message in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"id": "a1", "idx": 3}, "a1"),
        ({"text": "x", "Idx": 0}, 0),
        ({"pairID": "7e", "text": "x"}, "7e"),
        ({"id": None, "idx": 3}, None),
        ({"id": ""}, None),
        ({"id": True}, None),
        ({"id": [1]}, None),
        ({"identity": "x"}, None),
    ],
)
def test_ids_of_rows(values: dict[str, Any], expected: object) -> None:
    assert id_in(values) == expected


def test_ids_that_do_not_tell_rows_apart_are_none() -> None:
    assert distinct(["a", "b", 1])
    assert not distinct(["a", None])
    assert not distinct(["1", 1])


@pytest.mark.parametrize("own", [True, False])
def test_rows_are_those_of_the_examples_that_are_kept(own: bool) -> None:
    """Of ten examples a limit keeps three; ids that two of them share are none."""
    tally, examples = Tally(), [Example(f"text {number}", None, "yes") for number in range(10)]
    for number in range(10):
        tally.take("folder/data.csv", number + 2, f"id {number}" if own else "same")
    spec = TokenizeSpec(
        data=DataSpec({}),
        subset=Subset(limit=3),
        kind="classification",
        labels=("no", "yes"),
        tokenizer=TokenizerSpec(),
        max_length=8,
    )
    account = Account(spec, examples, tally)
    kept = [int(example.first.removeprefix("text ")) for example in account.cut(())]
    assert len(kept) == 3
    assert kept != [0, 1, 2]
    lengths, windows = [7, 8, 9], [None, 0, 2]
    assert account.rows(lengths, windows, spec.max_length) == [
        {
            "id": f"id {number}" if own else None,
            "where": f"data.csv:{number + 2}",
            "tokens": tokens,
            "cut": tokens == 9,
            "window": window,
        }
        for number, tokens, window in zip(kept, lengths, windows, strict=True)
    ]
