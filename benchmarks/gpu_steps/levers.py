"""What would make it faster: each lever with its switch in one process, on an encoder of the size of XLM-R base.

Some are switches that users have (micro-batches, precision), some are what Layover could use: other kinds of attention,
CUDA graphs, `torch.compile`. A graph and a compiled layer hold for one shape: beside their gain stands what a new shape
costs.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from unittest import mock

import _ours
import torch
from _common import spread
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from gpu_steps._made import HEAD_SIZE, LENGTHS, encoder_folder, rows, shape_of
from gpu_steps._record import Record, Settings
from gpu_steps._step import Step, pairs
from gpu_steps._timing import Way, milliseconds, per_call, tf32, timed, turns
from layover.encoder import DropoutClock, RowDropout

BUDGET = 100.0
COMPILING = 20.0
"""Seconds that must be left for the compiler; it may take longer for one layer, and is interrupted then."""
SWITCHES = {
    "attention of packed rows": ("layover.encoder.attention", "takes_packed"),
    "fused dropout": ("layover.encoder.dropout", "_is_fused"),
}
"""What Layover does on a GPU by itself -> the function that decides it."""
BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


def run(record: Record, settings: Settings) -> None:
    """Measure."""
    parts = ("attention", "switches", "graph", "compile", "dropout", "micro_tokens", "predicted_tokens", "tf32")
    record.values |= {part: {} for part in parts}
    for lengths in ("pairs",) if settings.quick else LENGTHS:
        record.case(f"attention, {lengths}", partial(attention, record, settings, lengths))
    record.case("dropout", partial(dropout, record, settings))
    record.case("micro-batches of a training", partial(micro_batches, record, settings))
    record.case("batches of a prediction", partial(predicted_tokens, record, settings))
    record.case("TF32", partial(with_tf32, record, settings))
    for name in SWITCHES:
        record.case(name, partial(switched, record, settings, name))
    # last: a capture that fails may leave the device unusable, and a compiler takes its time
    for count in (8,) if settings.quick else (16, 256):
        record.case(f"graph, {count} rows", partial(graph, record, settings, count))
    record.case("compile", partial(compiled, record, settings), needs=COMPILING)


def lengths_of(settings: Settings, name: str, tokens: int) -> Tensor:
    """Return the lengths of rows with about so many tokens together, the longest first."""
    features = rows("classification", 4096, shape_of(settings, "base").vocabulary, lengths=name)
    count = max(2, int((features.lengths.cumsum() <= tokens).sum()))
    return torch.from_numpy(features.lengths[:count]).sort(descending=True).values


def attention(record: Record, settings: Settings, name: str) -> None:
    """Compare kinds of attention, forward and backward, on rows of real lengths.

    All but `varlen` take the grid with padding, with a mask or without (flash takes none; its numbers are wrong then,
    its time is not); `varlen` takes the packed rows. A whole layer of Layover stands beside them.
    """
    hidden, device = shape_of(settings, "base").hidden, settings.device
    heads = hidden // HEAD_SIZE
    lengths = lengths_of(settings, name, 256 if settings.quick else 8192)
    count, longest = int(lengths.sum()), int(lengths.max())
    mask = (torch.arange(longest) < lengths[:, None])[:, None, None, :].to(device)
    for precision, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        size = (len(lengths), heads, longest, HEAD_SIZE)
        grid = [torch.randn(size, device=device, dtype=dtype, requires_grad=True) for _ in range(3)]
        packed = [torch.randn(1, count, hidden, device=device, dtype=dtype, requires_grad=True) for _ in range(3)]
        found: dict[str, Any] = {}
        for backend, kind in BACKENDS.items():
            for label, given in (("grid with a mask", mask), ("grid without a mask", None)):
                found[f"{backend}, {label}"] = milliseconds(partial(of_backend, kind, grid, given), grid, device)
        for way, forward in varlen(lengths, packed, count, heads).items():
            found[way] = milliseconds(forward, packed, device)
        step = Step(settings, lengths, precision, layers=1)
        found["a layer of Layover"] = {"both": round(1e3 * per_call(step, device), 4)}
        record.values["attention"][f"{name}, {precision}"] = {
            "tokens": count,
            "padded": len(lengths) * longest,
            "rows": len(lengths),
            "ways": found,
        }


def of_backend(kind: SDPBackend, grid: Sequence[Tensor], mask: Tensor | None) -> Tensor:
    """Return the context of one kind of attention."""
    with sdpa_kernel(kind):
        return scaled_dot_product_attention(*grid, attn_mask=mask)


def varlen(lengths: Tensor, packed: Sequence[Tensor], count: int, heads: int) -> dict[str, Callable[[], Tensor]]:
    """Return torch's attention on packed rows where it is there; it computes on GPUs, in 16 bits."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return {}
    device = packed[0].device
    ends = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)]).to(device, torch.int32)
    longest = int(lengths.max())

    def work() -> Tensor:
        parts = (part[0, :count].view(count, heads, -1) for part in packed)
        context: Tensor = varlen_attn(*parts, ends, ends, longest, longest)
        return context

    return {"varlen": work}


