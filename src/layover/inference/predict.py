"""Prediction: all rows in one pass from long to short; outputs are in the order of the features."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from layover.data.features import Array, Features
from layover.encoder import Encoder, MixingWeights, autocast, is_mixed
from layover.errors import ModelError
from layover.execution import Execution
from layover.heads import Head, MeanPooling
from layover.inference.collate import Batch, tokens_of
from layover.inference.hidden_states import HiddenStates
from layover.inference.machine import here
from layover.inference.order import Index
from layover.inference.outputs import OrderedOutputs, Outputs
from layover.inference.passes import BatchedPass, evaluating
from layover.numerics import Precision
from layover.objectives import Place


def predict(
    encoder: Encoder,
    head: Head,
    features: Features,
    *,
    execution: Execution,
    precision: Precision = "fp32",
    progress: Callable[[int, int], None] | None = None,
    shares: MixingWeights | None = None,
    states: HiddenStates | None = None,
    certainty: bool = False,
) -> Outputs:
    """Return the outputs of the head for every row, in the order of the features; equal rows are computed once.

    Args:
        encoder: Set to eval mode during the prediction, as is the head.
        head: Head of the kind for which the features were encoded.
        features: Rows of one or of several languages.
        execution: Device and tokens at a time; outputs differ by rounding only.
        precision: `bf16` runs under autocast; outputs are still float32.
        progress: Called with the number of finished rows and of all rows to compute.
        shares: Filled with the mixing weights of the encoder's mix, if it has one.
        states: Cached hidden states of the features' tokens, with which the encoder starts.
        certainty: Whether to add the certainty of the head if its outputs lack it, see `Head.certainty`.

    Returns:
        Output name -> array with one value per row, or one per token: `logits` (rows, labels) float32, `tags`
        (tokens,) int16, `start` and `end` (tokens,) float32, `score` (rows,) float32, `nats` (rows,) float32,
        `masked` and `correct` (rows,) int64; with `certainty` of tags `probability` (tokens,) float32.

    Raises:
        DataError: there are no rows.
        NodeError: a single row does not fit into memory.
    """
    mixed = is_mixed(precision, encoder.dtype, encoder.quantisation)
    # mixing weights are reported for all rows
    first = np.arange(features.rows) if encoder.mixes else features.first_equal
    outputs = OrderedOutputs(features, first)

    def read(batch: Batch) -> Mapping[str, Tensor]:
        with autocast(batch.ids.device, mixed=mixed):
            logits = head(last_hidden(encoder, head, batch), batch.lengths, batch.targets)
        answers = head.outputs(logits, batch.lengths, batch.targets)
        return {**answers, **head.certainty(logits, batch.lengths)} if certainty else answers

    with evaluating(head):
        head.to(here(execution).device)
        only = np.unique(first)
        BatchedPass(encoder, features, read, outputs.add, execution, precision, only, states, shares, progress).run()
    return outputs.finished()


def embed(
    encoder: Encoder,
    pooling: MeanPooling,
    features: Features,
    into: Array,
    *,
    execution: Execution,
    precision: Precision = "fp32",
    shares: MixingWeights | None = None,
    only: Index | None = None,
) -> None:
    """Write the embedding of every row after each layer of the pooling, in one pass.

    Args:
        encoder: See `predict`; this also applies to the other arguments.
        pooling: The layers, and the tokens that count.
        features: Rows of one or of several languages.
        into: Array to fill, (layers, rows, H) float32; in memory or on the disk.
        execution: Device and tokens at a time.
        precision: `bf16` runs under autocast.
        shares: See `predict`.
        only: Rows to embed; None: all rows.

    Raises:
        DataError: there are no rows.
        NodeError: a single row does not fit into memory.
    """
    mixed = is_mixed(precision, encoder.dtype, encoder.quantisation)

    def read(batch: Batch) -> Mapping[str, Tensor]:
        with autocast(batch.ids.device, mixed=mixed):
            states = encoder.after(pooling.layers, batch.ids, batch.lengths, batch.segments)
            return {"embeddings": torch.stack([pooling(hidden, batch.lengths) for hidden in states])}

    def keep(rows: Index, results: Mapping[str, Tensor]) -> None:
        into[:, rows] = results["embeddings"].numpy()

    BatchedPass(encoder, features, read, keep, execution, precision, only, shares=shares).run()


def keep_states(
    encoder: Encoder, features: Features, into: HiddenStates, *, execution: Execution, precision: Precision
) -> None:
    """Write the hidden states of every token that enter a layer; attachments of the encoder have no effect on them.

    Args:
        encoder: Encoder without attachments below this layer.
        features: Rows of one or of several languages.
        into: Cache to fill.
        execution: Device and tokens at a time.
        precision: Precision of the encoder.

    Raises:
        DataError: there are no rows.
        NodeError: a single row does not fit into memory.
        ModelError: an attachment changes the layers below.
    """

    def read(batch: Batch) -> Mapping[str, Tensor]:
        return {"states": encoder.below(into.layer, batch.ids, batch.lengths, batch.segments)[0]}

    def keep(rows: Index, results: Mapping[str, Tensor]) -> None:
        into.put(tokens_of(features, rows), results["states"])

    BatchedPass(encoder, features, read, keep, execution, precision).run()


def last_hidden(
    encoder: Encoder,
    head: Head,
    batch: Batch,
    perturbation: Tensor | None = None,
    at: Place = "embeddings",
) -> Tensor:
    """Return the input of a head for a batch, (B, T, H) or (B, 1, H) float32.

    Args:
        encoder: Encoder with its attachments.
        head: Head; its `first_only` says whether it reads only first tokens.
        batch: Tokens, or cached hidden states.
        perturbation: (B, T, H).
        at: Where it is added; see `Encoder.forward`.

    Raises:
        ModelError: there are a perturbation of the embeddings and cached hidden states; with the latter no embeddings
            run.
    """
    if batch.states is not None:
        if perturbation is not None and at == "embeddings":
            raise ModelError(
                f"word embeddings cannot be perturbed if the hidden states that enter layer {batch.layer} are read "
                "from the cache, because the embeddings do not run; disable the cache with run.hidden_state_cache: 0"
            )
        states = encoder.top(batch.states, batch.lengths, batch.layer, first=head.first_only, perturbation=perturbation)
        return states.float()
    hidden: Tensor = encoder(
        batch.ids, batch.lengths, batch.segments, first=head.first_only, perturbation=perturbation, at=at
    )
    return hidden.float()
