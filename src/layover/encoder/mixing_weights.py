"""The mixing weights of a mix, averaged over the tokens of some data."""

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
        """The number of real tokens, including special tokens; a token of overlapping windows counts in each window."""
        self._sums: dict[str, list[Tensor]] = {}

    def add(self, tokens: int, sums: dict[str, Tensor]) -> None:
        """Add a batch: the number of its tokens, and name of a site -> sums over these tokens, (K,)."""
        self.tokens += tokens
        for site, total in sums.items():
            self._sums.setdefault(site, []).append(total)

    def join(self, other: MixingWeights) -> None:
        """Add all batches of another record."""
        self.tokens += other.tokens
        for site, sums in other._sums.items():
            self._sums.setdefault(site, []).extend(sums)

    def as_json(self) -> dict[str, Any]:
        """Return `{tokens, sites: {site: mean weight of each member}}`; `sites` has only sites with a mix."""
        # sums stay on the device until the end, so that no batch waits for a copy
        totals = {site: torch.stack(sums).cpu().double().sum(0) for site, sums in self._sums.items()}
        return {"tokens": self.tokens, "sites": {site: (sums / self.tokens).tolist() for site, sums in totals.items()}}


class MixingWatch:
    """The recorder of an encoder's mixing weights; it records only inside `into`."""

    def __init__(self) -> None:
        self._lengths: Tensor | None = None
        self._sums: dict[str, Tensor] | None = None

    @contextmanager
    def into(self, weights: MixingWeights | None) -> Iterator[None]:
        """Add the mixing weights of the pass inside the context to `weights`; with None or an error, add nothing."""
        self._sums = None if weights is None else {}
        try:
            yield
            if weights is not None and self._sums and self._lengths is not None:
                weights.add(int(self._lengths.sum()), self._sums)
        finally:
            self._sums, self._lengths = None, None

    @property
    def on(self) -> bool:
        """Whether the recorder is active."""
        return self._sums is not None

    def batch(self, lengths: Tensor) -> None:
        """Record the lengths of the rows of the current pass."""
        if self._sums is not None:
            self._lengths = lengths

    def see(self, site: str, weights: Tensor) -> None:
        """Record the mixing weights at a site, (1, N', K); the tokens at the end that belong to no row do not count.

        Raises:
            ModelError: another mix acts at the same site, so the sum would have no meaning.
        """
        if self._sums is None or self._lengths is None:
            return
        if site in self._sums:
            raise ModelError(
                f"two mixes act at {site}, so their mixing weights cannot be separated: watch one pass of a single mix"
            )
        self._sums[site] = weights[:, : int(self._lengths.sum())].float().sum((0, 1))
