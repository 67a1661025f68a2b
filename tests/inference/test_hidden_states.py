"""Hidden states that are read from the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layover.inference.hidden_states import HiddenStates, StateType


@pytest.fixture
def pinned_sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Sizes of the pinned memory that is taken; ordinary memory stands in for it."""
    empty, sizes = torch.empty, list[tuple[int, ...]]()

    def taken(*size: int, pin_memory: bool = False, **more: Any) -> torch.Tensor:
        if pin_memory:
            sizes.append(size)
        return empty(*size, **more)

    monkeypatch.setattr(torch, "empty", taken)
    return sizes


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_pinned_memory_gets_the_same_hidden_states(
    kind: StateType, tmp_path: Path, pinned_sizes: list[tuple[int, ...]]
) -> None:
    size: dict[str, Any] = {"layer": 1, "kind": kind, "tokens": 20, "hidden": 6}
    drawn = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    states = drawn if kind == "float32" else drawn.bfloat16()
    into = HiddenStates.create(tmp_path / "states", **size)
    into.put(np.arange(20), states)
    into.flush()
    cache = HiddenStates.open(tmp_path / "states", **size)
    tokens = np.array([3, 4, 5, 0, 1, 19, 3])
    for pinned in (False, True):
        read = cache.at(tokens, pinned=pinned)
        assert read.dtype == states.dtype
        assert torch.equal(read, states[tokens][None])
    assert pinned_sizes == [(7, 6)]
    assert cache.at(np.empty(0, np.int64), pinned=True).shape == (1, 0, 6)


@pytest.mark.parametrize("pinned", [False, True])
def test_tokens_that_are_not_in_the_cache_are_an_error(
    pinned: bool, tmp_path: Path, pinned_sizes: list[tuple[int, ...]]
) -> None:
    cache = HiddenStates.create(tmp_path / "states", layer=1, kind="float32", tokens=20, hidden=6)
    with pytest.raises(IndexError, match="20"):
        cache.at(np.array([3, 20]), pinned=pinned)
    assert len(pinned_sizes) == pinned
