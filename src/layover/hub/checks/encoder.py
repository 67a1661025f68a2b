"""Checks that need the encoder: it is the one of the card, and the package computes on it what the card says."""

from __future__ import annotations

from layover.errors import ModelError
from layover.files.safe import read_json
from layover.hub.checks._base import Subject
from layover.identity import file_sha256
from layover.modules import AdapterDrop

SIZES = tuple(f"base.{name}" for name in ("model_type", "num_layers", "hidden_size", "intermediate_size", "vocabulary"))
"""Fields of a card that `config` proves, where the encoder is that of the card."""


def config(subject: Subject) -> str:
    """The encoder's config is that of the card, or at least of the same sizes; what it computes, the probe shows."""
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
    told = "that of the card" if same else "another text than the card's, of the same sizes; the probe decides"
    return f"config.json of {subject.called}: {told}"


def weights(subject: Subject) -> str:
    """The encoder's weights are those of the card, number by number."""
    from layover.encoder.digest import of_encoder

    found, expected = of_encoder(*subject.encoder), subject.card.base.weights_sha256
    if found != expected:
        raise ModelError(
            f"{subject.called}: its weights have the hash {found[:12]}, but {expected[:12]} on the card: it is another "
            "encoder than the package was trained on"
        )
    return f"weights {found[:12]}, those of the card"


def tokenizer(subject: Subject) -> str:
    """The encoder's tokenizer is that of the card."""
    from layover.plan import tokenizers

    found, expected = tokenizers.load(*subject.encoder).sha256, subject.card.base.tokenizer_sha256
    if found != expected:
        raise ModelError(f"{subject.called}: its tokenizer has the hash {found[:12]}, but {expected[:12]} on the card")
    return f"{found[:12]}, that of the card"


def probe(subject: Subject) -> str:
    """What comes out of the probe's rows is what the card says."""
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
    found = largest_difference(card.probe, encoder, head)
    if found > card.probe.tolerance:
        raise ModelError(
            f"{card.id}: its outputs differ from those on its card by {found:.2g}, more than "
            f"{card.probe.tolerance:.0e}: it is not what the card says"
        )
    what = "hidden states" if head is None else "hidden states and logits"
    return f"{what} of {len(card.probe.rows)} rows: largest difference {found:.2g}, at most {card.probe.tolerance:.0e}"
