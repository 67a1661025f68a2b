"""Prediction: all rows in one pass from long to short; outputs are in the order of the features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from layover.data.features import Array, Features
from layover.encoder import Encoder, MixingWeights, autocast, computing, is_mixed
from layover.errors import DataError, ModelError, NodeError
from layover.execution import Execution
from layover.heads import Head, MeanPooling
from layover.inference.collate import Batch, collate_rows, tokens_of
from layover.inference.hidden_states import HiddenStates
from layover.inference.machine import here, is_out_of_memory, on_machine
from layover.inference.order import Index, offsets_of, prediction_batches
from layover.memory import most_tokens
from layover.numerics import Precision

Outputs = dict[str, Array]
T = TypeVar("T")


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
    execution, mixed = here(execution), is_mixed(precision, encoder.dtype, encoder.quantisation)
    order: list[Index] = []
    pieces: list[dict[str, Tensor]] = []

    def read(batch: Batch) -> dict[str, Tensor]:
        with encoder.watch.into(shares):
            with autocast(batch.ids.device, mixed=mixed):
                logits = head(last_hidden(encoder, head, batch), batch.lengths, batch.targets)
            outputs = head.outputs(logits, batch.lengths, batch.targets)
            return {**outputs, **head.certainty(logits, batch.lengths)} if certainty else outputs

    def keep(rows: Index, outputs: dict[str, Tensor]) -> None:
        order.append(rows)
        pieces.append(outputs)

    # mixing weights are reported for all rows
    first = np.arange(features.rows) if encoder.mixes else features.first_equal
    with _evaluating(head):
        head.to(execution.device)
        only = np.unique(first)
        _every_row(encoder, features, read, keep, execution, precision, progress, only, states)
    return _in_order(features, np.concatenate(order), pieces, first)


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

    def read(batch: Batch) -> Tensor:
        with autocast(batch.ids.device, mixed=mixed), encoder.watch.into(shares):
            states = encoder.after(pooling.layers, batch.ids, batch.lengths, batch.segments)
            return torch.stack([pooling(hidden, batch.lengths) for hidden in states]).cpu()

    def keep(rows: Index, embeddings: Tensor) -> None:
        into[:, rows] = embeddings.numpy()

    _every_row(encoder, features, read, keep, execution, precision, None, only)


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

    def read(batch: Batch) -> Tensor:
        return encoder.below(into.layer, batch.ids, batch.lengths, batch.segments)[0].cpu()

    def keep(rows: Index, states: Tensor) -> None:
        into.put(tokens_of(features, rows), states)

    _every_row(encoder, features, read, keep, execution, precision, None)


def padding_id(encoder: Encoder) -> int:
    """Return the padding token; XLM-R counts positions by it, so it must be the right token."""
    padding = encoder.model.config.pad_token_id
    return 0 if padding is None else padding


def last_hidden(encoder: Encoder, head: Head, batch: Batch, perturbation: Tensor | None = None) -> Tensor:
    """Return the input of a head for a batch, (B, T, H) or (B, 1, H) float32.

    Args:
        encoder: Encoder with its attachments.
        head: Head; its `first_only` says whether it reads only first tokens.
        batch: Tokens, or cached hidden states.
        perturbation: (B, T, H), added to the word embeddings.

    Raises:
        ModelError: there are a perturbation and cached hidden states; with the latter no embeddings run.
    """
    if batch.states is not None:
        if perturbation is not None:
            raise ModelError(
                f"word embeddings cannot be perturbed if the hidden states that enter layer {batch.layer} are read "
                "from the cache, because the embeddings do not run; disable the cache with run.hidden_state_cache: 0"
            )
        return encoder.top(batch.states, batch.lengths, batch.layer, first=head.first_only).float()
    hidden: Tensor = encoder(batch.ids, batch.lengths, batch.segments, first=head.first_only, perturbation=perturbation)
    return hidden.float()


def _every_row(
    encoder: Encoder,
    features: Features,
    read: Callable[[Batch], T],
    keep: Callable[[Index, T], None],
    execution: Execution,
    precision: Precision,
    progress: Callable[[int, int], None] | None,
    only: Index | None = None,
    states: HiddenStates | None = None,
) -> None:
    """Pass rows in batches, from long to short, to `read`, and its results to `keep`."""
    if not features.rows:
        raise DataError("there is nothing to predict: the features have no rows")
    device = torch.device(here(execution).device)
    if states is None:
        encoder.need(features.arrays["ids"])
    # weights are moved before inference mode begins: weights that move inside it can never train again
    encoder.to(device)
    with on_machine(execution), computing(precision, device), _evaluating(encoder), torch.inference_mode():
        most = execution.micro_batch_tokens or most_tokens(device.type, trains=False)
        waiting = prediction_batches(features, max_tokens=most, only=only)[::-1]
        done = 0
        while waiting:
            rows = waiting.pop()
            result = _try(read, collate_rows(features, rows, pad=padding_id(encoder), states=states), device)
            if result is None:
                waiting += _halves(features, rows, device)
                continue
            keep(rows, result)
            done += len(rows)
            if progress is not None:
                progress(done, features.rows if only is None else len(only))


def _try(read: Callable[[Batch], T], batch: Batch, device: torch.device) -> T | None:
    """Return the result of `read`, or None if the batch does not fit into memory."""
    try:
        return read(batch.to(device))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    before = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(before)


def _halves(features: Features, rows: Index, device: torch.device) -> list[Index]:
    if len(rows) == 1:
        raise NodeError(
            f"prediction: row {rows[0]} alone ({features.length(int(rows[0]))} tokens) does not fit into the memory "
            f"of {device}; lower max_length or use another device"
        )
    if device.type == "cuda":
        torch.cuda.empty_cache()
    middle = len(rows) // 2
    return [rows[middle:], rows[:middle]]


def _in_order(features: Features, rows: Index, pieces: list[dict[str, Tensor]], first: Index) -> Outputs:
    """Return outputs in the order of the features; they come in the order of `rows`, `first` maps equal rows."""
    tokens = tokens_of(features, rows)
    copies = np.flatnonzero(first != np.arange(features.rows))
    sizes = {len(rows): features.rows, len(tokens): int(offsets_of(features)[-1])}
    outputs = {}
    for name in pieces[0]:
        values = torch.cat([piece[name] for piece in pieces]).numpy()
        # a row has at least two tokens, its first and its last special one, so the sizes differ
        if len(values) not in sizes:
            raise ModelError(
                f"the head's output {name!r} has {len(values)} values for {len(rows)} rows of {len(tokens)} tokens"
            )
        ordered = outputs[name] = np.empty((sizes[len(values)], *values.shape[1:]), values.dtype)
        by_row = len(values) == len(rows)
        ordered[rows if by_row else tokens] = values
        ordered[copies if by_row else tokens_of(features, copies)] = ordered[
            first[copies] if by_row else tokens_of(features, first[copies])
        ]
    return outputs
