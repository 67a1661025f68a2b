"""Traces of a GPU on this machine, from files and the environment: without torch, for notes of `check` and `plan`."""

from __future__ import annotations

import ast
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from layover.errors import LayoverError

Kind = Literal["cpu", "cuda", "mps"]
"""Devices as torch names them; AMD's GPUs are `cuda`, too."""

Maker = Literal["NVIDIA", "AMD", "Windows"]
"""The maker of a card; `Windows`: the host of WSL has a GPU of an unknown maker."""

ROOT = Path("/")

TRACES: tuple[tuple[Maker, str], ...] = (
    ("NVIDIA", "dev/nvidia[0-9]*"),
    ("NVIDIA", "proc/driver/nvidia/gpus/*"),
    ("NVIDIA", "dev/nvhost-gpu"),
    ("AMD", "dev/kfd"),
    ("Windows", "dev/dxg"),
)
"""Files of drivers, the surest first. A container may have the second card only, and `nvidiactl` without any card."""

INDEX_PREFIXES = ("GPU-", "MIG-")
"""Beginnings of the long names of cards in `CUDA_VISIBLE_DEVICES`."""


@dataclass(frozen=True)
class GpuTrace:
    """A GPU of which this machine has a trace."""

    maker: Maker
    trace: str
    """The file that shows it."""
    hidden_by: str | None = None
    """The environment variable that hides all cards of this maker from programs."""

    @property
    def shown(self) -> str:
        """The card in a sentence: `a GPU of NVIDIA (/dev/nvidia0)`."""
        return f"a GPU {'of the Windows host' if self.maker == 'Windows' else f'of {self.maker}'} ({self.trace})"


@dataclass(frozen=True)
class TorchBuild:
    """The installed torch: what its version file says."""

    version: str
    cuda: str | None
    """The version of CUDA that it was built for."""
    hip: str | None
    """The version of HIP, for GPUs of AMD."""

    def serves(self, card: GpuTrace) -> bool:
        """Return whether it was built for a card."""
        if card.maker == "Windows":
            return self.cuda is not None or self.hip is not None
        return (self.hip if card.maker == "AMD" else self.cuda) is not None


def seen_card(root: Path = ROOT) -> GpuTrace | None:
    """Return the GPU that a driver's files show, or None; `nvidia-smi` on the PATH counts if no file does."""
    for maker, pattern in TRACES:
        files = sorted(root.glob(pattern))
        if files:
            return GpuTrace(maker, str(files[0]), _hiding(maker))
    tool = shutil.which("nvidia-smi")
    return None if tool is None else GpuTrace("NVIDIA", tool, _hiding("NVIDIA"))


def _hiding(maker: Maker) -> str | None:
    """Return the variable that hides every card of a maker, as `NAME=value`."""
    names = {
        "NVIDIA": ["CUDA_VISIBLE_DEVICES"],
        "AMD": ["ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"],
        "Windows": ["CUDA_VISIBLE_DEVICES"],
    }[maker]
    for name in names:
        value = os.environ.get(name)
        if value is not None and not _shows_a_card(value):
            return f"{name}={value}"
    return None


def _shows_a_card(value: str) -> bool:
    """Return whether a list of cards has any: the drivers read it up to the first entry that is not a card."""
    first = value.split(",", maxsplit=1)[0].strip()
    return first[:1].isdigit() or first.startswith(INDEX_PREFIXES)


@lru_cache(maxsize=1)
def torch_build() -> TorchBuild:
    """Return the build of torch from its version file; torch is not imported.

    Raises:
        LayoverError: torch is not installed.
    """
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        raise LayoverError("torch is not installed here; install it as README.md says")
    values = dict(_assignments(Path(spec.origin).with_name("version.py")))
    return TorchBuild(str(values.get("__version__")), values.get("cuda"), values.get("hip"))


def _assignments(file: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the names and plain values that a Python file assigns."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
        if isinstance(value, ast.Constant) and (value.value is None or isinstance(value.value, str)):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, value.value


def likely_kind(root: Path = ROOT) -> Kind:
    """Return the device that `auto` probably becomes here, for estimates; a run asks torch itself."""
    card, build = seen_card(root), torch_build()
    if card is not None and card.hidden_by is None and build.serves(card):
        return "cuda"
    return "mps" if sys.platform == "darwin" and platform.machine() == "arm64" else "cpu"
