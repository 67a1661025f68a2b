"""What packages need to predict: the one encoder that they share, its tokenizer, and the proof that they are theirs."""

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
from layover.numerics import Precision, quantisation_of
from layover.packages.card import Card
from layover.packages.package import Package
from layover.packages.sections import TaskFacts
from layover.plan import tokenizers


@dataclass(frozen=True, eq=False)
class Served:
    """A package, ready to act on the encoder."""

    card: Card
    task: TaskFacts
    attachments: Sequence[Attachment]
    head: Head

    def act(self, encoder: Encoder) -> None:
        """Let it act on the encoder in place of what did."""
        encoder.attach(self.attachments)
        encoder.drop(AdapterDrop(predict=self.card.skipped_layers))


@dataclass(frozen=True)
class BaseEncoder:
    """The encoder that packages are put on."""

    source: str
    revision: str | None

    def load(self, precision: Precision, card: Card) -> Encoder:
        """Return it, to compute in the numbers of a precision.

        Raises:
            ModelError: it cannot be loaded, or has other sizes than the encoder of the card.
        """
        if Path(self.source).is_dir():
            config_file(self.source, None)  # transformers would tell of a hundred other models
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
                f"{card.id}: belongs to an encoder of another size than {self.source}: (type, layers, hidden, "
                f"intermediate, vocabulary) is {needed} on its card, and {there} here"
            )
        return encoder

    def tokenizer(self, card: Card) -> Tokenizer:
        """Return its tokenizer.

        Raises:
            ModelError: there is none, or it is another than that of the card.
        """
        try:
            found = tokenizers.load(self.source, self.revision)
        except OSError as error:  # of the hub's client
            raise ModelError(f"{self.source}: its tokenizer cannot be had: {error}") from error
        if found.sha256 != card.base.tokenizer_sha256:
            raise ModelError(
                f"{card.id}: was trained with another tokenizer than the one of {self.source}, and would read other "
                "tokens; name its own encoder with base"
            )
        return found


def folder_of(path: Path) -> Path:
    """Return the path of a package's folder.

    Raises:
        ModelError: there is no folder.
    """
    if not path.is_dir():
        raise ModelError(f"{path}: there is no such folder; a package is one, with a transfer_card.json in it")
    return path


def refuse_strangers(cards: Sequence[Card]) -> None:
    """Refuse packages that do not share an encoder.

    Raises:
        ModelError: names the first that belongs to another one.
    """
    first = cards[0]
    for other in cards[1:]:
        one, two = ((card.base.weights_sha256, card.base.tokenizer_sha256) for card in (first, other))
        if one != two:
            raise ModelError(
                f"{other.id} and {first.id} belong to different encoders ({other.base.name or 'a directory'} and "
                f"{first.base.name or 'a directory'}); load them apart"
            )


def precision_of(cards: Sequence[Card], given: Precision | None, device: str) -> Precision:
    """Return in which numbers the encoder computes: as given, or as all cards say.

    Raises:
        ModelError: there are no such numbers, the cards say different things, or the device cannot compute so.
    """
    wanted = given or cards[0].precision
    known: Mapping[str, Precision] = {one: one for one in get_args(Precision)}
    if wanted not in known:
        raise ModelError(f"precision: there is no {wanted[:40]!r}; {nearest(wanted, known)}")
    for card in cards[1:] if given is None else ():
        if card.precision != wanted:
            raise ModelError(
                f"{cards[0].id} was trained in {wanted} and {card.id} in {card.precision}, and one encoder computes in "
                "one of them; name it with precision"
            )
    with computing(known[wanted], torch.device(device)):  # refused now, and not with the first rows
        return known[wanted]


def served_of(package: Package, encoder: Encoder) -> Served:
    """Return a package with all its weights read.

    Raises:
        ModelError: it has no head, or its weights are damaged or do not fit.
    """
    card, weights = package.card, package.head()
    if card.task is None or weights is None:
        raise ModelError(f"{card.id}: has no head, so there is nothing to predict")
    head = build_head(card.task.kind, card.task.labels, encoder, 0.0)
    head.load_weights(weights, f"{package.folder}: its head")
    return Served(card, card.task, package.attachments(), head)


def computes_in(encoder: Encoder, precision: Precision) -> bool:
    """Return whether an encoder was loaded as a precision asks."""
    return (encoder.dtype, encoder.quantisation) == (dtype_of(precision, whole=False), quantisation_of(precision))


def prove(served: Served, encoder: Encoder, wanted: BaseEncoder) -> None:
    """Compare what a package computes, acting on an encoder in float32 on the CPU, with its probe.

    Raises:
        ModelError: they differ; says whether the encoder or the package is another.
    """
    card = served.card
    difference = probe.largest_difference(card.probe, encoder, served.head)
    if difference <= card.probe.tolerance:
        return
    told = f"{card.id}: its probe gives numbers that differ by {difference:.2g} (at most {card.probe.tolerance:.0e})"
    if of_encoder(wanted.source, wanted.revision) != card.base.weights_sha256:
        raise ModelError(
            f"{told}: {wanted.source} is another encoder than the one it was trained on, "
            f"{card.base.name or 'a directory'}; name that one with base"
        )
    raise ModelError(f"{told}, on the encoder it was trained on: it does not compute what its card says; fetch it anew")
