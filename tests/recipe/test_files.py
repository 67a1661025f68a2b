"""What is given as a recipe, or as a folder of one, and is none: one error at once, nothing waits or is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.recipe.conftest import SMALL, Told

from layover.errors import RecipeError
from layover.recipe import load


def refused(path: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        load(path)
    (problem,) = caught.value.problems
    return str(problem)


def test_pipes_devices_and_folders_are_no_recipes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    assert refused(pipe) == f"{pipe}: is a named pipe; name a file with a recipe in it"
    assert refused(tmp_path) == f"{tmp_path}: is a folder; name a file with a recipe in it"
    for device in (Path("/dev/null"), Path("/dev/zero")):
        if device.exists():
            assert refused(device) == f"{device}: is a device; name a file with a recipe in it"


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert refused(loop).startswith(f"{loop}: cannot be read: ")
    assert "cannot be read: File name too long" in refused(tmp_path / ("x" * 300))
    dangling = tmp_path / "dangling.yaml"
    dangling.symlink_to(tmp_path / "nowhere")
    assert "no such file; there: " in refused(dangling)
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file" / "r.yaml").endswith("cannot be read: Not a directory")
    assert "no such file" in refused(Path("/no/such/folder/r.yaml"))


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as stream:
        stream.truncate(2**40)  # sparse: reading it would take hours
    assert (
        refused(large) == f"{large}: has 1,099,511,627,776 bytes, but a recipe has 262,144 at most; name another file"
    )


def test_folders_of_a_recipe(told: Told, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for value, message in (
        (tmp_path / "pipe", f"data_root: is no folder: {tmp_path / 'pipe'}"),
        ("/dev/null", "data_root: is no folder: /dev/null"),
        ("x" * 300, "data_root: cannot be used: File name too long"),
        (tmp_path / "none", f"data_root: no such folder: {tmp_path / 'none'}"),
    ):
        (found,) = told(SMALL, f"data_root={value}")
        assert found.endswith(message)
    for value, message in (
        (tmp_path / "pipe", "is a file; name the folder that its config and weights lie in"),
        ("x" * 300, "cannot be used: File name too long"),
    ):
        (found,) = told(SMALL, f"modules.m={{path: {value}}}", "sweep.intermediate=[m]")
        assert "modules.m.path: " in found
        assert message in found
    (found,) = told(SMALL, f"languages={{module: lora, text: {{en: {'x' * 300}}}}}", "methods.lora.languages=true")
    assert "languages.text.en: " in found
    assert "is no file here, and no task" in found
