"""Exact nearest neighbours by matrix products, block by block: without an index, in bounded memory.

A block of products serves both directions. The k highest products of a row are in the k groups of columns with the
highest maxima. One pass finds the maxima, and only these groups are searched.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layover.encoder import float32_products
from layover.errors import DataError
from layover.execution import Execution
from layover.inference.machine import on_machine
from layover.kinds._matching import NEIGHBOURS, Neighbours

SIDE = 2048
"""Rows of a block on each side: 16 MiB of similarities, which fit the cache of a processor."""
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
    """Return the nearest rows of `right` for each row of `left`, by cosine, and vice versa.

    Among equally near rows the earlier row comes first. In addition to arguments and results, memory holds a copy of
    both sides and a few blocks.

    Args:
        left: Embeddings, (n, H).
        right: Embeddings, (m, H).
        execution: Names the device.
        k: Number of neighbours; fewer if there are fewer rows.
        side: Rows of a block on each side; the result differs by rounding only.

    Raises:
        DataError: an embedding is zero, so its cosine is undefined.
    """
    with on_machine(execution) as device, float32_products(), torch.inference_mode():
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
        raise DataError("an embedding is zero, so it has no neighbours; check the layer of the embeddings")
    directions: Tensor = values / lengths
    return directions


class _Nearest:
    """The nearest candidates of each query so far."""

    def __init__(self, queries: int, k: int, device: torch.device) -> None:
        self.k = k
        self.similarity = torch.full((queries, k), -torch.inf, device=device)
        self.index = torch.zeros(queries, k, dtype=torch.int64, device=device)

    def offer(self, products: Tensor, query: int, candidate: int) -> None:
        """Update the neighbours with a block of products, (queries, candidates), that starts at these rows."""
        rows = slice(query, query + len(products))
        value, place = _top(products, self.k)
        # earlier candidates come first, so among equal ones the earlier row stays
        self.similarity[rows], chosen = _highest(torch.cat([self.similarity[rows], value], 1), self.k)
        self.index[rows] = torch.cat([self.index[rows], place + candidate], 1).gather(1, chosen)

    def neighbours(self) -> Neighbours:
        return Neighbours(self.similarity.cpu().numpy(), self.index.cpu().numpy())


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k highest scores of each row and their columns; among equal scores the first."""
    count = scores.shape[1] // GROUP
    if count <= k:
        return _highest(scores, k)
    maxima = scores[:, : count * GROUP].reshape(-1, count, GROUP).amax(2)
    groups = _highest(maxima, k)[1].sort(1).values
    columns = torch.arange(scores.shape[1], device=scores.device)
    inside = (groups[:, :, None] * GROUP + columns[:GROUP]).flatten(1)
    # the columns of the incomplete last group are searched completely
    looked_into = torch.cat([inside, columns[count * GROUP :].expand(len(scores), -1)], 1)
    value, chosen = _highest(scores.gather(1, looked_into), k)
    return value, looked_into.gather(1, chosen)


def _highest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the same by k passes over all scores; the choice of torch's topk among equal scores is undefined."""
    scores, values, places = scores.clone(), [], []
    everyone = torch.arange(len(scores), device=scores.device)
    for _ in range(min(k, scores.shape[1])):
        value, place = scores.max(dim=1)
        values.append(value)
        places.append(place)
        scores[everyone, place] = -torch.inf
    return torch.stack(values, 1), torch.stack(places, 1)
