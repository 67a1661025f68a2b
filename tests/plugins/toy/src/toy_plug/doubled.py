"""An objective: the loss, twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from layover.objectives import Forward, Objective

if TYPE_CHECKING:
    from torch import Tensor


class Doubled(Objective):
    """Twice the loss of one pass."""

    name: ClassVar[str] = "doubled"

    def losses(self, forward: Forward, batch: object) -> Iterator[Tensor]:
        yield 2 * forward(batch).loss


OBJECTIVE = Doubled
