"""The verdict on equal quality, which a page repeats; and the comparison of what two checkouts compute."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

FOLDER = Path(__file__).parent.parent / "benchmarks"


def loaded(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def judged() -> Any:
    return loaded("_equivalence").judged


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.1, -0.1, 0.2, -0.2, 0.0], "equivalent"),
        ([0.5, 0.6, 0.4, 0.5, 0.5], "equivalent"),  # above zero, and within the margin
        ([2.0, 2.2, 1.8, 2.1, 1.9], "higher"),
        ([0.9, 1.2, 0.8, 1.1, 0.95], "higher"),  # half inside the margin
        ([-2.0, -2.2, -1.8, -2.1, -1.9], "lower"),
        ([3.0, -3.0, 2.0, -2.0, 0.5], "not shown"),
    ],
)
def test_the_verdict_follows_from_the_interval(judged: Any, differences: list[float], verdict: str) -> None:
    plain = [50.0, 51.0, 49.0, 50.5, 48.0]
    ours = [base + difference for base, difference in zip(plain, differences, strict=True)]
    found = judged(ours, plain, 1.0)
    interval = stats.ttest_rel(ours, plain).confidence_interval(0.90)
    assert found["interval_90"] == pytest.approx([interval.low, interval.high], abs=0.006)
    assert found["verdict"] == verdict


def test_one_pair_has_no_interval(judged: Any) -> None:
    with pytest.raises(ValueError, match="two pairs or more"):
        judged([1.0], [1.0], 1.0)
    with pytest.raises(ValueError, match="zip"):
        judged([1.0, 2.0], [1.0], 1.0)


def finished(store: Path, number: int, files: dict[str, str]) -> str:
    """Write a node and return its key."""
    key = f"{number:064x}"
    folder = store / "nodes" / key[:2] / key
    folder.mkdir(parents=True)
    for name, text in {**files, "measured.json": str(store), "done.json": str(store)}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return key


def test_records_of_two_checkouts_are_compared_by_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = loaded("same_records")

    def side(name: str, first: int, score: str = "0.5") -> Any:
        store = tmp_path / name
        train = finished(store, first, {"training.json": "{}", "module.safetensors": "weights"})
        files = {"record.json": json.dumps({"score": score, "training": train}), "predictions.jsonl": "1"}
        scored = finished(store, first + 1, files)
        nodes = [{"key": key, "label": label} for key, label in ((train, "train a"), (scored, "score a"))]
        return script.contents(store, nodes)

    before = side("before", 1)
    assert script.compare(before, side("after", 9)) == [], "other keys of the same work"
    assert capsys.readouterr().out.count("1 of      1 equal") == 4
    assert script.compare(before, side("other", 1, "0.6")) == ["score a: record.json differs"]
    assert script.compare(before, {"train a": before["train a"]}) == ["score a: there is no such node after"]


def test_a_sweep_of_pretended_workers_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    result = loaded("engine").measured("100", 2)
    assert result["messages"] == 2 * result["nodes"] + result["jobs"]
    assert {name: len(way["all"]) for name, way in result["ways"].items()} == {"counts": 2, "lines": 2, "rescan": 2}
    assert all(value > 0 for way in result["ways"].values() for value in way["all"])
    assert abs(result["plan_mib"]) < 50, "so small a plan is lost in what else the process takes and gives back"
