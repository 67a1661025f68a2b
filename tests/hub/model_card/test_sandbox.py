"""What a card says of the sandbox, for every mix of encoder and data."""

from __future__ import annotations

from typing import Any

import pytest

from layover.hub import index
from layover.hub.model_card import markdown
from layover.hub.model_card.sandbox import from_sandbox
from layover.packages.card import Card

ENCODER = "The encoder comes from Layover's sandbox"
BOTH = "The encoder and the data come from Layover's sandbox"
RANDOM = "The encoder's weights are random and were never pretrained."
NATURAL = "say nothing about natural text."
ENCODERS = "The encoder is a small demonstration model; do not compare these scores with those of larger encoders."
MACHINERY = "show only that the programs work"


def changed(part: Any, **updates: Any) -> Any:
    return part.model_copy(update=updates)


def remark(card: Card) -> str:
    """Return the quotation at the beginning of a page, which says what comes from the sandbox."""
    lines = markdown(card, 0, pictured=False).splitlines()
    return " ".join(line.removeprefix("> ") for line in lines if line.startswith(">"))


def card_of(shipped: Card, encoder: str, *, trained: tuple[bool, bool], scored: bool | None) -> Card:
    """Return a card over an encoder, with data that are the sandbox's or not; `scored` None without scores."""
    name = {"sandbox": "sandbox/mini", "random": None, "real": "FacebookAI/xlm-roberta-base"}[encoder]
    base = changed(shipped.base, name=name, random=encoder == "random")
    data = tuple(changed(one, sandbox=flag) for one, flag in zip(shipped.data, trained, strict=True))
    assert shipped.scores is not None
    scores = changed(shipped.scores, data=tuple(changed(one, sandbox=scored) for one in shipped.scores.data))
    found: Card = changed(shipped, base=base, data=data, scores=None if scored is None else scores)
    return found


@pytest.mark.parametrize(
    ("encoder", "trained", "scored", "said"),
    [
        ("sandbox", (True, True), True, [BOTH, NATURAL]),
        ("sandbox", (True, True), None, [BOTH]),
        ("sandbox", (False, False), False, [ENCODER, "The data do not come from the sandbox.", ENCODERS]),
        ("sandbox", (False, False), None, [ENCODER, "The data do not come from the sandbox."]),
        (
            "sandbox",
            (True, False),
            False,
            [ENCODER, "The data of **sandbox/nli** come", "The other data do not.", ENCODERS],
        ),
        (
            "sandbox",
            (False, True),
            True,
            [ENCODER, "The data of **sandbox/paraphrase** come", "The other data do not.", NATURAL],
        ),
        (
            "sandbox",
            (True, True),
            False,
            [ENCODER, "**sandbox/paraphrase** (train)", "The other data do not.", ENCODERS],
        ),
        (
            "real",
            (True, True),
            True,
            ["**Generated data.**", "**sandbox/nli** and **sandbox/paraphrase** come", NATURAL],
        ),
        (
            "real",
            (True, False),
            False,
            ["**Generated data.**", "The data of **sandbox/nli** come", "The other data do not."],
        ),
        ("real", (False, False), False, []),
        ("random", (True, True), True, [RANDOM, "**sandbox/nli** and **sandbox/paraphrase** come", MACHINERY]),
        ("random", (False, False), False, [RANDOM, MACHINERY]),
        ("random", (False, False), None, [RANDOM]),
    ],
)
def test_every_mix(
    shipped: Card, encoder: str, trained: tuple[bool, bool], scored: bool | None, said: list[str]
) -> None:
    card = card_of(shipped, encoder, trained=trained, scored=scored)
    text = remark(card)
    every = {
        BOTH,
        ENCODER,
        RANDOM,
        NATURAL,
        ENCODERS,
        MACHINERY,
        "Generated data",
        "The data do not come from the sandbox.",
        "The other data do not.",
    }
    assert [part for part in said if part not in text] == []
    assert {part for part in every if part in text} == {part for part in every if any(part in one for one in said)}
    begin = "**Generated data.** " if encoder == "real" else "**A demonstration.** "
    assert text.startswith(begin) if said else not text


def test_a_card_of_version_0_1_says_it_by_the_names_of_its_tasks(shipped: Card) -> None:
    assert {one.sandbox for one in shipped.data} == {None}
    assert from_sandbox(shipped).whole
    own = tuple(changed(one, task="moods") for one in shipped.data)
    assert not from_sandbox(changed(shipped, data=own)).whole


def test_imported_modules_have_data_that_are_not_known(shipped: Card) -> None:
    before = (("sandbox/nli",), ("sandbox/nli",))
    card = changed(card_of(shipped, "sandbox", trained=(True, True), scored=True), learned_before=before)
    assert card.imports() == 1
    text = remark(card)
    assert BOTH not in text
    assert "The other data do not." not in text
    assert ENCODER in text
    bare = changed(card_of(shipped, "sandbox", trained=(False, False), scored=False), learned_before=before)
    assert "The data do not come from the sandbox." not in remark(bare)


def test_the_page_of_packages(shipped: Card) -> None:
    whole = card_of(shipped, "sandbox", trained=(True, True), scored=True)
    assert index.DEMONSTRATIONS in index.markdown([whole, shipped])
    for encoder, trained, scored in (
        ("sandbox", (True, False), True),
        ("sandbox", (True, True), False),
        ("real", (True, True), True),
    ):
        assert index.DEMONSTRATIONS not in index.markdown(
            [whole, card_of(shipped, encoder, trained=trained, scored=scored)]
        )
