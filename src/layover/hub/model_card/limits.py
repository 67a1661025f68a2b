"""What a model card says must not be expected of a package."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from layover.escape import listed
from layover.hub.libraries import ADAPTERS, PEFT, adapters_refuses, peft_refuses
from layover.hub.model_card.results import Line, lines_of
from layover.hub.model_card.words import encoder
from layover.packages.card import Card
from layover.packages.sections import Scores

ZERO_SHOT = (
    "Zero-shot means that the target task had no training data in that language; the encoder, or an intermediate task, "
    "may have seen the language."
)
ONE_SEED = (
    "The scores are of weights that were trained with one seed, on one set of examples; with another seed or other "
    "examples they would differ."
)
BACKDOORS = (
    "Verifying shows that the files are the ones that were exported, and that they compute what the card says. It"
    " cannot show that nobody taught the module a backdoor: take packages from people whom you trust."
)
SHARES = frozenset({"accuracy", "mlqa_em", "squad_em"})
"""Metrics that are a share of the scored examples, so that their number says how far chance reaches."""


def limits(card: Card) -> list[str]:
    """Return what must not be expected of a package."""
    lines, found = lines_of(card), [_encoder(card)]
    if any(line.zero_shot for line in lines):
        found.append(ZERO_SHOT)
    if card.scores is not None:
        found.append(f"{ONE_SEED} {_chance(card.scores, lines)}")
    if card.skipped_layers:
        found.append(
            f"In predictions the lowest {card.skipped_layers} layers go without modules; a program that lets them act "
            "there gets other outputs than these scores belong to."
        )
    return ["## Limits", "\n".join(f"- {one}" for one in [*found, BACKDOORS])]


def _encoder(card: Card) -> str:
    """Return which encoder it belongs to, and who sees to that."""
    text = (
        f"It belongs to {encoder(card)}, with weights of the fingerprint `{card.base.weights_sha256[:16]}`, and "
        "Layover refuses any other unless it is loaded with `check=False`."
    )
    refusals = {PEFT: peft_refuses(card), ADAPTERS: adapters_refuses(card)}
    if not (others := [library for library, reason in refusals.items() if not reason]):
        return text
    verb = "load" if len(others) > 1 else "loads"
    return (
        f"{text} {listed(others)} {verb} it onto any encoder of the same shape without a warning, and there it "
        "computes something else."
    )


def _chance(scores: Scores, lines: Sequence[Line]) -> str:
    """Return how far chance reaches, in numbers where they follow from the number of examples."""
    counts = [line.examples for line in lines if line.score is not None and line.examples]
    if scores.metric not in SHARES or not counts:
        return "Differences of several points between two packages may be chance."
    fewest = min(counts)
    return (
        f"In the language with the fewest examples, {fewest:,}, the 95 % interval of a score near 50 % reaches about "
        f"{98 / sqrt(fewest):.2g} points to either side, by the choice of the examples alone; smaller differences "
        "between two packages may be chance."
    )
