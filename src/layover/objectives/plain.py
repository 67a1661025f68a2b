"""plain: the task's own loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layover.objectives._base import B, Forward, Objective

if TYPE_CHECKING:
    from torch import Tensor


class Plain(Objective):
    """One forward pass and the loss of the head."""

    name = "plain"

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        yield forward(batch).loss


OBJECTIVE = Plain