def switched(record: Record, settings: Settings, name: str) -> None:
    """Compare the layers with what Layover does on a GPU by itself, and without it."""
    module, function = SWITCHES[name]
    if importlib.util.find_spec(module) is None or function not in vars(home := importlib.import_module(module)):
        record.values["switches"][name] = "absent in this version"
        return
    row = {}
    for label, count in (("few rows", 16), ("many rows", 256)):
        step = Step(settings, pairs(settings, 8 if settings.quick else count), "bf16")
        row[f"with, {label}, ms"] = round(1e3 * per_call(step, settings.device), 4)
        with mock.patch.object(home, function, never):
            row[f"without, {label}, ms"] = round(1e3 * per_call(step, settings.device), 4)
    record.values["switches"][name] = row


def never(*_: object) -> bool:
    """Return False, without the time that a mock takes."""
    return False


def graph(record: Record, settings: Settings, count: int) -> None:
    """Compare the layers launched one by one with a CUDA graph of them.

    A graph repeats the masks of dropout: only its time is compared.
    """
    for precision in ("bf16", "fp32"):
        step = Step(settings, pairs(settings, count), precision)
        row: dict[str, Any] = {"eager_ms": round(1e3 * per_call(step, settings.device), 4)}
        record.values["graph"][f"{count} rows, {precision}"] = row
        if settings.on_gpu:
            tried(row, partial(captured, row, step, settings.device))


def tried(row: dict[str, Any], work: Callable[[], None]) -> None:
    """Do what Layover does not do yet; that it cannot be done is a result, too."""
    try:
        work()
    except Exception as error:  # noqa: BLE001
        row["failed"] = f"{type(error).__name__}: {error}"[:400]


def captured(row: dict[str, Any], step: Step, device: str) -> None:
    """Add the milliseconds of a replay, and the seconds that a capture takes."""
    for weight in step.weights:
        weight.grad = None
    began = time.perf_counter()
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # as torch's documentation asks: some libraries set themselves up in first calls
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    for weight in step.weights:
        weight.grad = None
    whole = torch.cuda.CUDAGraph()
    with torch.cuda.graph(whole):
        step()
    _ours.wait(device)
    row["capture_seconds"] = round(time.perf_counter() - began, 3)
    row["graph_ms"] = round(1e3 * per_call(whole.replay, device), 4)


def compiled(record: Record, settings: Settings) -> None:
    """Compare a layer with a compiled one, and say what the first call and other shapes cost."""
    step = Step(settings, pairs(settings, 8 if settings.quick else 64), "bf16", layers=1)
    row: dict[str, Any] = {"eager_ms": round(1e3 * per_call(step, settings.device), 4)}
    record.values["compile"]["one layer, bf16"] = row
    if settings.on_gpu:  # on a CPU the compiler would run for a minute, for another device
        tried(row, partial(compile_layer, row, step, settings))


