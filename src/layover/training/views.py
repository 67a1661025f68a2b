"""Batches of other views of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from layover.data.synonyms import read_dictionary
from layover.data.tokenizer import Tokenizer
from layover.data.views import Rewriter, RowView, SubwordSampling, Translation
from layover.errors import DataError, ModelError
from layover.identity import file_sha256
from layover.inference.collate import Batch
from layover.objectives import View


def rewriter_of(view: View, tokenizer: Tokenizer, longest: int) -> Rewriter:
    """Return what makes views of rows with at most `longest` tokens.

    Raises:
        ModelError: the tokenizer is of a kind that has no such view.
        DataError: the dictionary cannot be read, or has changed since the plan was made.
    """
    if view.alpha is not None:
        return Rewriter(tokenizer, SubwordSampling(tokenizer, view.alpha), view.share, longest)
    if view.dictionary is None:
        raise DataError("the dictionary of the objective has no place on this machine; plan the recipe again")
    table = read_dictionary(view.dictionary)
    if file_sha256(view.dictionary) != view.sha256:
        raise DataError(f"{view.dictionary}: the dictionary has changed since the plan was made; run again")
    return Rewriter(tokenizer, Translation(tokenizer, table), view.share, longest)


@dataclass(frozen=True, eq=False)
class Viewed:
    """The view of a batch."""

    batch: Batch
    places: Tensor
    """(B, T): the place of each token of the rows in the view; 0 on padding."""


def view_of(batch: Batch, rewriter: Rewriter | None, *, seed: int, step: int, pad: int) -> Viewed:
    """Return the view of a batch on the CPU; it has no targets.

    Args:
        batch: Rows on the CPU.
        rewriter: Makes views; None if the training has none.
        seed: Seed of the training.
        step: The optimizer step.
        pad: Padding token.

    Raises:
        ModelError: the training has no views.
    """
    if rewriter is None:
        raise ModelError("the objective reads views of rows, but the training was started without a tokenizer")
    lengths, numbers = batch.lengths.tolist(), batch.rows.tolist()
    ids = batch.ids.numpy().astype(np.int32)
    views = [
        rewriter.view(ids[index, :length], seed, step, number)
        for index, (length, number) in enumerate(zip(lengths, numbers, strict=True))
    ]
    longest = max(len(view.ids) for view in views)
    filled = np.full((len(views), longest), pad, np.int64)
    places = np.zeros(ids.shape, np.int64)
    for index, view in enumerate(views):
        filled[index, : len(view.ids)] = view.ids
        places[index, : len(view.places)] = view.places
    viewed = replace(
        batch,
        ids=torch.from_numpy(filled),
        lengths=torch.tensor([len(view.ids) for view in views]),
        segments=None if batch.segments is None else _segments(batch.segments, views, longest),
        targets={},
        states=None,
        layer=0,
    )
    return Viewed(viewed, torch.from_numpy(places))


def _segments(segments: Tensor, views: list[RowView], longest: int) -> Tensor:
    """Return the token types of views, (B, longest): each token has that of its origin."""
    filled = torch.zeros((len(views), longest), dtype=segments.dtype)
    for index, view in enumerate(views):
        filled[index, : len(view.ids)] = segments[index, torch.from_numpy(view.origins)]
    return filled
