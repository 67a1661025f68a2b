"""The arithmetic of float32 matrix products: a setting of torch for the whole process.

torch keeps it three times: `set_float32_matmul_precision` is the older way, and sets the two newer ones, which decide
for CUDA (`torch.backends.cuda.matmul.fp32_precision`) and for oneDNN (`torch.backends.mkldnn.matmul`). Where a program
has set a newer one alone, torch refuses to read the older one (`Context::float32MatmulPrecision`). The host's settings
are therefore read and restored one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from layover.errors import ModelError

Products = Literal["highest", "high", "medium"]
"""Names of torch: `highest` is float32; `high` is TF32 on a GPU; `medium` allows oneDNN's other products on a CPU."""

EXACT = "ieee"
INHERITED = "none"


@dataclass(frozen=True)
class _HostSettings:
    """The settings of the program around Layover."""

    older: str
    cuda: str
    onednn: str

    @classmethod
    def read(cls) -> _HostSettings:
        """Return the current settings; they are not changed."""
        backends = torch.backends
        cuda = backends.cuda.matmul.fp32_precision
        onednn = backends.mkldnn.matmul.fp32_precision  # type: ignore[attr-defined]
        # a setting that equals the setting of its whole library follows it
        cuda = INHERITED if cuda == backends.cudnn.fp32_precision else cuda
        onednn = INHERITED if onednn == backends.mkldnn.fp32_precision else onednn
        _set_newer(EXACT, EXACT)  # then the older one can be read
        older = torch.get_float32_matmul_precision()
        _set_newer(cuda, onednn)
        return cls(older, cuda, onednn)

    def restore(self) -> None:
        torch.set_float32_matmul_precision(self.older)
        _set_newer(self.cuda, self.onednn)


def _set_newer(cuda: str, onednn: str) -> None:
    torch.backends.cuda.matmul.fp32_precision = cuda
    torch.backends.mkldnn.matmul.fp32_precision = onednn  # type: ignore[attr-defined]


class _Process:
    """The threads that compute now, each with its settings from the outermost block to the innermost."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.threads: dict[int, list[Products]] = {}
        self.host: _HostSettings | None = None

    def enter(self, setting: Products) -> None:
        own = threading.get_ident()
        with self.changed:
            if own in self.threads and not self._agree(own, setting):
                raise ModelError(
                    "another thread computes in another precision at this moment, and torch has one setting for all; "
                    "compute in one precision at a time"
                )
            self.changed.wait_for(lambda: self._agree(own, setting))
            if not self.threads:
                self.host = _HostSettings.read()
            torch.set_float32_matmul_precision(setting)
            self.threads.setdefault(own, []).append(setting)

    def leave(self) -> None:
        own = threading.get_ident()
        with self.changed:
            settings = self.threads[own]
            settings.pop()
            if settings:
                torch.set_float32_matmul_precision(settings[-1])
            else:
                del self.threads[own]
            if not self.threads and self.host is not None:
                self.host.restore()
            self.changed.notify_all()

    def _agree(self, own: int, setting: Products) -> bool:
        return all(settings[-1] == setting for thread, settings in self.threads.items() if thread != own)


_process = _Process()


@contextmanager
def float32_products(setting: Products = "highest") -> Iterator[None]:
    """Set the arithmetic of float32 products inside the context; the host's settings return after it.

    A thread waits while another thread computes in another setting.

    Raises:
        ModelError: a thread changes its setting in a block while another thread computes.
    """
    _process.enter(setting)
    try:
        yield
    finally:
        _process.leave()
