"""Rows without padding, and with the tokens at the end that belong to no row."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from tests.tolerances import ROUNDING
from torch import Tensor
from transformers import PreTrainedModel

from layover import compositions, modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, Encoder, MixingWeights, attention
from layover.encoder.packing import Packing, rounds

ModelOf = Callable[..., PreTrainedModel]
Padded = tuple[Tensor, Tensor]
CPU = torch.device("cpu")


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("lengths", [[3, 1, 4], [4, 4], [8] * 4, [5]])
def test_there_and_back(lengths: list[int], rounded: bool) -> None:
    packing = Packing.of(torch.tensor(lengths), max(lengths), CPU, rounded=rounded)
    padded = torch.randn(len(lengths), max(lengths), 6, dtype=torch.float64)
    for row, length in enumerate(lengths):
        padded[row, length:] = 0
    packed = packing.pack(padded)
    count = sum(lengths)
    assert packed.shape[1] % 32 == 0 if rounded else packed.shape[1] - count in (0, 1)
    assert torch.equal(packed[0, :count], torch.cat([padded[row, :length] for row, length in enumerate(lengths)]))
    assert torch.equal(packing.padded(packed), padded)
    heads = packing.by_head(packed, 2)
    assert heads.shape == (len(lengths), 2, packing.width, 3)
    for row, length in enumerate(lengths):
        assert torch.equal(heads[row, 1, :length], padded[row, :length, 3:])
    assert torch.equal(packing.from_heads(heads)[:, :count], packed[:, :count])

    def through(hidden: Tensor) -> Tensor:
        """Return what attention would make of them, from padding too, and what is read of it."""
        return packing.padded(packing.from_heads(packing.by_head(hidden, 2).sin()))

    hidden = torch.randn(packed.shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(through, hidden)


def varlen(q: Tensor, k: Tensor, v: Tensor, edges: Tensor, key_edges: Tensor, longest: int, longest_key: int) -> Tensor:
    """Attention row by row, as torch's kernel for packed rows computes it; it leaves other tokens undefined."""
    assert edges.dtype == key_edges.dtype == torch.int32
    assert len(edges) == len(key_edges)
    assert longest >= int(edges.diff().max())
    assert longest_key >= int(key_edges.diff().max())
    out = torch.zeros_like(q) + torch.nan
    for row in range(len(edges) - 1):
        own, read = slice(edges[row], edges[row + 1]), slice(key_edges[row], key_edges[row + 1])
        scores = torch.einsum("qhd,khd->hqk", q[own], k[read]) * q.shape[-1] ** -0.5
        out = out.index_copy(
            0, torch.arange(own.start, own.stop), torch.einsum("hqk,khd->qhd", scores.softmax(-1), v[read])
        )
    return out


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_attention_to_packed_rows_equals_that_to_a_grid(
    model_of: ModelOf, padded: Padded, monkeypatch: pytest.MonkeyPatch, rounded: bool, first: bool
) -> None:
    monkeypatch.setattr("layover.encoder.flow.rounds", lambda *_: rounded)
    ids, lengths = padded
    results = []
    for packed in (False, True):
        encoder = Encoder.from_model(model_of(), clock=DropoutClock(5))
        encoder.attach([AttachedModule("any", modules.get("lora")(), None, trainable=True)])
        weights = encoder.trained()["any"]
        with torch.no_grad():
            for number, weight in enumerate(weights.values()):
                weight.normal_(0.0, 0.1, generator=torch.Generator().manual_seed(number))
        if packed:
            monkeypatch.setattr(attention, "takes_packed", lambda *_: True)
            monkeypatch.setattr(attention, "_varlen", lambda: varlen)
        hidden = encoder.train()(ids, lengths, first=first)
        hidden.pow(3).sum().backward()
        results.append((hidden.detach(), [weight.grad for weight in weights.values()]))
    (grid, gradients), (hidden, others) = results
    torch.testing.assert_close(hidden, grid, atol=ROUNDING, rtol=0)
    assert gradients
    for gradient, other in zip(gradients, others, strict=True):
        torch.testing.assert_close(other, gradient, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "width", "capability", "cuda", "built", "taken"),
    [
        (torch.bfloat16, 128, (8, 0), "12.8", True, True),
        (torch.bfloat16, 128, (9, 0), "12.8", True, True),
        (torch.bfloat16, 2 * 192, (8, 6), "12.8", True, True),
        (torch.bfloat16, 2 * 200, (8, 6), "12.8", True, False),
        (torch.float32, 128, (9, 0), "12.8", True, False),
        (torch.bfloat16, 128, (7, 5), "12.8", True, False),
        (torch.bfloat16, 24, (8, 0), "12.8", True, False),
        (torch.bfloat16, 128, (9, 0), None, True, False),
        (torch.bfloat16, 128, (9, 0), "12.8", False, False),
    ],
)
def test_where_packed_rows_meet_flash_attention(
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
    width: int,
    capability: tuple[int, int],
    cuda: str,
    built: bool,
    taken: bool,
) -> None:
    pytest.importorskip(attention.VARLEN)
    attention._varlen.cache_clear()
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: built)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    query = SimpleNamespace(device=torch.device("cuda"), dtype=dtype, shape=(1, 5, width))
    assert attention.takes_packed(query, 2) is taken  # type: ignore[arg-type]
    assert not attention.takes_packed(torch.zeros(1, 5, width, dtype=dtype), 2), "a CPU has no such kernel"
    attention._varlen.cache_clear()


@pytest.mark.parametrize("module", ["lora", "bottleneck"])
def test_tokens_of_no_row_change_nothing(
    model_of: ModelOf, padded: Padded, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    ids, lengths = padded
    encoder, found = Encoder.from_model(model_of(), clock=DropoutClock(5), dropout=0.3), []
    settings = modules.get(module)()
    encoder.attach([AttachedModule("any", settings, None, trainable=True)])
    parts = []
    for number in range(2):
        state = {
            name: torch.randn(one.shape, generator=torch.Generator().manual_seed(number)) * 0.1
            for name, one in encoder.state("any").items()
        }
        parts.append(AttachedModule(f"intermediate.{number}", settings, state, trainable=False))
    mixed = compositions.get("fuse")(mixer="low_rank").attachments(settings, parts, shape=encoder.shape, seed=0)
    for rounded in (False, True):
        monkeypatch.setattr("layover.encoder.flow.rounds", lambda *_, rounded=rounded: rounded)
        encoder.attach(mixed)
        encoder.train().clock.set(3, torch.arange(3))
        shares = MixingWeights()
        with encoder.watch.into(shares):
            hidden = encoder(ids, lengths)
        hidden.pow(3).sum().backward()
        gradients = [one.grad.clone() for one in encoder.trained()["mix"].values()]
        found.append((hidden.detach(), gradients, shares.as_json()))
    (plain, gradients, shares), (same, others, told) = found
    torch.testing.assert_close(same, plain, atol=ROUNDING, rtol=0)
    for one, other in zip(gradients, others, strict=True):
        torch.testing.assert_close(other, one, atol=1e-2, rtol=1e-4)
    assert told["tokens"] == shares["tokens"]
    for site, values in shares["sites"].items():
        assert told["sites"][site] == pytest.approx(values, abs=ROUNDING)


def test_sizes_are_rounded_where_kernels_are_compiled_for_them() -> None:
    assert not rounds(CPU, torch.float32)
    assert rounds(CPU, torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert rounds(CPU, torch.float32)
