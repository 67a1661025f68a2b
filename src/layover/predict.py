"""Prediction: all rows in one pass from long to short, and back into the order of the features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from layover.batches import Execution, collate_rows, is_out_of_memory, on_machine, prediction_batches
from layover.batches.order import Index, offsets_of
from layover.data.features import Array, Features
from layover.encoder import Encoder
from layover.errors import DataError, ModelError, NodeError
from layover.heads import Head, MeanPooling

MICRO_TOKENS = {"cpu": 2048}
"""Padded tokens at once; on a CPU more falls out of its caches."""
ACCELERATOR_TOKENS = 32768

Outputs = dict[str, Array]


def predict(
    encoder: Encoder,
    head: Head | MeanPooling,
    features: Features,
    *,
    execution: Execution,
    precision: Literal["fp32", "bf16"] = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> Outputs:
    """Return what the head says of every row, in the order of the features.

    Args:
        encoder: Put into eval mode for the while, as is the head.
        head: Of the kind that the features were encoded for; or what pools rows into embeddings.
        features: Rows of one or of several languages.
        execution: Device and tokens at a time; outputs differ by rounding only.
        precision: `bf16` runs under autocast; outputs are float32 all the same.
        progress: Called with the rows done and all rows.

    Returns:
        By output name an array with one value per row, or one per token: `logits` (rows, labels) float32, `tags`
        (tokens,) int16, `start` and `end` (tokens,) float32, `score` (rows,) float32, `nats` (rows,) float32,
        `masked` and `correct` (rows,) int64, `embedding` (rows, H) float32.

    Raises:
        DataError: there are no rows.
        NodeError: a single row does not fit into memory.
    """
    if not features.rows:
        raise DataError("nothing to predict: the features have no rows")
    with on_machine(execution) as device, _evaluating(encoder, head), torch.inference_mode():
        encoder.to(device)
        head.to(device)
        most = execution.micro_tokens or MICRO_TOKENS.get(device.type, ACCELERATOR_TOKENS)
        waiting = prediction_batches(features, max_tokens=most)[::-1]
        order: list[Index] = []
        pieces: list[dict[str, Tensor]] = []
        done = 0
        while waiting:
            rows = waiting.pop()
            found = _try(encoder, head, features, rows, device, precision)
            if found is None:
                waiting += _halves(features, rows, device)
                continue
            order.append(rows)
            pieces.append(found)
            done += len(rows)
            if progress is not None:
                progress(done, features.rows)
    return _in_order(features, np.concatenate(order), pieces)


def padding_id(encoder: Encoder) -> int:
    """Return the token that stands where nothing is; XLM-R counts positions by it, so it matters which one."""
    padding = encoder.model.config.pad_token_id
    return 0 if padding is None else padding


@contextmanager
def _evaluating(encoder: Encoder, head: Head | MeanPooling) -> Iterator[None]:
    before = encoder.training, head.training
    encoder.eval()
    head.eval()
    try:
        yield
    finally:
        encoder.train(before[0])
        head.train(before[1])


def _try(
    encoder: Encoder, head: Head | MeanPooling, features: Features, rows: Index, device: torch.device, precision: str
) -> dict[str, Tensor] | None:
    """Return the outputs of some rows, or None when they do not fit into memory together."""
    try:
        batch = collate_rows(features, rows, pad=padding_id(encoder)).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            hidden = encoder(batch.ids, batch.lengths, batch.segments, layers=head.layers)
            logits = head(hidden, batch.lengths, batch.targets)
        return head.outputs(logits, batch.lengths, batch.targets)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


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


def _in_order(features: Features, rows: Index, pieces: list[dict[str, Tensor]]) -> Outputs:
    """Put outputs, which lie in the order of `rows`, into the order of the features."""
    starts, lengths = offsets_of(features)[rows], features.lengths[rows]
    before = np.cumsum(lengths) - lengths
    tokens = np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
    outputs = {}
    for name in pieces[0]:
        values = torch.cat([piece[name] for piece in pieces]).numpy()
        # a row has at least two tokens, its first and its last special one, so the sizes differ
        places = {len(rows): rows, len(tokens): tokens}.get(len(values))
        if places is None:
            raise ModelError(
                f"the head's output {name!r} has {len(values)} values for {len(rows)} rows of {len(tokens)} tokens"
            )
        outputs[name] = np.empty_like(values)
        outputs[name][places] = values
    return outputs
