"""Exact nearest neighbours by matrix products, block by block: no index, and memory with a bound.

A block of products serves both directions. The k highest of a row lie in the k groups of columns with the highest
maxima: one pass finds the maxima, and only those groups are looked into.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layover.errors import DataError
from layover.execution import Execution
from layover.inference.machine import on_machine
from layover.kinds._matching import NEIGHBOURS, Neighbours

SIDE = 2048
"""Rows of a block on each side: 16 MiB of similarities, which a processor's cache holds."""
GROUP = 32
"""Columns of a group."""


def both_ways(
    left: npt.NDArray[np.float32],
    right: npt.NDArray[np.float32],
    *,
    execution: Execution,
    k: int = NEIGHBOURS,
    side: int = SIDE,
) -> tuple[Neighbours, Neighbours]:
    """Return the nearest rows of `right` for each of `left`, by cosine, and the other way round.

    Of equally near ones the earlier row stands first. Beside what comes in and goes out, memory holds a copy of both
    sides and a few blocks.

    Args:
        left: Embeddings, (n, H).
        right: Embeddings, (m, H).
        execution: The device.
        k: So many neighbours, or all there are.
        side: Rows of a block on each side; the result differs by rounding only.

    Raises:
        DataError: an embedding has no direction, so it has no cosine.
    """
    with on_machine(execution) as device, torch.inference_mode():
        left_side, right_side = _directions(left), _directions(right)
        forward = _Nearest(len(left_side), min(k, len(right_side)), device)
        backward = _Nearest(len(right_side), min(k, len(left_side)), device)
        for i in range(0, len(left_side), side):
            queries = left_side[i : i + side].to(device)
            for j in range(0, len(right_side), side):
                products = queries @ right_side[j : j + side].to(device).T
                forward.offer(products, i, j)
                backward.offer(products.T.contiguous(), j, i)
        return forward.neighbours(), backward.neighbours()


def _directions(rows: npt.NDArray[np.float32]) -> Tensor:
    values = torch.from_numpy(np.ascontiguousarray(rows, np.float32))
    lengths = torch.linalg.vector_norm(values, dim=1, keepdim=True)
    if not bool((lengths > 0).all()):
        raise DataError("an embedding is zero in every place, so it is near to nothing: is it the right layer?")
    directions: Tensor = values / lengths
    return directions


class _Nearest:
    """The nearest ones that each query has been offered so far."""

    def __init__(self, queries: int, k: int, device: torch.device) -> None:
        self.k = k
        self.similarity = torch.full((queries, k), -torch.inf, device=device)
        self.index = torch.zeros(queries, k, dtype=torch.int64, device=device)

    def offer(self, products: Tensor, query: int, candidate: int) -> None:
        """Take note of the products, (queries, candidates), of queries and candidates that begin at these rows."""
        rows = slice(query, query + len(products))
        value, place = _top(products, self.k)
        # what was offered before stands first, so of equal ones the earlier row stays
        self.similarity[rows], chosen = _highest(torch.cat([self.similarity[rows], value], 1), self.k)
        self.index[rows] = torch.cat([self.index[rows], place + candidate], 1).gather(1, chosen)

    def neighbours(self) -> Neighbours:
        return Neighbours(self.similarity.cpu().numpy(), self.index.cpu().numpy())


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k highest scores of each row and where they stand; of equal ones the first."""
    count = scores.shape[1] // GROUP
    if count <= k:
        return _highest(scores, k)
    maxima = scores[:, : count * GROUP].reshape(-1, count, GROUP).amax(2)
    groups = _highest(maxima, k)[1].sort(1).values
    columns = torch.arange(scores.shape[1], device=scores.device)
    inside = (groups[:, :, None] * GROUP + columns[:GROUP]).flatten(1)
    # the columns that fill no group come last, as they stand
    looked_into = torch.cat([inside, columns[count * GROUP :].expand(len(scores), -1)], 1)
    value, chosen = _highest(scores.gather(1, looked_into), k)
    return value, looked_into.gather(1, chosen)


def _highest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Do the same by k passes over all scores; torch's topk leaves open which of equal ones it takes."""
    scores, values, places = scores.clone(), [], []
    everyone = torch.arange(len(scores), device=scores.device)
    for _ in range(min(k, scores.shape[1])):
        value, place = scores.max(dim=1)
        values.append(value)
        places.append(place)
        scores[everyone, place] = -torch.inf
    return torch.stack(values, 1), torch.stack(places, 1)
