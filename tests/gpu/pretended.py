"""A CUDA device that computes nothing: shapes, types and devices are checked, and what the host waits for is written down.

Tensors on the CPU are real and computed. Those on `cuda` are torch's FakeTensors; copied to the CPU, they are zeros. Load
the library of `shim.py` before torch.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

HERE = Path(__file__)
WAIT, PAGEABLE = "wait", "pageable"
SIZED_BY_VALUES = frozenset(
    {"bincount", "equal", "masked_select", "nonzero", "_unique2", "unique_consecutive", "unique_dim"}
)
"""Operators that wait for the device, because their result is a number or has as many entries as the values say."""
INDEXING = frozenset({"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"})


class SizeNeedsWait(RuntimeError):
    """The operator cannot be pretended: the size of its result would be known only after a wait."""


class DeviceMismatch(RuntimeError):
    """Tensors of two devices meet in an operator that computes on one."""


@dataclass(frozen=True)
class Event:
    """Something that a GPU would make the host wait for, or copy slowly, and the innermost line of ours that asks."""

    kind: str
    """`wait`, or `pageable`: a copy to the device from memory that is not pinned."""
    operator: str
    function: str
    """`heads/span.py:SpanHead.outputs`; `autograd` if a backward pass has no line of ours."""
    line: str
    """`heads/span.py:41`"""


@dataclass
class Log:
    """What happened on the device."""

    ours: Sequence[Path]
    """Folders of code whose lines are reported; the first that holds a file names it."""
    events: Counter[Event] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, operator: str) -> None:
        """Write down an event at the present line."""
        self.events[Event(kind, operator, *self._place())] += 1

    def _place(self) -> tuple[str, str]:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            for folder in self.ours:
                if path.is_relative_to(folder) and path != HERE:
                    name = path.relative_to(folder).as_posix()
                    return f"{name}:{frame.f_code.co_qualname}", f"{name}:{frame.f_lineno}"
            frame = frame.f_back
        return "autograd", "autograd"


class _Device(TorchDispatchMode):
    """Sends what meets the device to FakeTensorMode, and computes the rest."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log
        self._pinned: dict[int, Tensor] = {}
        """Data pointer -> tensor, which is held, so that no other tensor gets its memory."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func.namespace == "prim":
            return func(*args, **kwargs)
        leaves = tree_leaves((args, kwargs))
        if not any(_is_there(leaf) for leaf in leaves):
            pin = kwargs.pop("pin_memory", None)
            with unset_fake_temporarily():
                made = func(*args, **kwargs)
            return self.pin(made) if pin else made
        if torch.is_inference_mode_enabled() and func._can_decompose():
            with self:
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        return self._pretend(func, args, kwargs)

    def _pretend(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name, log = func.overloadpacket.__name__, self.log
        log.operators[name] += 1
        if name == "_local_scalar_dense":
            log.add(WAIT, "item")
            return 0.0 if args[0].dtype.is_floating_point else 0
        if name in SIZED_BY_VALUES or (name == "repeat_interleave" and kwargs.get("output_size") is None):
            log.add(WAIT, name)
            raise SizeNeedsWait(name)
        if name in INDEXING:
            self._index(args)
        if name == "_to_copy" and (to := kwargs.get("device")) is not None and to.type == "cpu":
            return self._to_host(args[0], kwargs)
        if name == "copy_" and args[0].device.type == "cpu":
            self._copy_to_host(*args, **kwargs)
            return args[0]
        if name in {"copy_", "_to_copy"}:
            source = args[1] if name == "copy_" else args[0]
            self._to_device(source, kwargs.get("non_blocking", len(args) > 2 and args[2]))
        args, kwargs = tree_map(_faked, (args, kwargs))
        return tree_map(_real_on_host, func(*args, **kwargs))

    def _index(self, args: Any) -> None:
        """Write down what indices cost: a mask on the device has to be counted, an index on the host be copied.

        FakeTensorMode does not compare devices here.
        """
        devices = {args[0].device, *(value.device for value in args[2:3] if value.dim())}
        if len(devices) > 1 or (args[0].device.type == "cpu" and any(index is not None and index.is_cuda for index in args[1])):
            raise DeviceMismatch(f"indexing mixes the devices of tensor, values and indices: {devices}")
        for index in args[1]:
            if index is None:
                continue
            if index.device.type == "cpu":
                self.log.add(PAGEABLE, "index on the CPU")
            elif index.dtype in {torch.bool, torch.uint8}:
                self.log.add(WAIT, "boolean index")
                raise SizeNeedsWait("boolean index")

    def _to_device(self, source: Tensor, later: bool) -> None:
        if source.device.type != "cpu":
            return
        if not self.is_pinned(source):
            self.log.add(PAGEABLE, "to the device")
        elif not later:
            self.log.add(WAIT, "to the device, blocking")

    def _to_host(self, source: Tensor, kwargs: dict[str, Any]) -> Tensor:
        host = _zeros(source, kwargs.get("dtype"))
        if kwargs.get("non_blocking"):
            return self.pin(host)  # torch takes pinned memory for it
        self.log.add(WAIT, "to the CPU")
        return host

    def _copy_to_host(self, host: Tensor, source: Tensor, non_blocking: bool = False) -> None:
        if not non_blocking or not self.is_pinned(host):
            self.log.add(WAIT, "copy_ to the CPU")
        with unset_fake_temporarily():
            host.zero_()

    def pin(self, tensor: Tensor, device: object = None) -> Tensor:
        assert not isinstance(tensor, FakeTensor), "only CPU tensors can be pinned"
        if self.is_pinned(tensor):
            return tensor
        with unset_fake_temporarily():
            copy = tensor.detach().clone()
        self._pinned[copy.untyped_storage().data_ptr()] = copy
        return copy

    def is_pinned(self, tensor: Tensor, device: object = None) -> bool:
        if isinstance(tensor, FakeTensor):
            return False
        return tensor.numel() == 0 or tensor.untyped_storage().data_ptr() in self._pinned

    def synchronize(self, *_: object) -> None:
        self.log.add(WAIT, "synchronize")


def _is_there(leaf: object) -> bool:
    return isinstance(leaf, FakeTensor) or (isinstance(leaf, torch.device) and leaf.type == "cuda")


def _zeros(like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    with unset_fake_temporarily():
        return torch.zeros(like.shape, dtype=dtype or like.dtype)


def _faked(value: Any) -> Any:
    """Return a fake of a real tensor; the mode's own converter holds weak references, which block moves of weights."""
    if isinstance(value, Tensor) and not isinstance(value, FakeTensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)
    return value


