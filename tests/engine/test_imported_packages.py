"""Packages of Layover as intermediates: what a card says is held to, and what rests on them is exported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from layover.encoder import DropoutClock, Encoder
from layover.errors import LayoverError, RecipeError
from layover.hub.choose import choose
from layover.hub.export import Export
from layover.inference.probe import largest_difference
from layover.packages.card import CARD, read_card
from layover.packages.package import open_package
from layover.plan import Plan, build
from layover.recipe import load
from layover.store import FileHashes, Store
from layover_sandbox.encoders import folder_of

if TYPE_CHECKING:
    from tests.engine.conftest import Swept

MINI = str(folder_of("sandbox/mini"))


def planned(swept: Swept, *overrides: str) -> Plan:
    return build(load(swept.root / "after.yaml", (*swept.axes, *overrides)), FileHashes())


def changed(swept: Swept, name: str, change: Callable[[dict[str, Any]], object]) -> str:
    """Return the override that imports a copy of the package with another card."""
    folder = swept.root / "packages" / name
    shutil.copytree(swept.root / "packages" / "before", folder)
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    change(card)
    (folder / CARD).write_text(json.dumps(card), encoding="utf-8")
    return f"modules.pack.path=packages/{name}"


def test_a_card_of_another_shape_is_refused_by_the_plan(swept: Swept) -> None:
    override = changed(swept, "deep", lambda card: card["base"].update(num_layers=12))
    with pytest.raises(RecipeError, match=r"belongs to xlm-roberta with 12 layers, 128 and 512 features wide, but the"):
        planned(swept, override)


def test_a_package_whose_file_was_changed_is_refused_by_the_plan(swept: Swept) -> None:
    override = changed(swept, "torn", dict)
    file = swept.root / "packages" / "torn" / "head.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(RecipeError, match=r"head\.safetensors: its SHA-256 differs from the card"):
        planned(swept, override)


def test_a_package_that_leaves_layers_out_goes_with_methods_that_do(swept: Swept) -> None:
    override = changed(swept, "skipping", lambda card: card.update(skipped_layers=2))
    alone = ("sweep.intermediate=[pack]", "sweep.target=[sandbox/paraphrase]", "sweep.method=[stack]")
    with pytest.raises(RecipeError, match=r"pack skips the lowest 2 layers; set adapterdrop: \{predict: 2\}"):
        planned(swept, override, *alone)
    assert planned(swept, override, *alone, "methods.stack.adapterdrop={predict: 2}").cells


def test_a_package_that_needs_others_is_no_module(swept: Swept) -> None:
    cell = "mini/stack/pack/sandbox/paraphrase/1"
    swept.run("export", "after.yaml", *swept.axes, cell, "--name", "on-top", "--to", "packages")
    folder = swept.root / "packages" / "on-top"
    pieces = read_card(folder).attachments
    assert [(one.role, one.package, one.key is None) for one in pieces] == [
        ("intermediate", "before", True),
        ("target", None, False),
    ]
    package = open_package(folder)
    encoder = Encoder.load(MINI, None, clock=DropoutClock(0), all_words=True)
    encoder.attach(package.attachments())
    probe = package.card.probe.model_copy(update={"outputs": None})
    assert largest_difference(probe, encoder, None) < 1e-6, "it is found by its hash beside the other"
    with pytest.raises(
        RecipeError, match=r"the package only works together with others \(before\), so it cannot be an"
    ):
        planned(swept, "modules.pack.path=packages/on-top")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("mini/stack/mine/sandbox/paraphrase/1", "it needs mine, a module that another library wrote"),
        (
            "mini/direct/pack/sandbox/nli/1",
            "the recipe trains neither its module nor its head; share the imported",
        ),
    ],
)
def test_what_is_not_ours_is_not_exported(swept: Swept, cell: str, expected: str) -> None:
    plan, store = planned(swept), Store(swept.root / "store")
    (wanted,) = choose(plan, store, [cell])
    with pytest.raises(LayoverError, match=expected):
        Export(plan, store, swept.root / "refused").package(wanted)
    assert not (swept.root / "refused").exists()


def test_a_package_has_the_name_that_was_asked_for(swept: Swept) -> None:
    assert read_card(swept.root / "packages" / "before").id == "before"
    cell = ("mini/lora/none/sandbox/nli/1", "--to", "elsewhere", "--name", "../my module")
    said = swept.run("export", "before.yaml", *cell, code=2)
    assert (
        "--name '../my module': a name must begin with a letter and have only letters, digits, - and _, 80 at most"
        in said
    )
    assert not (swept.root / "elsewhere").exists()


def test_a_package_tells_what_it_was_trained_on(swept: Swept) -> None:
    notes = planned(swept, "sweep.method=[goes_on]").notes
    assert "sandbox/nli after pack: both are trained on sandbox/nli" in notes
    assert not [note for note in notes if note.startswith("pack: its training task")]


def test_a_package_of_another_encoder_of_the_same_shape_fails_in_its_import(swept: Swept) -> None:
    override = changed(swept, "liar", lambda card: card["base"].update(weights_sha256="0" * 64))
    count = len(swept.nodes("import"))
    only = ("sweep.intermediate=[pack]", "sweep.method=[stack]", "sweep.target=[sandbox/paraphrase]")
    said = swept.run("run", "after.yaml", override, *only, code=1)
    assert "failed: import pack mini: pack: the package before was trained on another encoder of the same shape" in said
    assert "0 of 1 cells finished" in said
    assert len(swept.nodes("import")) == count, "though the same weights were imported before, from one that fits"
