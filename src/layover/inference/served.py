"""Loading for prediction: the shared encoder of packages, its tokenizer, and the check that they belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch

from layover.compositions import Attachment
from layover.data.tokenizer import Tokenizer
from layover.encoder import DropoutClock, Encoder, computing, dtype_of
from layover.encoder.digest import of_encoder
from layover.encoder.files import config_file
from layover.errors import ModelError, nearest
from layover.heads import Head, build_head
from layover.inference import probe
from layover.modules import AdapterDrop
from layover.numerics import NOT_OFFERED, Precision, quantisation_of
from layover.packages.card import Card
from layover.packages.package import Package
from layover.packages.sections import TaskFacts
from layover.plan import tokenizers


@dataclass(frozen=True, eq=False)
class Served:
    """A package, ready to be attached to the encoder."""

    card: Card
    task: TaskFacts
    attachments: Sequence[Attachment]
    head: Head

    def act(self, encoder: Encoder) -> None:
        """Attach it to the encoder in place of the current attachments."""
        encoder.attach(self.attachments)
        encoder.drop(AdapterDrop(predict=self.card.skipped_layers))


@dataclass(frozen=True)
class BaseEncoder:
    """The encoder to which packages are attached."""

    source: str
    revision: str | None

    def load(self, precision: Precision, card: Card) -> Encoder:
        """Return the encoder, loaded in a precision.

        Raises:
            ModelError: it cannot be loaded, or its sizes differ from the encoder of the card.
        """
        if Path(self.source).is_dir():
            config_file(self.source, None)  # the message of transformers would list a hundred other models
        encoder = Encoder.load(
            self.source,
            self.revision,
            clock=DropoutClock(0),
            dtype=dtype_of(precision, whole=False),
            quantisation=quantisation_of(precision),
            all_words=False,
        )
        config, base = encoder.model.config, card.base
        there = (config.model_type, encoder.num_layers, config.hidden_size, config.intermediate_size, config.vocab_size)
        needed = (base.model_type, base.num_layers, base.hidden_size, base.intermediate_size, base.vocabulary)
        if there != needed:
            raise ModelError(
                f"{card.id} belongs to an encoder of another size than {self.source}: (type, layers, hidden, "
                f"intermediate, vocabulary) is {needed} on its card, but {there} here"
            )
        return encoder

    def tokenizer(self, card: Card) -> Tokenizer:
        """Return the tokenizer of the encoder.

        Raises:
            ModelError: the tokenizer is missing, or it differs from the tokenizer of the card.
        """
        try:
            tokenizer = tokenizers.load(self.source, self.revision)
        except OSError as error:  # raised by the client of the hub
            raise ModelError(f"{self.source}: its tokenizer cannot be loaded: {error}") from error
        if tokenizer.sha256 != card.base.tokenizer_sha256:
            raise ModelError(
                f"{card.id} was trained with another tokenizer than the tokenizer of {self.source}, so its tokens "
                "differ; give its own encoder with base"
            )
        return tokenizer


def folder_of(path: Path) -> Path:
    """Return the path of a package's folder.

    Raises:
        ModelError: the folder does not exist.
    """
    if not path.is_dir():
        raise ModelError(
            f"{path}: this folder does not exist; give the folder of a package, with its transfer_card.json"
        )
    return path


def refuse_strangers(cards: Sequence[Card]) -> None:
    """Refuse packages that do not share an encoder.

    Raises:
        ModelError: names the first package with another encoder.
    """
    first = cards[0]
    for other in cards[1:]:
        first_sums, other_sums = ((card.base.weights_sha256, card.base.tokenizer_sha256) for card in (first, other))
        if first_sums != other_sums:
            raise ModelError(
                f"{other.id} and {first.id} belong to different encoders ({other.base.name or 'a directory'} and "
                f"{first.base.name or 'a directory'}); load them separately"
            )


def precision_of(cards: Sequence[Card], given: Precision | None, device: str) -> Precision:
    """Return the precision of the encoder: the given one, or the precision on all cards.

    Raises:
        ModelError: the precision is unknown, the cards differ, or the device does not support it.
    """
    wanted = given or cards[0].precision
    known: Mapping[str, Precision] = {precision: precision for precision in get_args(Precision)}
    if wanted.lower() in NOT_OFFERED:
        raise ModelError(f"precision: {NOT_OFFERED[wanted.lower()]}")
    if wanted not in known:
        raise ModelError(f"precision: {wanted[:40]!r} is unknown; {nearest(wanted, known)}")
    for card in cards[1:] if given is None else ():
        if card.precision != wanted:
            raise ModelError(
                f"{cards[0].id} was trained in {wanted} and {card.id} in {card.precision}, but an encoder has a single "
                "precision; choose it with precision"
            )
    with computing(known[wanted], torch.device(device)):  # refused now, before the first rows
        return known[wanted]


def served_of(package: Package, encoder: Encoder) -> Served:
    """Return a package with all its weights loaded.

    Raises:
        ModelError: it has no head, or its weights are damaged or do not fit.
    """
    card, weights = package.card, package.head()
    if card.task is None or weights is None:
        raise ModelError(f"{card.id} has no head, so it cannot predict")
    head = build_head(card.task.kind, card.task.labels, encoder, 0.0)
    head.load_weights(weights, f"{package.folder}: its head")
    return Served(card, card.task, package.attachments(), head)


def computes_in(encoder: Encoder, precision: Precision) -> bool:
    """Return whether an encoder was loaded in a precision."""
    return (encoder.dtype, encoder.quantisation) == (dtype_of(precision, whole=False), quantisation_of(precision))


def prove(served: Served, encoder: Encoder, wanted: BaseEncoder) -> None:
    """Compare the outputs of an attached package, in float32 on the CPU, with its probe.

    Raises:
        ModelError: they differ; the message says whether the encoder or the package is the cause.
    """
    card = served.card
    difference = probe.largest_difference(card.probe, encoder, served.head)
    if difference <= card.probe.tolerance:
        return
    message = f"{card.id}: its probe gives numbers that differ by {difference:.2g} (at most {card.probe.tolerance:.0e})"
    if of_encoder(wanted.source, wanted.revision) != card.base.weights_sha256:
        raise ModelError(
            f"{message}: {wanted.source} is not the encoder of its training, "
            f"{card.base.name or 'a directory'}; give that encoder with base"
        )
    raise ModelError(
        f"{message}, on the encoder of its training: its outputs differ from its card; download the package again"
    )