def _real_on_host(value: Any) -> Any:
    return _zeros(value) if isinstance(value, FakeTensor) and value.is_cpu else value


def _keeping_identity(swap: Callable[[Tensor, Tensor], None]) -> Callable[[Tensor, Tensor], None]:
    """Return the function that moves a weight to the device; the object stays the same, as on a real device."""

    def swapped(weight: Tensor, other: Tensor) -> None:
        if weight.device == other.device and weight.dtype == other.dtype:
            return
        assert other.device.type == "cuda" or weight.device == other.device, "no weight moves back to the CPU"
        if other.device.type == "cpu":
            swap(weight, other)
            return
        # `other` cannot be swapped, because fake tensors remember their views by weak references
        fresh = torch.empty_strided(other.shape, other.stride(), dtype=other.dtype, device=other.device)
        fresh._is_param = isinstance(weight, torch.nn.Parameter)
        swap(weight, fresh.requires_grad_(weight.requires_grad))

    return swapped


def _swapping(apply: Callable[..., torch.nn.Module]) -> Callable[..., torch.nn.Module]:
    """Return `Module._apply`, which moves weights, with swaps instead of new objects."""

    def applied(*args: Any, **kwargs: Any) -> torch.nn.Module:
        before = torch.__future__.get_swap_module_params_on_conversion()
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            return apply(*args, **kwargs)
        finally:
            torch.__future__.set_swap_module_params_on_conversion(before)

    return applied


class _Mark:
    """An event of a stream: only a wait for it matters."""

    def __init__(self, device: _Device) -> None:
        self._device = device

    def record(self, *_: object) -> None:
        """Do nothing."""

    wait = record

    def synchronize(self) -> None:
        self._device.synchronize()

    def query(self) -> bool:
        return True


def _patches(device: _Device) -> Iterator[Any]:
    cuda = {
        "_lazy_init": lambda: None,
        "is_initialized": lambda: True,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda _: None,
        "empty_cache": lambda: None,
        "is_current_stream_capturing": lambda: False,
        "is_bf16_supported": lambda *_, **__: True,
        "mem_get_info": lambda *_: (60 << 30, 80 << 30),
        "memory_reserved": lambda *_: 0,
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: 0,
        "reset_peak_memory_stats": lambda *_: None,
        "get_device_capability": lambda *_: (8, 0),
        "get_device_name": lambda *_: "pretended",
        "synchronize": device.synchronize,
        "Event": lambda *_, **__: _Mark(device),
    }
    for name, value in cuda.items():
        yield mock.patch.object(torch.cuda, name, value)
    yield mock.patch.object(Tensor, "pin_memory", lambda tensor, on=None: device.pin(tensor, on))
    yield mock.patch.object(Tensor, "is_pinned", lambda tensor, on=None: device.is_pinned(tensor, on))
    yield mock.patch.object(FakeTensor, "tolist", lambda tensor: tensor.cpu().tolist())
    yield mock.patch.object(fake_tensor, "init_gpu_context", lambda *_: None)
    yield mock.patch.object(torch.nn.Module, "_apply", _swapping(torch.nn.Module._apply))
    yield mock.patch.object(torch.utils, "swap_tensors", _keeping_identity(torch.utils.swap_tensors))


@contextlib.contextmanager
def pretended(*ours: Path) -> Iterator[Log]:
    """Let `cuda` be a device inside the block; yield what happens on it.

    Args:
        ours: Folders of code whose lines are reported.
    """
    device = _Device(Log(ours))
    with contextlib.ExitStack() as stack:
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        for patch in _patches(device):
            stack.enter_context(patch)
        stack.enter_context(device)
        yield device.log
