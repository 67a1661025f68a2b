from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from layover.encoder import DropoutClock, RowDropout, noise
from layover.encoder.dropout import replace_dropouts
from layover.errors import ModelError
from layover.families import family_of

P = 0.1


def mask(
    rows: list[int],
    *,
    tokens: int = 40,
    width: int = 64,
    seed: int = 1,
    step: int = 3,
    draw: int = 0,
    salt: int = 2,
    p: float = P,
) -> Tensor:
    """Return what dropout makes of ones, (B, T, H)."""
    clock = DropoutClock(seed)
    clock.set(step, torch.tensor(rows), draw)
    return RowDropout(p, clock, salt).train()(torch.ones(len(rows), tokens, width))


def test_identity_in_eval_mode_and_for_p_zero() -> None:
    hidden, clock = torch.randn(2, 3, 4), DropoutClock(0)
    assert RowDropout(0.5, clock, 0).eval()(hidden) is hidden
    assert RowDropout(0.0, clock, 0).train()(hidden) is hidden


def test_a_row_has_its_mask_wherever_it_stands() -> None:
    whole = mask([5, 9, 1_000_000])
    assert torch.equal(mask([9, 5])[1], whole[0])
    assert torch.equal(mask([1_000_000], tokens=70)[0, :40], whole[2])
    before = torch.random.get_rng_state()
    assert torch.equal(mask([5, 9, 1_000_000]), whole)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_noise_is_even_between_minus_one_and_one_and_apart_from_the_masks() -> None:
    rows = torch.tensor([5, 9, 1_000_000])
    drawn = noise(1, 3, rows, 40, 64)
    assert torch.equal(noise(1, 3, rows[[2, 0]], 70, 64)[:, :40], drawn[[2, 0]])
    assert torch.equal(noise(1, 3, rows, 40, 63), drawn[..., :63])
    for other in (noise(2, 3, rows, 40, 64), noise(1, 4, rows, 40, 64), noise(1, 3, rows, 40, 64, draw=1)):
        assert abs(float((other * drawn).mean())) < 0.02
    many = noise(1, 3, torch.arange(500), 20, 32).double()
    assert float(many.abs().max()) < 1
    assert abs(float(many.mean())) < 0.005
    assert float((many**2).mean()) == pytest.approx(1 / 3, rel=0.02)
    tenths = torch.histc(many.float(), 10, -1, 1) / many.numel()
    assert torch.allclose(tenths, torch.full((10,), 0.1), atol=0.005)
    dropped = mask([5, 9, 1_000_000], p=0.5) == 0
    assert abs(float(drawn[dropped].mean())) < 0.05


def test_odd_widths_and_pooled_states() -> None:
    assert torch.equal(mask([1, 2], width=63), mask([1, 2], width=64)[..., :63])
    clock = DropoutClock(1)
    clock.set(0, torch.arange(400))
    pooled = RowDropout(0.5, clock, 0).train()(torch.ones(400, 51))
    assert abs(float((pooled == 0).float().mean()) - 0.5) < 0.02


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.9])
def test_rate_and_scale(p: float) -> None:
    values = mask(list(range(50)), tokens=100, width=100, p=p)
    dropped = (values == 0).double()
    for kept in values[values != 0].unique().tolist():
        assert kept == pytest.approx(1 / (1 - p), rel=1e-3)
    error = math.sqrt(p * (1 - p) / dropped.numel())
    assert abs(float(dropped.mean()) - p) < 4 * error + 2**-16
    # along each axis too: the variance of means is that of independent draws
    for axis in range(3):
        means = dropped.mean([other for other in range(3) if other != axis])
        expected = p * (1 - p) / (dropped.numel() / means.numel())
        assert 0.5 < float(means.var()) / expected < 1.7


