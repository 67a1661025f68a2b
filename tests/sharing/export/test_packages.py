"""The packages that the repository ships: each is whole, computes what its card says, and is small."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.encoder import DropoutClock, Encoder
from layover.encoder.digest import of_encoder
from layover.identity import file_sha256
from layover.modules import AdapterDrop
from layover.packages.card import CARD, read_card
from layover.packages.package import open_package
from layover.sandbox.encoders import folder_of
from layover.sharing import index, probe
from layover.steps.tokenize import load_tokenizer
from layover.steps.trained import build_head

SHIPPED = Path(__file__).resolve().parents[3] / "adapters_hub_export"
PACKAGES = sorted(file.parent for file in SHIPPED.glob(f"*/{CARD}"))
MOST_BYTES = 600_000


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_it_computes_what_it_says(folder: Path) -> None:
    package = open_package(folder)
    card = package.card
    assert card.id == folder.name
    source = folder_of(card.base.name or "")
    assert source is not None
    assert of_encoder(str(source), None) == card.base.weights_sha256
    assert load_tokenizer(str(source), None).sha256 == card.base.tokenizer_sha256
    encoder = Encoder.load(str(source), None, clock=DropoutClock(0), all_words=False)
    encoder.attach(package.pieces(), seed=0)
    encoder.drop(AdapterDrop(predict=card.skipped_layers))
    weights, head = package.head(), None
    if weights is not None:
        assert card.task is not None
        head = build_head(card.task.kind, list(card.task.labels), encoder, encoder.clock, 0.0, 0)
        head.load_weights(weights, folder.name)
    assert probe.largest_difference(card.probe, encoder, head) <= card.probe.tolerance


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_it_is_small_and_nothing_else_lies_in_it(folder: Path) -> None:
    card = read_card(folder)
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    assert set(files) == {*card.files, CARD, "README.md"}
    assert file_sha256(files["README.md"]) == card.readme_sha256
    assert sum(file.stat().st_size for file in files.values()) < MOST_BYTES


def test_what_they_are() -> None:
    cards = [read_card(folder) for folder in PACKAGES]
    scored = [card for card in cards if card.scores is not None]
    found = {
        (card.pieces[-1].module["name"], (card.composition or {}).get("name"), card.task.kind)
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
