"""What is no card: what a folder is instead, and all that is wrong with a card at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from layover.errors import MistakesError, ModelError
from layover.packages.card import CARD, Card, read_card
from layover.packages.opened import open_module


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for name in ("mini-lora-a-s1", "mini-lora-b-s1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / CARD).write_text("{}", encoding="utf-8")
    (tmp_path / "texts").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mini-lora-a-s2", "there is no such folder; did you mean 'mini-lora-a-s1'?"),
        ("zzz", "there is no such folder; one of: mini-lora-a-s1, mini-lora-b-s1"),
        ("texts", f"no package: the folder has no {CARD}"),
        ("nowhere/texts", "there is no such folder"),
        (".", f"no package: the folder has no {CARD}; it holds 2 packages; use one of: mini-lora-a-s1, mini-lora-b-s1"),
        (f"mini-lora-a-s1/{CARD}", f"it is a file, but a package is a folder with a {CARD}"),
        ("mini-lora-a-s1", "schema_version is None, but this version reads 1"),
    ],
)
def test_what_is_no_package(packages: Path, name: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_card(packages / name)
    assert str(caught.value).endswith(f": {message.format(root=packages)}")


def test_a_folder_of_packages_is_no_module(packages: Path) -> None:
    with pytest.raises(ModelError, match=r"has no module; it holds 2 packages; use one of: mini-lora-a-s1, mini-lora"):
        open_module(packages)


SHIPPED = Path(__file__).resolve().parents[2] / "adapters_hub_export" / "mini-stack-sandbox-nli-s1"
WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], list[str]]] = {
    "several": (
        lambda card: card.update(titel=1, id="../x", layout="zip", skipped_layers=-1),
        [
            "id: '../x' does not fit; write a name of letters, digits, - and _, a letter first, 80 at most",
            "layout: 'zip' is not a valid value; one of: adapterhub, layover, peft",
            "skipped_layers: -1 does not fit; write a whole number from 0 to 128",
            "titel: unknown key; did you mean 'title'?",
        ],
    ),
    "inner": (
        lambda card: [card["base"].pop("name"), card["pieces"][0].update(role="boss", weights_sha256="x")],
        [
            "base.name: is required",
            "pieces.0.role: 'boss' does not fit; write intermediate, intermediate.0 ... or target",
            "pieces.0.weights_sha256: 'x' does not fit; write a SHA-256, 64 of the digits 0-9 and a-f",
        ],
    ),
    "long": (
        lambda card: [card.update(title="x" * 2001, id=3), card["task"].update(labels=["a" * 5000])],
        [
            "task.labels.0: has 5,000 characters; the limit is 2,000",
            "title: has 2,001 characters; the limit is 2,000",
            "id: 3 does not fit; write a name of letters, digits, - and _, a letter first, 80 at most",
        ],
    ),
    "not printable": (
        lambda card: card.update({"a\x1b[2J\nb": 1}),
        [
            r"a\x1b[2J\nb: unknown key; one of: "
            + ", ".join(sorted(field.alias or name for name, field in Card.model_fields.items()))
        ],
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_all_mistakes_of_a_card_are_told_at_once(tmp_path: Path, what: str) -> None:
    change, expected = WRONG[what]
    card = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))
    change(card)
    (tmp_path / CARD).write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(MistakesError) as caught:
        read_card(tmp_path)
    assert list(caught.value.sentences) == [one[:400] + "..." if len(one) > 400 else one for one in expected]
    assert str(caught.value) == "\n".join(f"{tmp_path / CARD}: {one}" for one in caught.value.sentences)


def test_very_many_mistakes_are_not_counted_up(tmp_path: Path) -> None:
    card = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))
    card.update({f"new {number}": 1 for number in range(1000)})
    (tmp_path / CARD).write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(MistakesError) as caught:
        read_card(tmp_path)
    assert caught.value.sentences[-1] == "and more"
    assert len(caught.value.sentences) == 13