@pytest.mark.parametrize(
    "change",
    [
        {"step": 4},
        {"salt": 3},
        {"seed": 2},
        {"seed": 1 + (1 << 40)},
        {"rows": list(range(100, 150))},
        {"draw": 1},
        {"draw": 2},
    ],
    ids=str,
)
def test_independent_between_steps_places_seeds_and_rows(change: dict[str, object]) -> None:
    rows = list(range(50))
    one = (mask(rows, tokens=100, width=100) == 0).double()
    other = (mask(**{"rows": rows, "tokens": 100, "width": 100, **change}) == 0).double()  # type: ignore[arg-type]
    both = float((one * other).mean())
    assert abs(both - P * P) < 4 * math.sqrt(P * P / one.numel())


def test_draws_are_independent_of_each_other_and_functions_of_the_row() -> None:
    one, other = ((mask(list(range(50)), tokens=100, width=100, draw=draw) == 0).double() for draw in (1, 2))
    both = float((one * other).mean())
    assert abs(both - P * P) < 4 * math.sqrt(P * P / one.numel())
    whole = mask([5, 9], draw=3)
    assert torch.equal(mask([9], tokens=70, draw=3)[0, :40], whole[1])


def test_a_pass_is_replayed_as_it_was() -> None:
    clock = DropoutClock(1)
    dropout = RowDropout(P, clock, 2).train()
    ones = torch.ones(2, 40, 64)
    clock.set(3, torch.tensor([5, 9]), 1)
    again = clock.replay(dropout)
    clock.set(4, torch.tensor([7, 8]))
    assert torch.equal(again(ones), mask([5, 9], draw=1))
    assert torch.equal(dropout(ones), mask([7, 8], step=4)), "the clock stands where it stood"


def test_neighbours_are_independent() -> None:
    dropped = (mask(list(range(60)), tokens=100, width=100) == 0).double()
    pairs = [
        (dropped[..., :-1], dropped[..., 1:]),
        (dropped[..., :-2], dropped[..., 2:]),
        (dropped[:, :-1], dropped[:, 1:]),
        (dropped[:-1], dropped[1:]),
    ]
    for one, other in pairs:
        assert abs(float((one * other).mean()) - P * P) < 4 * math.sqrt(P * P / one.numel())


def test_gradient_passes_where_the_value_does() -> None:
    clock = DropoutClock(0)
    clock.set(0, torch.arange(2))
    hidden = torch.ones(2, 5, 8, requires_grad=True)
    output = RowDropout(0.5, clock, 0).train()(hidden)
    output.sum().backward()
    assert hidden.grad is not None
    assert torch.equal(hidden.grad, output.detach())


def test_refusals() -> None:
    clock = DropoutClock(0)
    for p in (-0.1, 1.0):
        with pytest.raises(ModelError, match="not in"):
            RowDropout(p, clock, 0)
    dropout = RowDropout(0.5, clock, 0).train()
    with pytest.raises(ModelError, match="no rows"):
        dropout(torch.ones(2, 3, 4))
    clock.set(0, torch.arange(3))
    with pytest.raises(ModelError, match="3 rows, but the batch has 2"):
        dropout(torch.ones(2, 3, 4))


def test_every_dropout_of_an_encoder_has_masks_of_its_own_whatever_is_absent_below() -> None:
    shape = {"vocab_size": 20, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertModel(BertConfig(num_hidden_layers=3, **shape))

    def salts(first: int) -> dict[int, list[int]]:
        found = replace_dropouts(model, family_of("bert"), 3, P, DropoutClock(0), first)
        return {layer: [dropout.salt for dropout in each] for layer, each in found.items()}

    whole = salts(0)
    numbers = [salt for each in whole.values() for salt in each]
    assert sorted(whole) == [-1, 0, 1, 2]
    assert len(set(numbers)) == len(numbers) == 7  # the embeddings, and both halves of three layers
    for first in (1, 2):
        assert salts(first) == {layer: each for layer, each in whole.items() if layer >= first}


def test_known_masks() -> None:
    """A change of the hash changes every training with dropout; it must not happen unnoticed."""
    dropped = (mask([0, 1], tokens=2, width=32, seed=0, step=0, salt=0, p=0.5) == 0).flatten(0, 1)
    words = [sum(1 << index for index, bit in enumerate(row) if bit) for row in dropped.tolist()]
    assert words == [84098708, 3052397707, 458947328, 1632814213]
