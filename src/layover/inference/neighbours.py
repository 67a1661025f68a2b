"""Exact nearest neighbours by matrix products, block by block: without an index, in bounded memory.

A block of products serves both directions: nothing transposes it in memory. The k highest products of a row are in the
k groups of columns with the highest maxima. One pass finds the maxima, and only these groups are searched. The same
applies to the columns of a block, and to groups of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layover.encoder import float32_products, to_device
from layover.errors import DataError
from layover.execution import Execution
from layover.inference.machine import free_bytes, on_machine
from layover.kinds._matching import NEIGHBOURS, Neighbours

SIDE = {"cpu": 2048, "accelerator": 4096}
"""Rows of a block on each side: 16 MiB of similarities, which fit the cache of a processor; 64 MiB on an accelerator,
which starts as many kernels for a small block as for a large one."""
GROUP = 32
"""Columns of a group."""
RESIDENT = 0.5
"""Share of an accelerator's free memory for a run of blocks that stay there."""


def both_ways(
    left: npt.NDArray[np.float32],
    right: npt.NDArray[np.float32],
    *,
    execution: Execution,
    k: int = NEIGHBOURS,
    side: int | None = None,
) -> tuple[Neighbours, Neighbours]:
    """Return the nearest rows of `right` for each row of `left`, by cosine, and vice versa.

    Among equally near rows the earlier row comes first. In addition to arguments and results, memory holds a copy of
    both sides and a few blocks. On an accelerator a run of left blocks stays in its memory while the right blocks pass:
    a side is copied there once if the left side takes less than half of the free memory.

    Args:
        left: Embeddings, (n, H).
        right: Embeddings, (m, H).
        execution: Names the device.
        k: Number of neighbours; fewer if there are fewer rows.
        side: Rows of a block on each side; None: from the device. The result differs by rounding only.

    Raises:
        DataError: an embedding is zero, so its cosine is undefined.
    """
    with on_machine(execution) as device, float32_products(), torch.inference_mode():
        left_side, right_side = _directions(left), _directions(right)
        forward = _Nearest(len(left_side), min(k, len(right_side)), device)
        backward = _Nearest(len(right_side), min(k, len(left_side)), device)
        side = side or SIDE.get(device.type, SIDE["accelerator"])
        for run in _runs(left_side, side, device):
            for j in range(0, len(right_side), side):
                candidates = to_device(right_side[j : j + side], device)
                for i, queries in run.items():
                    products = queries @ candidates.T
                    forward.offer(products, _maxima(products, 1), i, j)
                    backward.offer(products.T, _maxima(products, 0).T, j, i)
        return forward.neighbours(), backward.neighbours()


def _runs(rows: Tensor, side: int, device: torch.device) -> Iterator[dict[int, Tensor]]:
    """Yield runs of blocks on a device, first row -> block; a run takes a share of the memory that is free there."""
    each = max(1, side * rows.shape[1] * rows.element_size())
    blocks = len(rows) if device.type == "cpu" else max(1, int(RESIDENT * free_bytes(device)) // each)
    starts = range(0, len(rows), side)
    for first in range(0, len(starts), blocks):
        run = {start: to_device(rows[start : start + side], device) for start in starts[first : first + blocks]}
        yield run
        run.clear()  # the caller still has it, and the next run needs its memory


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

    def offer(self, scores: Tensor, maxima: Tensor, query: int, candidate: int) -> None:
        """Update the neighbours with a block of scores.

        Args:
            scores: (queries, candidates), in any order in memory.
            maxima: The highest score of each group of candidates, (queries, groups).
            query: Number of the first query.
            candidate: Number of the first candidate.
        """
        rows = slice(query, query + len(scores))
        value, place = _top(scores, maxima, self.k)
        # earlier candidates come first, so among equal ones the earlier row stays
        self.similarity[rows], chosen = _highest(torch.cat([self.similarity[rows], value], 1), self.k)
        self.index[rows] = torch.cat([self.index[rows], place + candidate], 1).gather(1, chosen)

    def neighbours(self) -> Neighbours:
        return Neighbours(self.similarity.cpu().numpy(), self.index.cpu().numpy())


def _maxima(products: Tensor, dim: int) -> Tensor:
    """Return the highest product of each group, (groups, m) or (n, groups); the incomplete last group is left out.

    Args:
        products: (n, m).
        dim: 0 for groups of rows, 1 for groups of columns.
    """
    count = products.shape[dim] // GROUP
    size = (*products.shape[:dim], count, GROUP, *products.shape[dim + 1 :])
    return products.narrow(dim, 0, count * GROUP).view(size).amax(dim + 1)


def _top(scores: Tensor, maxima: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k highest scores of each row and their columns; among equal scores the first."""
    count = maxima.shape[1]
    if count <= k:
        return _highest(scores, k)
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
    for _ in range(min(k, scores.shape[1])):
        value, place = scores.max(dim=1, keepdim=True)
        values.append(value)
        places.append(place)
        scores.scatter_(1, place, -torch.inf)
    return torch.cat(values, 1), torch.cat(places, 1)