def compile_layer(row: dict[str, Any], step: Step, settings: Settings) -> None:
    """Add the seconds of the first call and of other shapes, and the milliseconds of later calls."""
    import torch._dynamo as dynamo

    device = settings.device
    step.forward = torch.compile(step.forward)
    row["first_seconds"] = round(timed(device, step), 2)
    row["compiled_ms"] = round(1e3 * per_call(step, device), 4)
    row["new_shape_seconds"] = []
    for count in (50, 40, 30):
        step.take(pairs(settings, count))
        row["new_shape_seconds"].append(round(timed(device, step), 2))
    row["graph_breaks"] = sum(dynamo.utils.counters["graph_break"].values())


def dropout(record: Record, settings: Settings) -> None:
    """Compare our dropout, whose masks are functions of the position, with torch's, forward and backward."""
    count, hidden = (64 if settings.quick else 8192), shape_of(settings, "base").hidden
    device = torch.device(settings.device)
    clock = DropoutClock(1)
    ours, theirs = RowDropout(0.1, clock, 3).train(), nn.Dropout(0.1).train()
    ids = torch.arange(count // 64, device=device)
    clock.set(0, ids)
    owners, places = ids.repeat_interleave(64), torch.arange(count, device=device) % 64
    for dtype in (torch.bfloat16, torch.float32):
        hidden_states = torch.randn(1, count, hidden, device=device, dtype=dtype, requires_grad=True)
        with clock.packing(len(ids), owners, places):
            found = {
                "layover": milliseconds(partial(ours, hidden_states), [hidden_states], settings.device),
                "torch": milliseconds(partial(theirs, hidden_states), [hidden_states], settings.device),
            }
        record.values["dropout"][f"{count} x {hidden}, {str(dtype).removeprefix('torch.')}"] = found


def micro_batches(record: Record, settings: Settings) -> None:
    """Compare sizes of micro-batches of a training with large steps."""
    batch, sizes = (16, (128, 512)) if settings.quick else (1024, (1024, 4096, 16384, 65536))
    features = rows("classification", batch, shape_of(settings, "base").vocabulary)
    ways: dict[str, Way] = {}
    for size in sizes:
        encoder = _ours.make_encoder(encoder_folder(settings, "base"), "bf16", dropout=0.1)
        head = _ours.make_head("classification", encoder, 0.1)
        ways[str(size)] = lambda encoder=encoder, head=head, size=size: _ours.train(  # type: ignore[misc]
            encoder, head, features, "bf16", settings.device, batch=batch, micro_tokens=size
        )[0]
    record.values["micro_tokens"] = tokens_per_second(record, settings, ways, int(features.lengths.sum()))


def predicted_tokens(record: Record, settings: Settings) -> None:
    """Compare sizes of the batches of a prediction."""
    count, sizes = (32, (128, 512)) if settings.quick else (4096, (2048, 8192, 32768, 131072))
    features = rows("classification", count, shape_of(settings, "base").vocabulary)
    encoder = _ours.make_encoder(encoder_folder(settings, "base"), "bf16")
    head = _ours.make_head("classification", encoder)
    ways = {}
    for size in sizes:
        work = partial(_ours.predicted, encoder, head, features, "bf16", settings.device, micro_tokens=size)
        ways[str(size)] = partial(timed, settings.device, work)
    record.values["predicted_tokens"] = tokens_per_second(record, settings, ways, int(features.lengths.sum()))


def with_tf32(record: Record, settings: Settings) -> None:
    """Compare float32 with float32 whose products round their factors to TF32."""
    step = Step(settings, pairs(settings, 8 if settings.quick else 128), "fp32")

    def timed_with(on: bool) -> float:
        with tf32(on):
            return timed(settings.device, step)

    ways = {"fp32": partial(timed_with, False), "tf32": partial(timed_with, settings.on_gpu)}
    took = turns(record, ways, 5.0, rounds=1 if settings.quick else 7)
    record.values["tf32"] = {name: spread([1e3 * seconds for seconds in values], 3) for name, values in took.items()}


def tokens_per_second(record: Record, settings: Settings, ways: dict[str, Way], tokens: int) -> dict[str, Any]:
    """Return the tokens per second of every way."""
    took = turns(record, ways, 8.0, rounds=1 if settings.quick else 7)
    return {name: spread([tokens / seconds for seconds in values], 1) for name, values in took.items()}
