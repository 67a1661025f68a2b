"""The probe of a package: fixed rows of tokens, and the outputs for them in float32 on the CPU."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

from layover.encoder.products import float32_products
from layover.packages.sections import Probe

if TYPE_CHECKING:
    from layover.encoder import Encoder
    from layover.heads import Head

LENGTHS = (6, 12, 12, 20)
"""Tokens of each row; two rows are equally long, so that a batch of them has no padding."""
SEEN = 8
"""Numbers kept from each hidden state."""
TOLERANCE = 2e-4
"""Tolerance for machines, which differ in the order of sums; another module, head or encoder differs far more."""

Rows = tuple[tuple[int, ...], ...]


def rows_for(frame: tuple[int, int], vocabulary: int, avoid: frozenset[int]) -> Rows:
    """Return rows of tokens, the same on every machine.

    Args:
        frame: The first and the last token of a row.
        vocabulary: Number of tokens of the encoder.
        avoid: Special tokens.
    """
    rows, count = [], 0
    for length in LENGTHS:
        row: list[int] = []
        while len(row) < length - 2:
            digest = hashlib.sha256(f"probe {count}".encode()).digest()
            token, count = int.from_bytes(digest[:6], "big") % vocabulary, count + 1
            if token not in avoid:
                row.append(token)
        rows.append((frame[0], *row, frame[1]))
    return tuple(rows)


def compute(encoder: Encoder, head: Head | None, rows: Rows) -> tuple[list[list[float]], list[float] | None]:
    """Return the first numbers of the last hidden state at the first token of each row, and all logits of the head.

    Args:
        encoder: In float32 on the CPU, with the attachments of the package.
        head: None for a package without a head.
        rows: Rows of the probe.
    """
    import numpy as np

    encoder.need(np.array([token for row in rows for token in row], np.int32))
    encoder.eval()
    hidden, outputs = [], []
    with float32_products(), torch.inference_mode():
        for row in rows:
            ids, lengths = torch.tensor([row]), torch.tensor([len(row)])
            states = encoder(ids, lengths).float()
            hidden.append(states[0, 0, :SEEN].tolist())
            if head is not None:
                outputs += head.eval()(states, lengths).flatten().tolist()
    return hidden, None if head is None else outputs


def make(encoder: Encoder, head: Head | None, rows: Rows) -> Probe:
    """Return the probe of the attached package; see `compute`."""
    hidden, outputs = compute(encoder, head, rows)
    named = None if outputs is None else {"logits": tuple(outputs)}
    return Probe(rows=rows, hidden=tuple(map(tuple, hidden)), outputs=named, tolerance=TOLERANCE)


def largest_difference(probe: Probe, encoder: Encoder, head: Head | None) -> float:
    """Return the largest difference between a probe and the current outputs; infinite if the sizes differ."""
    hidden, outputs = compute(encoder, head, probe.rows)
    then = [number for row in probe.hidden for number in row]
    now = [number for row in hidden for number in row]
    if (outputs is None) != (probe.outputs is None):
        return float("inf")
    if outputs is not None and probe.outputs is not None:
        then += probe.outputs["logits"]
        now += outputs
    if len(then) != len(now):
        return float("inf")
    difference = (torch.tensor(then, dtype=torch.float64) - torch.tensor(now, dtype=torch.float64)).abs().max()
    return float(difference) if bool(difference.isfinite()) else float("inf")
