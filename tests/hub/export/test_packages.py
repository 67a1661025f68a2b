"""The packages that the repository ships: each is whole, computes what its card says, and is small."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from layover.hub import index
from layover.hub.verify import CHECKS, verify
from layover.identity import file_sha256
from layover.packages.card import ADAPTERHUB, CARD, read_card

SHIPPED = Path(__file__).resolve().parents[3] / "adapters_hub_export"
PACKAGES = sorted(file.parent for file in SHIPPED.glob(f"*/{CARD}"))
MOST_BYTES = 600_000


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_it_is_what_it_says(folder: Path) -> None:
    """Every check that `layover verify` has, those of the libraries that are installed included."""
    verdict = verify(folder)
    assert [result.line() for result in verdict.failed] == []
    card = read_card(folder)
    done = {result.name for result in verdict.results if result.state == "ok"}
    expected = {check.name for check in CHECKS} - {"peft", "adapters"}
    if card.layout == "peft":
        expected.add("peft")
    if (folder / ADAPTERHUB).is_dir() and _installed("adapters"):
        expected.add("adapters")
    assert done == expected


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_it_is_small_and_nothing_else_lies_in_it(folder: Path) -> None:
    card = read_card(folder)
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    assert set(files) == {*card.files, CARD, "README.md"}
    assert file_sha256(files["README.md"]) == card.readme_sha256
    assert sum(file.stat().st_size for file in files.values()) < MOST_BYTES


def _installed(library: str) -> bool:
    try:
        importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def test_what_they_are() -> None:
    cards = [read_card(folder) for folder in PACKAGES]
    scored = [card for card in cards if card.scores is not None]
    found = {
        (card.attachments[-1].module["name"], (card.composition or {}).get("name"), card.task.kind)
        for card in scored
        if card.task is not None
    }
    assert found >= {("lora", "stack", "classification"), ("lora", "stack", "tagging"), ("lora", "warm", "span")}
    assert ("bottleneck", "stack", "choice") in found
    for card in scored:
        assert card.scores is not None
        assert card.scores.full is not None
        assert card.scores.without_intermediate is not None
        assert card.scores.best_of is None
    page = (SHIPPED / index.PAGE).read_text(encoding="utf-8")
    assert page.startswith(index.MARK)
    assert all(f"[{card.id}]({card.id})" in page for card in cards)
