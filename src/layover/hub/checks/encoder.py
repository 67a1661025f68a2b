"""Checks that need the encoder: it is the encoder of the card, and the package computes the same values on it."""

from __future__ import annotations

from layover.errors import ModelError
from layover.files.safe import read_json
from layover.hub.checks._base import Subject
from layover.identity import file_sha256
from layover.modules import AdapterDrop

SIZES = tuple(f"base.{name}" for name in ("model_type", "num_layers", "hidden_size", "intermediate_size", "vocabulary"))
"""Fields of a card that `config` proves if the encoder is the encoder of the card."""


def config(subject: Subject) -> str:
    """The encoder's config equals the card's, or has at least the same sizes; the probe shows what it computes."""
    from layover.encoder.files import config_file

    base = subject.card.base
    file = config_file(*subject.encoder).resolve()  # the hub's cache keeps files behind links
    values = read_json(file)
    for name, expected in (
        ("model_type", base.model_type),
        ("num_hidden_layers", base.num_layers),
        ("hidden_size", base.hidden_size),
        ("intermediate_size", base.intermediate_size),
        ("vocab_size", base.vocabulary),
    ):
        if values.get(name) != expected:
            raise ModelError(f"{subject.called}: its {name} is {values.get(name)}, but {expected} on the card")
    same = file_sha256(file) == base.config_sha256
    result = "equals the card's" if same else "differs from the card's, but has the same sizes; the probe decides"
    return f"config.json of {subject.called} {result}"


def weights(subject: Subject) -> str:
    """The encoder's weights equal the weights of the card, number by number."""
    from layover.encoder.digest import of_encoder

    actual, expected = of_encoder(*subject.encoder), subject.card.base.weights_sha256
    if actual != expected:
        raise ModelError(
            f"{subject.called}: its weights have the hash {actual[:12]}, but {expected[:12]} on the card: the package "
            "was trained on another encoder"
        )
    return f"its weights have the hash of the card, {actual[:12]}"


def tokenizer(subject: Subject) -> str:
    """The encoder's tokenizer equals the tokenizer of the card."""
    from layover.plan import tokenizers

    actual, expected = tokenizers.load(*subject.encoder).sha256, subject.card.base.tokenizer_sha256
    if actual != expected:
        raise ModelError(f"{subject.called}: its tokenizer has the hash {actual[:12]}, but {expected[:12]} on the card")
    return f"it has the hash of the card, {actual[:12]}"


def probe(subject: Subject) -> str:
    """The outputs for the probe's rows equal the outputs on the card."""
    from layover.encoder import DropoutClock, Encoder
    from layover.heads import build_head
    from layover.inference.probe import largest_difference

    card = subject.card
    encoder = Encoder.load(*subject.encoder, clock=DropoutClock(0), all_words=False)
    encoder.attach(subject.whole.attachments())
    encoder.drop(AdapterDrop(predict=card.skipped_layers))
    head, kept = None, subject.package.head()
    if kept is not None and card.task is not None:
        head = build_head(card.task.kind, card.task.labels, encoder, 0.0)
        head.load_weights(kept, card.id)
    difference = largest_difference(card.probe, encoder, head)
    if difference > card.probe.tolerance:
        raise ModelError(
            f"{card.id}: its outputs differ from the outputs on its card by {difference:.2g}, more than "
            f"{card.probe.tolerance:.0e}: the package does not match its card"
        )
    outputs = "hidden states" if head is None else "hidden states and logits"
    return (
        f"{outputs} of {len(card.probe.rows)} rows: largest difference {difference:.2g}, "
        f"at most {card.probe.tolerance:.0e}"
    )
