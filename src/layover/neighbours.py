"""Exact nearest neighbours by matrix products, block by block: no index, and memory with a bound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layover.batches import Execution, on_machine
from layover.errors import DataError
from layover.kinds._matching import NEIGHBOURS, Neighbours

QUERIES, BASE = 1024, 16384
"""Rows of a block on each side: 64 MiB of similarities."""


def both_ways(
    left: npt.NDArray[np.float32],
    right: npt.NDArray[np.float32],
    *,
    execution: Execution,
    k: int = NEIGHBOURS,
    blocks: tuple[int, int] = (QUERIES, BASE),
) -> tuple[Neighbours, Neighbours]:
    """Return the nearest rows of `right` for each of `left`, by cosine, and the other way round.

    Args:
        left: Embeddings, (n, H).
        right: Embeddings, (m, H).
        execution: The device.
        k: So many neighbours, or all there are.
        blocks: Rows of a block of queries, and of what is searched; the result differs by rounding only.

    Raises:
        DataError: an embedding has no direction, so it has no cosine.
    """
    with on_machine(execution) as device, torch.inference_mode():
        one, two = _directions(left), _directions(right)
        return _nearest(one, two, k, device, blocks), _nearest(two, one, k, device, blocks)


def _directions(rows: npt.NDArray[np.float32]) -> Tensor:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not bool((lengths > 0).all()):
        raise DataError("an embedding is zero in every place, so it is near to nothing: is it the right layer?")
    return torch.from_numpy(np.ascontiguousarray(rows / lengths, np.float32))


def _nearest(queries: Tensor, base: Tensor, k: int, device: torch.device, blocks: tuple[int, int]) -> Neighbours:
    starts = range(0, len(queries), blocks[0])
    found = [_of_block(queries[start : start + blocks[0]].to(device), base, k, device, blocks[1]) for start in starts]
    similarity, index = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Neighbours(similarity.numpy(), index.numpy())


def _of_block(queries: Tensor, base: Tensor, k: int, device: torch.device, rows: int) -> tuple[Tensor, Tensor]:
    """Return similarities and indices, (queries, k), of some queries."""
    kept = min(k, len(base))
    best = torch.empty(len(queries), 0, device=device)
    index = torch.empty(len(queries), 0, dtype=torch.int64, device=device)
    for start in range(0, len(base), rows):
        similarity, position = _top(queries @ base[start : start + rows].to(device).T, kept)
        # what was found before stands first, so of equal ones the earlier row stays
        best, chosen = _top(torch.cat([best, similarity], 1), kept)
        index = torch.cat([index, position + start], 1).gather(1, chosen)
    return best.cpu(), index.cpu()


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k highest scores of each row and where they stand; of equal ones the first, which topk leaves open."""
    scores, values, places = scores.clone(), [], []
    everyone = torch.arange(len(scores), device=scores.device)
    for _ in range(min(k, scores.shape[1])):
        value, place = scores.max(dim=1)
        values.append(value)
        places.append(place)
        scores[everyone, place] = -torch.inf
    return torch.stack(values, 1), torch.stack(places, 1)
