"""The operations that a pass through an encoder with attachments cannot do without: products of real tokens only.

A product of (n, i) with (i, o) has `2 n i o` operations. Everything else counts nothing: norms, activations, softmax,
copies, the optimizer. Backward, a product counts again for each of its two factors that needs a gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from layover.compositions import AttachedModule, Attachment, Mix
from layover.mixers import Mixer
from layover.modules import EMBEDDINGS, LINEARS, Module, Site
from layover.shape import Shape

ORDER = {
    EMBEDDINGS: -1,
    "query": 0,
    "key": 0,
    "value": 0,
    "attention_output": 1,
    "attention": 2,
    "intermediate": 3,
    "inner": 4,
    "output": 5,
    "feedforward": 6,
}
"""The places of a layer in the order of their use."""


@dataclass(frozen=True)
class Batch:
    """Tokens, sums over rows of one pass; several passes add up."""

    rows: float
    tokens: float
    pairs: float
    """Sum of the squared lengths."""

    @classmethod
    def of(cls, lengths: npt.NDArray[np.integer], passes: float = 1.0) -> Batch:
        """Return the sums over rows of these lengths, each passed so often."""
        exact = lengths.astype(np.float64)
        return cls(passes * len(exact), passes * float(exact.sum()), passes * float((exact**2).sum()))


@dataclass(frozen=True)
class _Acting:
    """A module or a mixer at a site, as products of the tokens with matrices, one after the other."""

    layer: int
    place: str
    numbers: tuple[int, ...]
    """Numbers of each matrix."""
    trains: bool
    between: int = 0
    """Numbers per token of products between the hidden states of a token, as of scores with values."""


def forward(
    attachments: Sequence[Attachment],
    shape: Shape,
    batch: Batch,
    *,
    first_only: bool = False,
    layers: int | None = None,
) -> float:
    """Return the operations of a forward pass.

    Args:
        attachments: Modules on the encoder; folds cost nothing.
        shape: Sizes of the encoder.
        batch: Sums over the rows.
        first_only: Whether the head reads the first token of each row only, so that the last layer computes only it.
        layers: The number of layers that run; None runs all.
    """
    acting, run = _acting(attachments, shape), shape.layers if layers is None else layers
    return sum(_forward(acting, layer, shape, batch, first_only and layer == shape.layers - 1) for layer in range(run))


def training(attachments: Sequence[Attachment], shape: Shape, batch: Batch, *, first_only: bool = False) -> float:
    """Return the operations of forward and backward passes; the arguments are as in `forward`."""
    return forward(attachments, shape, batch, first_only=first_only) + backward(
        attachments, shape, batch, first_only=first_only
    )


def backward(attachments: Sequence[Attachment], shape: Shape, batch: Batch, *, first_only: bool = False) -> float:
    """Return the operations of a backward pass; the arguments are as in `forward`."""
    acting, whole = _acting(attachments, shape), is_whole(attachments)
    trained = [each.layer for each in acting if each.trains]
    lowest = 0 if whole else min(trained, default=shape.layers)
    return sum(
        _backward(acting, layer, shape, batch, first_only and layer == shape.layers - 1, whole, whole or layer > lowest)
        for layer in range(lowest, shape.layers)
    )


def is_whole(attachments: Sequence[Attachment]) -> bool:
    """Return whether all weights of the encoder train."""
    return any(each.module.whole and each.trainable for each in attachments if isinstance(each, AttachedModule))


def _acting(attachments: Sequence[Attachment], shape: Shape) -> list[_Acting]:
    acting: list[_Acting] = []
    for attachment in attachments:
        if isinstance(attachment, AttachedModule):
            acting += _of_module(attachment.module, attachment.trainable, shape)
        elif isinstance(attachment, Mix):
            for member in attachment.members:
                acting += _of_module(member.module, member.trainable, shape)
            sites = attachment.members[0].module.sites(shape)
            count = len(attachment.members)
            acting += [_of_mixer(attachment.mixer, site, count, trains=attachment.trainable) for site in sites]
    return acting


def _of_module(module: Module, trains: bool, shape: Shape) -> list[_Acting]:
    if module.whole:
        return []
    return [
        _Acting(site.layer, site.place, _matrices(module.weights(site).values()), trains)
        for site in module.sites(shape)
    ]


def _of_mixer(mixer: Mixer, site: Site, count: int, *, trains: bool) -> _Acting:
    """Return a mixer of `count` modules: each of its matrices once, scores of each module, and a sum of all."""
    numbers = _matrices(mixer.weights(site, count).values())
    return _Acting(site.layer, site.place, numbers, trains, between=2 * count * site.outputs)


def _matrices(sizes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(prod(size) for size in sizes if len(size) == 2)


def _tokens(place: str, batch: Batch, first: bool) -> float:
    """Return the tokens that a place of a layer computes."""
    return batch.rows if first and place not in {"key", "value"} else batch.tokens


def _pairs(batch: Batch, first: bool) -> float:
    return batch.tokens if first else batch.pairs


def _frozen(shape: Shape) -> dict[str, int]:
    sizes = {"hidden": shape.hidden, "intermediate": shape.intermediate}
    return {name: sizes[inputs] * sizes[outputs] for name, (inputs, outputs) in LINEARS.items()}


def _forward(acting: Sequence[_Acting], layer: int, shape: Shape, batch: Batch, first: bool) -> float:
    total = 2 * 2 * _pairs(batch, first) * shape.hidden  # scores, and sums of values
    total += sum(2 * _tokens(place, batch, first) * numbers for place, numbers in _frozen(shape).items())
    for each in acting:
        if each.layer == layer:
            total += 2 * _tokens(each.place, batch, first) * (sum(each.numbers) + each.between)
    return total


def _backward(
    acting: Sequence[_Acting], layer: int, shape: Shape, batch: Batch, first: bool, whole: bool, below: bool
) -> float:
    here = [each for each in acting if each.layer == layer]

    def needed(place: str) -> bool:
        """Return whether the input of a place needs a gradient."""
        return below or any(each.trains and ORDER[each.place] < ORDER[place] for each in here)

    def trained(place: str) -> bool:
        return below or any(each.trains and each.place == place for each in here)

    total = 0.0
    for place, numbers in _frozen(shape).items():
        factors = needed(place) + whole
        total += factors * 2 * _tokens(place, batch, first) * numbers
    # of scores to query and key, of the sums to values, and of both to the scores
    query, key, value = (trained(place) for place in ("query", "key", "value"))
    total += (query + key + value + (query or key)) * 2 * _pairs(batch, first) * shape.hidden
    for each in here:
        before = needed(each.place)
        tokens = _tokens(each.place, batch, first)
        inputs = sum(numbers for index, numbers in enumerate(each.numbers) if before or (each.trains and index > 0))
        weights = sum(each.numbers) if each.trains else 0
        between = each.between * (before + each.trains)
        total += 2 * tokens * (inputs + weights + between)
    return total
