"""Windows: a stride is held to the length of what is read in windows, and told where nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.recipe.conftest import SMALL, Told

from layover.recipe import load
from layover.recipe.unused_settings import unread_strides

ROOT = Path(__file__).resolve().parents[2]


def notes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return [note.removeprefix(f"{path}:") for note in unread_strides(load(path))]


def test_short_inputs_need_no_stride_where_nothing_is_read_in_windows(told: Told) -> None:
    assert told(SMALL) == []
    assert told(SMALL, "train.max_length=8") == []
    (found,) = told(SMALL, "sweep.target=[sandbox/nli, sandbox/qa]")
    assert found == (
        "r.yaml:6: train.max_length: a stride of 64 leaves no room in max_length 32 of sandbox/qa; use a stride "
        "below 28, or a larger max_length"
    )
    assert told(SMALL, "sweep.target=[sandbox/nli, sandbox/qa]", "train.stride=27") == []
    assert told(SMALL, "sweep.target=[sandbox/qa]", "tasks.sandbox/qa.stride=8") == []
    (found,) = told(SMALL, "sweep.target=[sandbox/qa]", "tasks.sandbox/qa={stride: 28}")
    assert ": tasks.sandbox/qa.stride: a stride of 28 leaves no room in max_length 32 of sandbox/qa" in found


def test_a_stride_without_effect_is_told(tmp_path: Path) -> None:
    assert notes(tmp_path, SMALL) == []
    written = SMALL.replace("max_length: 32}", "max_length: 32, stride: 8}")
    why = "has no effect: only tasks of kind span are read in windows, and the sweep has none"
    assert notes(tmp_path, written) == [f"6: train.stride: {why}"]
    assert notes(tmp_path, written.replace("[none]", "[none, sandbox/qa]")) == []
    own = SMALL.replace("sweep:\n", "tasks:\n  sandbox/nli: {stride: 8}\n  sandbox/qa: {stride: 8}\nsweep:\n")
    why = "sandbox/nli is classification, and only tasks of kind span are read in windows"
    assert notes(tmp_path, own) == [f"8: tasks.sandbox/nli.stride: has no effect: {why}"]


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").rglob("*.yaml")), ids=lambda path: path.stem)
def test_no_recipe_of_the_project_has_one(recipe: Path, tmp_path: Path) -> None:
    rooted = "data_root:" in recipe.read_text(encoding="utf-8")
    assert unread_strides(load(recipe, [f"data_root={tmp_path}"] if rooted else [])) == []
