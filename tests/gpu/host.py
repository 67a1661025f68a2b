"""Main memory beside the pretended device: what is pinned, and which copies from the device are on their way."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tests.gpu.events import EARLY, WAIT, Log
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily


class HostMemory:
    """Pinned memory, and copies that were asked for without a wait: who reads them first has to wait.

    Tensors are known by the address of their memory, so that views count, too; they are held, so that no other tensor
    gets it.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._pinned: dict[int, Tensor] = {}
        self._arriving: dict[int, int] = {}
        """Address -> the number of the copy."""
        self._copies = 0

    def pin(self, tensor: Tensor) -> Tensor:
        """Return a copy in memory that counts as pinned."""
        assert not isinstance(tensor, FakeTensor), "only CPU tensors can be pinned"
        if self.is_pinned(tensor):
            return tensor
        with unset_fake_temporarily():
            copy = tensor.detach().clone()
        self._pinned[_address(copy)] = copy
        return copy

    def is_pinned(self, tensor: Tensor) -> bool:
        return not isinstance(tensor, FakeTensor) and _address(tensor) in self._pinned

    def expect(self, tensor: Tensor) -> Tensor:
        """Return a pinned tensor that a copy from the device is on its way to."""
        self._copies += 1
        self._arriving[_address(tensor)] = self._copies
        return tensor

    def read(self, tensors: Iterable[object]) -> None:
        """Write down that tensors are read that have not arrived."""
        if self._arriving and any(
            isinstance(tensor, Tensor) and _address(tensor) in self._arriving for tensor in tensors
        ):
            self._log.add(EARLY, "read before it arrives")

    def arrived(self, last: int | None = None) -> None:
        """Everything has arrived, or all copies up to one."""
        self._arriving = {address: copy for address, copy in self._arriving.items() if last is not None and copy > last}

    def synchronize(self, *_: object) -> None:
        """Wait for the device."""
        self._log.add(WAIT, "synchronize")
        self.arrived()

    def mark(self, *_: object, **__: object) -> Mark:
        """Return an event of a stream."""
        return Mark(self)

    def stream(self, *_: object, **__: object) -> Stream:
        """Return a stream; all streams are one."""
        return Stream(self)


class Mark:
    """An event of a stream: copies that were asked for before it are there once it is reached."""

    def __init__(self, host: HostMemory) -> None:
        self._host, self._copies = host, 0

    def record(self, *_: object) -> None:
        """Note the place in the stream."""
        self._copies = self._host._copies

    def wait(self, *_: object) -> None:
        """Let a stream wait, which costs the host nothing."""

    def synchronize(self) -> None:
        """Wait for the event."""
        self._host._log.add(WAIT, "synchronize")
        self._host.arrived(self._copies)

    def query(self) -> bool:
        """Return that the event has been reached."""
        self._host.arrived(self._copies)
        return True


class Stream:
    """A stream of the device."""

    def __init__(self, host: HostMemory) -> None:
        self.synchronize = host.synchronize
        self._host = host

    def record_event(self, event: Mark | None = None) -> Mark:
        """Return an event at this place of the stream."""
        mark = event or Mark(self._host)
        mark.record()
        return mark

    def wait_event(self, _: Mark) -> None:
        """Let the stream wait, which costs the host nothing."""

    def wait_stream(self, _: Stream) -> None:
        """Let the stream wait, which costs the host nothing."""


def _address(tensor: Tensor) -> int:
    with torch._C._DisableTorchDispatch():
        return tensor.untyped_storage().data_ptr()
