"""A CUDA device that computes nothing: it checks shapes, types and devices, and writes down what makes the host wait.

Tensors on the CPU are real and computed. Those on `cuda` are FakeTensors of torch; a copy to the CPU has zeros. The
library of `shim.py` is loaded before torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from tests.gpu.events import PAGEABLE, WAIT, Log
from tests.gpu.host import HostMemory
from torch import Tensor
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

READS_VALUES = frozenset({torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output})
"""Marks of operators that wait for the device: their result is a number, or has as many entries as the values say."""
INDEXING = frozenset({"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"})


class UnknownSizeError(RuntimeError):
    """The operator cannot be pretended: the size of its result would be known only after a wait."""


class DeviceMismatchError(RuntimeError):
    """Tensors of two devices meet in an operator that computes on one."""


class _Device(TorchDispatchMode):
    """Sends what meets the device to FakeTensorMode, and computes the rest."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log, self.host = log, HostMemory(log)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func.namespace == "prim":
            return func(*args, **kwargs)
        if not any(_is_there(leaf) for leaf in _leaves(args, kwargs)):
            if not func.is_view:
                self.host.read(_leaves(args, kwargs))
            pin = kwargs.pop("pin_memory", None)
            with unset_fake_temporarily():
                made = func(*args, **kwargs)
            return self.host.pin(made) if pin else made
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
            self.host.arrived()
            return 0.0 if args[0].dtype.is_floating_point else 0
        if name in INDEXING:
            self._index(*args)
        elif READS_VALUES & set(func.tags) and kwargs.get("output_size") is None:  # of repeat_interleave
            log.add(WAIT, name)
            raise UnknownSizeError(name)
        if name.startswith(("_foreach_", "_fused_")):
            _check_lists(name, args, kwargs)
        if name == "_to_copy" and (to := kwargs.get("device")) is not None and to.type == "cpu":
            return self._to_host(args[0], kwargs)
        if name == "copy_" and args[0].device.type == "cpu":
            return self._copy_to_host(args[0], later=_later(args, kwargs))
        if name in {"copy_", "_to_copy"}:
            self._to_device(args[1] if name == "copy_" else args[0], later=_later(args, kwargs))
        args = [_each(_faked, value) for value in args]
        kwargs = {key: _each(_faked, value) for key, value in kwargs.items()}
        return _each(_real_on_host, func(*args, **kwargs))

    def _index(self, tensor: Tensor, indices: Sequence[Tensor | None], values: Tensor | None = None, *_: Any) -> None:
        """Write down what indices cost: a mask on the device has to be counted, an index on the host be copied.

        FakeTensorMode does not compare devices here.
        """
        given = [index for index in indices if index is not None]
        together = [tensor, *(given if tensor.device.type == "cpu" else [])]
        if values is not None and values.dim():
            together.append(values)
        _check_devices("indexing", together)
        filled = values is not None and values.numel() == 1 and values.device.type == "cpu" and len(given) == 1
        for index in given:
            if index.device.type == "cpu":
                self.log.add(PAGEABLE, "index on the CPU")
            elif index.dtype in {torch.bool, torch.uint8} and not filled:  # a number fills by the mask itself
                self.log.add(WAIT, "boolean index")
                raise UnknownSizeError("boolean index")

    def _to_device(self, source: Tensor, *, later: bool) -> None:
        if source.device.type != "cpu" or not source.numel():
            return
        if not self.host.is_pinned(source):
            self.log.add(PAGEABLE, "to the device")
        elif not later:
            self.log.add(WAIT, "to the device, blocking")

    def _to_host(self, source: Tensor, kwargs: dict[str, Any]) -> Tensor:
        host = _zeros(source, kwargs.get("dtype"))
        if kwargs.get("non_blocking"):
            return self.host.expect(self.host.pin(host))  # torch takes pinned memory for it
        self.log.add(WAIT, "to the CPU")
        self.host.arrived()
        return host

    def _copy_to_host(self, host: Tensor, *, later: bool) -> Tensor:
        with unset_fake_temporarily():
            host.zero_()
        if later and self.host.is_pinned(host):
            return self.host.expect(host)
        self.log.add(WAIT, "copy_ to the CPU")
        self.host.arrived()
        return host


def _check_lists(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Compare the devices of lists of tensors, which FakeTensorMode does not; only step counts may be on the CPU."""
    lists = [value for value in (*args, *kwargs.values()) if isinstance(value, (list, tuple))]
    tensors = [tensor for value in lists for tensor in value if isinstance(tensor, Tensor)]
    _check_devices(name, [tensor for tensor in tensors if tensor.dim() or name.startswith("_fused_")])


def _check_devices(name: str, tensors: Sequence[Tensor]) -> None:
    devices = sorted({str(tensor.device) for tensor in tensors})
    if len(devices) > 1:
        raise DeviceMismatchError(f"{name} mixes tensors on the devices {' and '.join(devices)}")


def _leaves(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the arguments of an operator, which are nested in lists at most."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """Return a value of an operator with all tensors changed."""
    if isinstance(value, (list, tuple)):
        return type(value)([change(item) for item in value])
    return change(value)


def _later(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Return the `non_blocking` of a copy, the third argument of `copy_`."""
    return bool(kwargs.get("non_blocking", len(args) > 2 and args[2]))


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


def _reading(host: HostMemory, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of tensors that reads their memory without an operator."""

    def read(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        host.read([tensor])
        return method(tensor, *args, **kwargs)

    return read


def _nothing(*_: object) -> None:
    """Do nothing."""


def _patches(host: HostMemory) -> Iterator[Any]:
    cuda = {
        "_lazy_init": _nothing,
        "is_initialized": lambda: True,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": _nothing,
        "empty_cache": _nothing,
        "is_current_stream_capturing": lambda: False,
        "is_bf16_supported": lambda *_, **__: True,
        "mem_get_info": lambda *_: (60 << 30, 80 << 30),
        "memory_reserved": lambda *_: 0,
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: 0,
        "reset_peak_memory_stats": _nothing,
        "get_device_capability": lambda *_: (8, 0),
        "get_device_name": lambda *_: "pretended",
        "get_arch_list": lambda: ["sm_75", "sm_80"],
        "synchronize": host.synchronize,
        "Event": host.mark,
        "Stream": host.stream,
        "current_stream": host.stream,
        "default_stream": host.stream,
        "stream": lambda _: contextlib.nullcontext(),
    }
    yield mock.patch.object(torch.version, "cuda", torch.version.cuda or "12.8")
    yield mock.patch.object(torch.backends.cuda, "is_flash_attention_available", return_value=True)
    for name, value in cuda.items():
        yield mock.patch.object(torch.cuda, name, value)
    yield mock.patch.object(Tensor, "pin_memory", lambda tensor, _=None: host.pin(tensor))
    yield mock.patch.object(Tensor, "is_pinned", lambda tensor, _=None: host.is_pinned(tensor))
    for name in ("numpy", "tolist"):
        yield mock.patch.object(Tensor, name, _reading(host, getattr(Tensor, name)))
    yield mock.patch.object(FakeTensor, "tolist", lambda tensor: tensor.cpu().tolist())
    yield mock.patch.object(fake_tensor, "init_gpu_context", _nothing)
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
        # to choose among the kernels of attention, a build with CUDA asks the driver
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        for patch in _patches(device.host):
            stack.enter_context(patch)
        stack.enter_context(device)
        yield device.log
