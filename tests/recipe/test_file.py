"""A recipe as a file: what is none is one error at once; YAML as plain values with their places; overrides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.recipe.conftest import SMALL, Told

from layover.errors import RecipeError
from layover.recipe import load
from layover.recipe.file import read_source


def refused(path: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        load(path)
    (problem,) = caught.value.problems
    return str(problem)


def test_pipes_devices_and_folders_are_no_recipes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    assert refused(pipe) == f"{pipe}: is a named pipe; name a recipe file"
    assert refused(tmp_path) == f"{tmp_path}: is a folder; name a recipe file"
    for device in (Path("/dev/null"), Path("/dev/zero")):
        if device.exists():
            assert refused(device) == f"{device}: is a device; name a recipe file"


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert refused(loop).startswith(f"{loop}: cannot be read: ")
    assert "cannot be read: File name too long" in refused(tmp_path / ("x" * 300))
    dangling = tmp_path / "dangling.yaml"
    dangling.symlink_to(tmp_path / "nowhere")
    assert "no such file; in this folder: " in refused(dangling)
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file" / "r.yaml").endswith("cannot be read: Not a directory")
    assert "no such file" in refused(Path("/no/such/folder/r.yaml"))


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as stream:
        stream.truncate(2**40)  # sparse: reading it would take hours
    assert (
        refused(large) == f"{large}: has 1,099,511,627,776 bytes, but a recipe has at most 262,144; name another file"
    )


def test_folders_of_a_recipe(told: Told, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for value, message in (
        (tmp_path / "pipe", f"data_root: is not a folder: {tmp_path / 'pipe'}"),
        ("/dev/null", "data_root: is not a folder: /dev/null"),
        ("x" * 300, "data_root: cannot be used: File name too long"),
        (tmp_path / "none", f"data_root: no such folder: {tmp_path / 'none'}"),
    ):
        (found,) = told(SMALL, f"data_root={value}")
        assert found.endswith(message)
    for value, message in (
        (tmp_path / "pipe", "is a file; name the folder with config and weights"),
        ("x" * 300, "cannot be used: File name too long"),
    ):
        (found,) = told(SMALL, f"modules.m={{path: {value}}}", "sweep.intermediate=[m]")
        assert "modules.m.path: " in found
        assert message in found
    (found,) = told(SMALL, f"languages={{module: lora, text: {{en: {'x' * 300}}}}}", "methods.lora.languages=true")
    assert "languages.text.en: " in found
    assert "is neither a file here nor a task" in found


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
    with pytest.raises(RecipeError, match=r"no such file; in this folder: .*r\.yaml"):
        read_source(tmp_path / "other.yaml")
