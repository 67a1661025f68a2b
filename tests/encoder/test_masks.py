"""The masks of torch: computed in parts, in memory that is used again, and with the words of all dropouts at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from layover.encoder import DropoutClock, RowDropout, dropout, masks, noise

ROWS = torch.tensor([5, 9, 1_000_000])
ROW_OF, POSITIONS = torch.arange(60) % 3, torch.arange(60) // 3


def run(part: RowDropout, hidden: Tensor, positions: Tensor = POSITIONS) -> Tensor:
    with part.clock.packing(3, ROW_OF, positions):
        return part(hidden)


def dropouts(count: int, p: float = 0.3) -> list[RowDropout]:
    clock = DropoutClock(1)
    clock.set(2, ROWS)
    return [RowDropout(p, clock, salt).train() for salt in range(count)]


def results(width: int, dtype: torch.dtype) -> list[Tensor]:
    (part,) = dropouts(1)
    hidden = (torch.arange(60.0 * width) - 77.5).view(1, 60, width).to(dtype).requires_grad_()
    result = run(part, hidden)
    return [result, *torch.autograd.grad(result, hidden, hidden.detach() + 1), noise(1, 2, ROWS, 20, width)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("width", [1, 7, 16])
def test_parts_of_any_size_give_the_same(width: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = results(width, dtype)
    assert 0 < int((whole[0] == 0).sum()) < whole[0].numel()
    for chunk in (1, 13 * width, 59 * width, 60 * width):
        monkeypatch.setattr(masks, "CHUNK", chunk)
        for expected, given in zip(whole, results(width, dtype), strict=True):
            assert torch.equal(expected, given)


def test_each_type_is_scaled_in_its_own_precision() -> None:
    for dtype in (torch.float32, torch.float64):
        (part,) = dropouts(1)
        result = run(part, torch.full((1, 60, 8), 3.0, dtype=dtype))
        cut = round(0.3 * 65536)
        expected = torch.tensor(3.0, dtype=dtype) * (65536 / (65536 - cut))
        assert set(result.flatten().tolist()) == {0.0, float(expected)}


def test_a_dropped_value_is_zero_whatever_it_was() -> None:
    (part,) = dropouts(1)
    hidden = torch.tensor([torch.nan, torch.inf, -torch.inf, -1.0]).repeat(1, 60, 2)
    result, zeros = run(part, hidden), run(part, torch.ones(1, 60, 8)) == 0
    assert int(zeros.sum()) > 50
    assert not result[zeros].any()
    assert not torch.signbit(result[zeros]).any()
    assert torch.equal(result[~zeros].isfinite(), hidden[~zeros].isfinite())


def test_masks_survive_the_dropouts_after_them() -> None:
    """The memory of hashes serves the next dropout, but what the backward pass reads does not."""
    parts = dropouts(3)
    leaves = [torch.ones(1, 60, 8, requires_grad=True) for _ in parts]
    outputs = [run(part, leaf) for part, leaf in zip(parts, leaves, strict=True)]
    torch.stack(outputs).sum().backward()
    for leaf, output in zip(leaves, outputs, strict=True):
        assert leaf.grad is not None
        assert torch.equal(leaf.grad, output.detach())
    assert not torch.equal(outputs[0], outputs[1])


def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the shapes of the words of tokens that are computed from now on."""
    shapes: list[tuple[int, ...]] = []

    def counting(rows: Tensor, positions: Tensor, original: Callable[..., Tensor] = masks.token_words) -> Tensor:
        words = original(rows, positions)
        shapes.append(tuple(words.shape))
        return words

    monkeypatch.setattr(dropout, "token_words", counting)
    return shapes


def test_the_words_of_all_dropouts_are_computed_once_in_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, hidden = dropouts(4), torch.ones(1, 60, 8)
    first = [run(part, hidden) for part in parts]
    shapes = counted(monkeypatch)
    clock = parts[0].clock
    clock.set(2, ROWS)
    assert all(torch.equal(run(part, hidden), expected) for part, expected in zip(parts, first, strict=True))
    assert shapes == [(4, 60)]
    again = clock.replay(lambda: run(parts[3], hidden))
    clock.set(3, ROWS)
    other = run(parts[3], hidden)
    assert not torch.equal(other, first[3]), "another step has other words"
    assert shapes == [(4, 60), (4, 60)]
    assert torch.equal(again(), first[3])
    assert shapes == [(4, 60), (4, 60)], "a layer that runs again reads the words of its pass"
    moved = run(parts[3], hidden, POSITIONS + 1)
    assert not torch.equal(moved, other), "another packing has other words"
    assert len(shapes) == 3


def test_a_gradient_has_a_gradient() -> None:
    """An objective may ask for it, as of any function of torch."""
    (part,) = dropouts(1)
    leaf = (torch.arange(60.0 * 8) + 1).view(1, 60, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(run(part, leaf).pow(3).sum(), leaf, create_graph=True)
    gradient.sum().backward()
    multiplier = run(part, torch.ones(1, 60, 8))
    assert leaf.grad is not None
    assert torch.allclose(leaf.grad, 6 * leaf.detach() * multiplier**3)


def test_memory_of_inference_mode_serves_a_training_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "_memory", masks._Memory())
    expected = [result.detach() for result in results(16, torch.float32)]
    monkeypatch.setattr(masks, "_memory", masks._Memory())
    masks._features.cache_clear()
    masks._constant.cache_clear()
    with torch.inference_mode():
        (part,) = dropouts(1)
        run(part, torch.ones(1, 60, 16))
    for given, there in zip(results(16, torch.float32), expected, strict=True):
        assert torch.equal(given, there)
