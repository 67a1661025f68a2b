"""Every layer in one pass, through the real command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

NARROW = ("sweep.method=[lora]", "sweep.seed=[1]", "sweep.exclude=[]")
MINE = "tasks.bitext.retrieval={special_tokens: false, "


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A folder in which all layers were searched, and two of them one by one; tests only read it."""
    from tests.engine.conftest import Folder
    from tests.engine.test_retrieval import write

    folder = Folder(tmp_path_factory.mktemp("layered") / "work", encoder)
    write(folder)
    for layer, name in (("layers: all, layer: 1", "all"), ("layer: 0", "zero"), ("layer: 2", "two")):
        settings = (f"tasks.parallel.retrieval={{{layer}}}", f"{MINE}{layer}}}")
        folder.run("run", "recipe.yaml", "sweep.target=[parallel, bitext]", *NARROW, *settings)
        folder.run("report", "recipe.yaml", "sweep.target=[parallel, bitext]", *NARROW, *settings, "--out", name)
    return folder


def cells_of(folder: Folder, name: str, target: str) -> list[dict[str, Any]]:
    found = (folder.root / name / "records.jsonl").read_text("utf-8").splitlines()
    return [line for line in map(json.loads, found) if line["target"] == target]


@pytest.mark.parametrize("target", ["parallel", "bitext"])
@pytest.mark.parametrize(("layer", "alone"), [(0, "zero"), (2, "two")])
def test_a_layer_scores_the_same_alone_and_beside_others(layered: Folder, target: str, layer: int, alone: str) -> None:
    together = cells_of(layered, "all", target)
    assert [line["intermediate"] for line in together] == ["none", "claims"]
    for one, other in zip(together, cells_of(layered, alone, target), strict=True):
        found, expected = one["record"]["retrieval"]["layers"][str(layer)], other["record"]
        assert found["languages"] == {name: scores for name, scores in expected["languages"].items() if scores}
        assert found["thresholds"] == expected["retrieval"]["thresholds"]
        assert expected["retrieval"]["layers"] == {}


def test_the_declared_layer_stands_in_the_tables_and_all_in_their_own(layered: Folder) -> None:
    (line,) = (line for line in cells_of(layered, "all", "parallel") if line["intermediate"] == "none")
    by_layer = line["record"]["retrieval"]["layers"]
    assert set(by_layer) == {"0", "1", "2"}
    assert line["record"]["languages"] == by_layer["1"]["languages"]
    assert line["record"]["retrieval"]["layer"] == 1
    report = (layered.root / "all" / "report.md").read_text(encoding="utf-8")
    table = report.split("### parallel: layers")[1]
    assert "| tiny | lora | none | **1** |" in table
    assert "| tiny | lora | none | 2 |" in table
    assert "### bitext: layers" in report
    assert (layered.root / "all" / "layers.csv").is_file()
    assert "layers" not in (layered.root / "zero" / "report.md").read_text(encoding="utf-8")


def test_predictions_stay_and_embeddings_do_not(layered: Folder) -> None:
    folders = {path.parent for path in layered.root.glob("store/nodes/*/*/predictions.0.jsonl")}
    assert len(folders) == 2 * (2 + 2), "two encoders; parallel in two languages, bitext in one, and its validation"
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert names == {"done.json", "predictions.0.jsonl", "predictions.1.jsonl", "predictions.2.jsonl"}


@pytest.mark.parametrize("split", ["validation", "scored"])
def test_the_layer_is_chosen_by_the_gold_of_a_split(layered: Folder, split: str) -> None:
    settings = ("sweep.target=[bitext]", *NARROW, f"{MINE}layer: {split}}}")
    planned = json.loads(layered.run("plan", "recipe.yaml", *settings, "--json", "--nodes"))
    assert {node["kind"] for node in planned["nodes"] if not node["cached"]} == {"score"}, "layers are not read again"
    layered.run("run", "recipe.yaml", *settings)
    said = layered.run("report", "recipe.yaml", *settings, "--out", split)
    marked = "bitext: the same test gold chooses the layer and gives the scores"
    assert (marked in said) == (split == "scored")
    for line in cells_of(layered, split, "bitext"):
        record = line["record"]
        found = record["retrieval"]
        assert found["layer_chosen_on"] == split
        kind = "validation" if split == "validation" else "languages"
        scores = {int(layer): values[kind]["de"]["bucc_f1"] for layer, values in found["layers"].items()}
        assert found["layer"] == max(scores, key=lambda layer: (scores[layer], -layer))
        assert record["languages"]["de"] == found["layers"][str(found["layer"])]["languages"]["de"]
        assert line["value"] == record["languages"]["de"]["bucc_f1"]
