"""Which encoder is loaded for a card: its own name only where Layover itself knows it, else what a person says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layover.errors import ModelError
from layover.inference.encoders import encoder_for
from layover.packages.card import Card, read_card
from layover_sandbox.encoders import folder_of

COMMIT = "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"
BASE = "FacebookAI/xlm-roberta-base"


@pytest.fixture
def card(exported: Path) -> Card:
    return read_card(exported / "mini-lora-sandbox-nli-s1")


def named(card: Card, name: str | None, revision: str | None = None) -> Card:
    return card.model_copy(update={"base": card.base.model_copy(update={"name": name, "revision": revision})})


@pytest.mark.parametrize(
    ("name", "revision", "expected"),
    [
        ("sandbox/mini", None, (str(folder_of("sandbox/mini")), None)),
        (BASE, COMMIT, (BASE, COMMIT)),
        ("FacebookAI/xlm-roberta-large", COMMIT, ("FacebookAI/xlm-roberta-large", COMMIT)),
    ],
)
def test_the_card_s_own(card: Card, name: str, revision: str | None, expected: object) -> None:
    assert encoder_for(named(card, name, revision), None) == expected


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        (None, None, "give its directory with --base"),
        ("somebody/xlm-roberta-base", COMMIT, f"--base somebody/xlm-roberta-base@{COMMIT}"),
        ("sandbox/huge", None, "does not load an unknown encoder by a card alone"),
        (BASE, None, f"--base {BASE}@COMMIT"),
        (BASE, "main", f"--base {BASE}@COMMIT"),
        (BASE, "refs", "names no commit"),
    ],
)
def test_what_is_not_loaded_because_a_card_says_so(
    card: Card, name: str | None, revision: str | None, message: str
) -> None:
    with pytest.raises(ModelError) as error:
        encoder_for(named(card, name, revision), None)
    assert message in str(error.value)


def test_a_folder_of_the_card_s_name_is_not_taken_for_it(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somebody" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="does not load an unknown encoder"):
        encoder_for(named(card, "somebody/model", COMMIT), None)


def test_what_a_person_names(card: Card, tmp_path: Path) -> None:
    mine: Any = named(card, "somebody/model", COMMIT)
    assert encoder_for(mine, str(tmp_path)) == (str(tmp_path), None)
    assert encoder_for(mine, "sandbox/small") == (str(folder_of("sandbox/small")), None)
    assert encoder_for(mine, "somebody/model") == ("somebody/model", COMMIT)
    assert encoder_for(mine, "somebody/model@v2") == ("somebody/model", "v2")
    assert encoder_for(mine, BASE) == (BASE, None)


@pytest.mark.parametrize("base", ["/nowhere/at/all", "sandbox/none", "a/b/c", "../up", "x@y"])
def test_what_is_no_encoder(card: Card, base: str) -> None:
    with pytest.raises(ModelError, match="is neither a directory"):
        encoder_for(card, base)
