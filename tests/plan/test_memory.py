"""The memory model against what was measured, and against what autograd keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from layover import modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, Encoder, dtype_of, is_mixed
from layover.memory import (
    MIB,
    Load,
    Workload,
    held_bytes,
    kept_bytes,
    kept_per_layer,
    tokens_within,
    training_bytes,
)
from layover.modules import LayeredModule
from layover.numerics import Precision
from layover.plan.encoders import KNOWN_SHAPES
from layover.shape import Shape

BASE = KNOWN_SHAPES["FacebookAI/xlm-roberta-base"]
SMALL = Shape(3, 64, 256, 100)


def load_of(shape: Shape, module: str, layers: str, precision: Precision, tokens: int, **more: object) -> Load:
    kind = modules.get(module)
    built = kind.model_validate({"layers": layers} if issubclass(kind, LayeredModule) else {})
    lowest = min(built.layers_of(shape.layers), default=shape.layers)
    count = built.parameter_count(shape)
    work = Workload(
        shape,
        precision,
        lowest,
        trained=shape.parameters if built.whole else count,
        kept=kept_per_layer(built, shape),
        whole=built.whole,
        words=None if built.whole else 15_000,
        first_only=True,
    )
    return Load(replace(work, **more), trains=True, most=tokens)  # type: ignore[arg-type]


def test_less_is_less() -> None:
    whole = load_of(BASE, "lora", "all", "fp32", 2048)
    for device in ("cpu", "cuda"):
        load = whole.on(device)
        less = {
            "tokens": load.peak(1024),
            "layers": load_of(BASE, "lora", "top-6", "fp32", 2048, device=device).peak(2048),
            "bf16": replace(load, work=replace(load.work, precision="bf16")).peak(2048),
            "checkpointing": replace(load, work=replace(load.work, gradient_checkpointing=True)).peak(2048),
            "words": replace(load, work=replace(load.work, words=1000)).peak(2048),
            "prediction": replace(load, trains=False).peak(2048),
        }
        for what, found in less.items():
            assert found < load.peak(2048), (device, what)
    top = load_of(BASE, "lora", "top-6", "fp32", 2048)
    cached = replace(top, work=replace(top.work, from_layer=6))
    assert cached.peak() < top.peak()
    assert held_bytes(cached.work) < 0.55 * held_bytes(top.work)


# VmHWM in MiB, from `benchmarks/memory_model.py peaks`
@pytest.mark.parametrize(
    ("module", "layers", "precision", "tokens", "more", "measured"),
    [
        ("lora", "all", "fp32", 2048, {}, 1918),
        ("lora", "all", "fp32", 4096, {}, 3112),
        ("lora", "all", "bf16", 1024, {}, 865),
        ("lora", "top-6", "fp32", 4096, {"from_layer": 6}, 1756),
        ("lora", "top-3", "bf16", 4096, {"from_layer": 9}, 759),
        ("full", "all", "fp32", 1024, {}, 7750),
        ("lora", "all", "fp32", 2048, {"gradient_checkpointing": True}, 1357),
    ],
)
def test_the_estimate_is_near_what_was_measured(
    module: str, layers: str, precision: Precision, tokens: int, more: dict[str, object], measured: int
) -> None:
    assert load_of(BASE, module, layers, precision, tokens, **more).peak() / MIB == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("name", [name for name in modules.names() if modules.get(name).trains_encoder])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_autograd_keeps_is_counted(name: str, precision: Precision) -> None:
    kept = {(layers, rows): _saved(name, precision, layers, rows) for layers in (2, 3) for rows in (4, 8)}
    measured = kept[3, 8] - kept[2, 8] - kept[3, 4] + kept[2, 4]
    estimate = kept_bytes(load_of(SMALL, name, "all", precision, 1, length=32).work)
    assert measured / (4 * 32) == pytest.approx(estimate, rel=0.05)


def _saved(name: str, precision: Precision, layers: int, rows: int) -> int:
    """Return the bytes that a forward pass keeps, of rows of 32 tokens, one of them shorter; not the weights."""
    config = XLMRobertaConfig(
        vocab_size=SMALL.vocabulary,
        hidden_size=SMALL.hidden,
        num_hidden_layers=layers,
        num_attention_heads=1,
        intermediate_size=SMALL.intermediate,
        max_position_embeddings=40,
    )
    module, clock = modules.get(name)(), DropoutClock(0)
    model = XLMRobertaModel(config, add_pooling_layer=False).to(dtype_of(precision, whole=module.whole))
    encoder = Encoder.from_model(model, clock=clock, dropout=0.1)
    encoder.attach([AttachedModule("target", module, None, trainable=True)])
    own = {weight.untyped_storage().data_ptr() for weight in encoder.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.detach()
        return tensor

    encoder.train()
    clock.set(0, torch.arange(rows))
    lengths = torch.full((rows,), 32)
    lengths[0] = 31
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=is_mixed(precision, encoder.dtype, None)),
    ):
        encoder(torch.full((rows, 32), 5), lengths)
    return sum(one.untyped_storage().nbytes() for one in kept.values())


@pytest.mark.parametrize(
    ("budget", "tokens"), [(0, 64), (-5, 64), (-1e12, 64), (1_000_000, 512), (1_040_000, 1024), (1e12, 4096)]
)
def test_tokens_are_a_power_of_two_within_bounds(budget: float, tokens: int) -> None:
    assert tokens_within(budget, 1000.0, most=4096) == tokens


def test_micro_batches_keep_to_a_budget() -> None:
    load = load_of(BASE, "lora", "all", "fp32", 4096)
    assert load.tokens(4 * 2**30) == 4096
    for budget in (1.5 * 2**30, 2 * 2**30, 3 * 2**30):
        tokens = load.tokens(budget)
        assert load.fits(budget)
        assert load.peak(tokens) <= budget < load.peak(2 * tokens)
    assert load.fits(2**30)
    assert not load.fits(600 * 2**20)


def test_by_sizes_alone() -> None:
    whole = training_bytes(BASE, BASE.parameters, lowest=0, precision="fp32", tokens=1024)
    lora = training_bytes(BASE, 294_912, lowest=0, precision="fp32", tokens=1024)
    cached = training_bytes(BASE, 147_456, lowest=6, precision="fp32", tokens=1024, cached=True)
    assert whole > 4 * lora
    assert lora > 1.3 * cached


def test_plain_attention_on_an_older_card_keeps_its_probabilities() -> None:
    """12 heads x 128 tokens in float32, with query, key and value in float32 instead of bfloat16."""
    load = load_of(BASE, "lora", "all", "bf16", 2048, length=128, first_only=False)
    newer, older = (load.on("cuda", 2048, capability) for capability in ((8, 0), (7, 5)))
    more = kept_bytes(older.work) - kept_bytes(newer.work)
    context = 2 * 768
    assert more == 12 * 128 * 4 + 3 * 768 * 2 - context
    assert older.each - newer.each == 12 * more + 12 * 128 * 8
    predicts = replace(newer, trains=False), replace(older, trains=False)
    assert predicts[1].each - predicts[0].each == 12 * 128 * 8
    assert load.on("cuda", 2048).each == newer.each, "an unknown card is taken as a newer one"
    for precision in ("fp32", "tf32"):
        exact = replace(load, work=replace(load.work, precision=precision))
        assert exact.on("cuda", 2048, (7, 5)).each == exact.on("cuda", 2048, (8, 0)).each


def test_masks_of_dropout_are_kept_on_a_cpu_only() -> None:
    """Plain attention on mps keeps its probabilities instead of the context; on a CPU the masks take two bytes."""
    load = load_of(BASE, "lora", "all", "fp32", 2048, length=128, first_only=False)
    on_mps, on_gpu = (kept_bytes(load.on(device, 2048).work) for device in ("mps", "cuda"))
    assert on_mps - on_gpu == 12 * 128 * 4 - 4 * 768
    assert kept_bytes(load.work) - on_gpu == 2 * 768


def test_tf32_takes_the_memory_of_fp32() -> None:
    exact, rounded = (load_of(BASE, "lora", "all", precision, 2048, device="cuda") for precision in ("fp32", "tf32"))
    assert exact.peak() == rounded.peak()


def test_what_torch_keeps_of_plain_attention_is_what_is_counted() -> None:
    """The same operations as torch's own plain attention, whose tensors autograd keeps on every device."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    rows, heads, length, size = 2, 4, 24, 16
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    given = [torch.randn(rows, heads, length, size, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)]
    keep = torch.ones(rows, 1, 1, length, dtype=torch.bool)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), sdpa_kernel(SDPBackend.MATH):
        torch.nn.functional.scaled_dot_product_attention(*given, attn_mask=keep)
    tokens, hidden = rows * length, heads * size
    counted = tokens * (4 * heads * length + 3 * 4 * hidden)
    assert counted <= sum(kept.values()) <= 1.2 * counted, kept
