"""Reading YAML: plain values, places, overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.errors import RecipeError
from layover.recipe.file import read_source

TEXT = """\
schema: 1
train:
  lr: 1e-4
  on: no
list: [a, {b: 2}]
"""


def write(tmp_path: Path, text: str = TEXT) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_yaml_1_2_values(tmp_path: Path) -> None:
    source = read_source(write(tmp_path))
    assert source.values == {"schema": 1, "train": {"lr": 1e-4, "on": "no"}, "list": ["a", {"b": 2}]}
    assert type(source.values["train"]["lr"]) is float


def test_places(tmp_path: Path) -> None:
    path = write(tmp_path)
    source = read_source(path)
    assert source.where(("train", "lr")) == f"{path}:3"
    assert source.where(("train", "absent")) == f"{path}:2"
    assert source.where(("list", 1, "b")) == f"{path}:5"


def test_overrides_are_parsed_as_yaml(tmp_path: Path) -> None:
    source = read_source(write(tmp_path), ["train.lr=2e-5", "sweep.seed=[1, 2]", "new.deep.key=x"])
    assert source.values["train"]["lr"] == 2e-5
    assert source.values["sweep"] == {"seed": [1, 2]}
    assert source.values["new"] == {"deep": {"key": "x"}}
    assert source.where(("train", "lr")) == "command line (train.lr=2e-5)"
    assert source.where(("sweep", "seed", 1)) == "command line (sweep.seed=[1, 2])"


@pytest.mark.parametrize("text", ["train.lr", "=3", "train..lr=1", "schema.deeper=1", "train.lr=[1"])
def test_bad_overrides_are_told_together(tmp_path: Path, text: str) -> None:
    found = read_source(write(tmp_path), [text, "also-bad"]).problems
    assert len(found) == 2
    assert found[0].where == f"command line ({text})"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [1\n", 3, "expected"),
        ("- a\n- b\n", 1, "mapping"),
    ],
)
def test_what_is_not_a_recipe(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        read_source(path)
    assert caught.value.problems[0].where == f"{path}:{line}"
    assert message in caught.value.problems[0].message


def test_an_absent_file_names_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(RecipeError, match=r"no such file; there: .*r\.yaml"):
        read_source(tmp_path / "other.yaml")
