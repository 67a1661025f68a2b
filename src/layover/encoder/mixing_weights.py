"""How much a mix takes of each of its members, averaged over the tokens of some data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from layover.errors import ModelError


class MixingWeights:
    """The mean mixing weights of many batches."""

    def __init__(self) -> None:
        self.tokens = 0
        """Real tokens; special ones are among them, and those of overlapping windows once per window."""
        self._sums: dict[str, list[Tensor]] = {}

    def add(self, tokens: int, sums: dict[str, Tensor]) -> None:
        """Add a batch: by the name of the site the sums over its tokens, (K,)."""
        self.tokens += tokens
        for site, total in sums.items():
            self._sums.setdefault(site, []).append(total)

    def as_json(self) -> dict[str, Any]:
        """Return `{tokens, sites: {site: mean weight of each member}}`; no site where nothing is mixed."""
        # sums wait on the device until the end, so that no batch waits for them
        totals = {site: torch.stack(sums).cpu().double().sum(0) for site, sums in self._sums.items()}
        return {"tokens": self.tokens, "sites": {site: (sums / self.tokens).tolist() for site, sums in totals.items()}}


class MixingWatch:
    """Where an encoder and its mixes say what they do; what they say is only taken down inside `into`."""

    def __init__(self) -> None:
        self._lengths: Tensor | None = None
        self._sums: dict[str, Tensor] | None = None

    @contextmanager
    def into(self, weights: MixingWeights | None) -> Iterator[None]:
        """Add to `weights` what is taken in the one pass within; nothing of a pass that fails, nothing with None."""
        self._sums = None if weights is None else {}
        try:
            yield
            if weights is not None and self._sums and self._lengths is not None:
                weights.add(int(self._lengths.sum()), self._sums)
        finally:
            self._sums, self._lengths = None, None

    @property
    def on(self) -> bool:
        """Whether anything is taken down now."""
        return self._sums is not None

    def batch(self, lengths: Tensor) -> None:
        """Take down the lengths of the rows that come now."""
        if self._sums is not None:
            self._lengths = lengths

    def see(self, site: str, weights: Tensor) -> None:
        """Take down the weights at a site, (1, N', K); those of the tokens that belong to no row stand at the end.

        Raises:
            ModelError: another mix has acted there, so that the sum would mean nothing.
        """
        if self._sums is None or self._lengths is None:
            return
        if site in self._sums:
            raise ModelError(
                f"two mixes act at {site}, so their weights cannot be told apart: watch one pass of one mix"
            )
        self._sums[site] = weights[:, : int(self._lengths.sum())].float().sum((0, 1))
