"""Mixing weights in reports: numbers worked out by hand, and nothing where nothing is mixed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from layover.plan import Cell
from layover.report import CellRow
from layover.report.mixing_weights import MixingWeight
from layover.report.pictures import picture
from layover.report.sections import shares, shares_plot


def row(seed: int, *values: tuple[str, int, str, str, float], target: str = "xnli", method: str = "fuse") -> CellRow:
    cell = Cell("base", method, "mnli+squad", target, seed, "t", "s", "b")
    return CellRow(cell, "accuracy", "test", {}, None, None, None, tuple(MixingWeight(*value) for value in values))


def one_seed(seed: int, mnli: float) -> CellRow:
    """Return mixing weights of two languages: two sites in layer 0, and one site in layer 1."""
    found = [("en", 0, "query", 0.1), ("en", 0, "value", -0.1), ("sw", 0, "query", 0.2), ("sw", 0, "value", -0.2)]
    both = [(language, layer, place, mnli + more) for language, layer, place, more in (*found, ("en", 1, "query", 0.1))]
    pairs = [((*where, "mnli", value), (*where, "squad", 1 - value)) for *where, value in both]
    return row(seed, *(one for pair in pairs for one in pair))


def test_the_mean_over_languages_places_and_seeds() -> None:
    headers, lines = shares.cells([one_seed(1, 0.3), one_seed(2, 0.5), row(1, target="xquad")], "xnli")
    assert headers == ["model", "method", "intermediate", "module", "n", "all layers", "layer 0", "layer 1"]
    assert lines == [
        ["base", "fuse", "mnli+squad", "mnli", "2", "45.0 ± 14.1", "40.0 ± 14.1", "50.0 ± 14.1"],
        ["base", "fuse", "mnli+squad", "squad", "2", "55.0 ± 14.1", "60.0 ± 14.1", "50.0 ± 14.1"],
    ]


def test_many_layers_share_columns_and_absent_ones_are_seen() -> None:
    whole = row(1, *(("en", layer, "output", "mnli", layer / 100) for layer in range(24)))
    top = row(1, *(("en", layer, "output", "mnli", 0.5) for layer in (22, 23)), method="top")
    headers, lines = shares.cells([whole, top], "xnli")
    assert headers[6:] == [f"layer {layer}-{layer + 1}" for layer in range(0, 24, 2)]
    assert lines[0][5:8] == ["11.5", "0.5", "2.5"]
    assert lines[1][5:] == ["50.0", *["–"] * 11, "50.0"]


def test_every_share_is_a_line(tmp_path: Path) -> None:
    assert shares.write([one_seed(1, 0.3)], tmp_path / "shares.csv")
    with (tmp_path / "shares.csv").open(encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    assert len(found) == 10
    assert found[2] == {
        "model": "base", "method": "fuse", "intermediate": "mnli+squad", "target": "xnli", "seed": "1",
        "language": "en", "layer": "0", "place": "value", "member": "mnli", "share": repr(0.3 - 0.1),
    }  # fmt: skip


def test_what_is_drawn(tmp_path: Path) -> None:
    rows = [one_seed(1, 0.3), one_seed(2, 0.5), row(1, ("en", 1, "output", "mnli", 1.0), target="xquad")]
    drawn = shares_plot.panels(rows)["base", "fuse", "mnli+squad"]
    assert drawn["xnli"] == {"mnli": pytest.approx({0: 40.0, 1: 50.0}), "squad": pytest.approx({0: 60.0, 1: 50.0})}
    figure = shares_plot.draw(rows)
    assert figure is not None
    paths = picture(figure, "shares").write(tmp_path, "shares")
    assert [path.read_bytes()[:4] for path in paths] == [b"<?xm", b"%PDF", b"\x89PNG"]


def test_nothing_is_mixed(tmp_path: Path) -> None:
    rows = [row(1)]
    assert shares.cells(rows, "xnli")[1] == []
    assert not shares.write(rows, tmp_path / "shares.csv")
    assert shares_plot.draw(rows) is None
    assert not list(tmp_path.iterdir())
