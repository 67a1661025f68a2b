"""The device that torch finds on this machine, and its facts; torch is imported when it is asked."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from layover.allowed import available_memory, total_memory
from layover.devices.cards import Kind, seen_card
from layover.errors import ModelError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS: tuple[Kind, ...] = get_args(Kind)

PREFERRED: tuple[Kind, ...] = ("cuda", "mps", "cpu")
"""The order in which `auto` takes a device."""

INSTALL = "https://pytorch.org/get-started/locally names the build for this machine"


@dataclass(frozen=True)
class DeviceFacts:
    """A device as torch sees it."""

    kind: Kind
    name: str
    """The model of the card or of the processor."""
    count: int
    """Number of such devices."""
    torch: str
    """Version of torch."""
    capability: tuple[int, int] | None = None
    """Compute capability of a card of NVIDIA."""
    total_bytes: int | None = None
    free_bytes: int | None = None
    cuda: str | None = None
    """Version of CUDA that torch was built for."""
    hip: str | None = None
    """Version of HIP that torch was built for."""
    unusable: str = ""
    """Why torch cannot use a GPU of which this machine has a trace."""

    @property
    def shown(self) -> str:
        """The device in a line: `cuda (Tesla T4, compute capability 7.5)`."""
        if self.kind == "cpu":
            return "cpu"
        capability = "" if self.capability is None else f", compute capability {shown_capability(self.capability)}"
        return f"{self.kind} ({self.name}{capability})"


def shown_capability(capability: tuple[int, int]) -> str:
    """Return a compute capability as NVIDIA writes it, `7.5`."""
    return f"{capability[0]}.{capability[1]}"


def examine(wanted: str = "auto", where: str = "run.device") -> DeviceFacts:
    """Return the facts of a device; `auto` is the first that torch can use: cuda, mps, cpu.

    Args:
        wanted: `auto`, `cpu`, `cuda` or `mps`.
        where: Source of the name, for the message.

    Raises:
        ModelError: torch cannot use the device, or its name is unknown.
    """
    kind = device_of(wanted, where)
    return {"cuda": _cuda, "mps": _mps, "cpu": _cpu}[kind]()


def device_of(wanted: str, where: str = "run.device") -> Kind:
    """Return the device for `auto`, `cpu`, `cuda` or `mps`; see `examine`."""
    if wanted == "auto":
        return next(kind for kind in PREFERRED if not why_unusable(kind))
    kind = next((kind for kind in KINDS if kind == wanted), None)
    if kind is None:
        raise ModelError(f"{where}: {wanted!r} is not a device; {nearest(wanted, ('auto', *KINDS))}")
    if reason := why_unusable(kind):
        usable = ", ".join(other for other in PREFERRED if not why_unusable(other))
        raise ModelError(f"{where}: {wanted} is not available here: {reason}; usable: {usable}")
    return kind


def why_unusable(kind: Kind) -> str:
    """Return why torch cannot use a kind of device on this machine, or an empty text."""
    import torch

    if kind == "mps":
        return "" if torch.backends.mps.is_available() else f"torch {torch.__version__} finds no GPU of Apple"
    return _why_no_cuda() if kind == "cuda" else ""


def _why_no_cuda() -> str:
    import torch

    if torch.cuda.is_available():
        return _why_not_started()
    card, built_for = seen_card(), torch.version.cuda or torch.version.hip
    if card is None:
        return f"torch {torch.__version__} does not find this device on this machine"
    if card.hidden_by is not None:
        return f"{card.hidden_by} hides {card.shown} from torch"
    if built_for is None:
        return f"there is {card.shown}, but torch {torch.__version__} is a CPU build; {INSTALL}"
    return (
        f"there is {card.shown}, but torch {torch.__version__} (built for {built_for}) does not find it; the driver "
        "may be absent or too old, or the container may have no access"
    )


def _why_not_started() -> str:
    """Return why torch cannot compute on the GPU that it finds, or an empty text."""
    import torch

    kernels = [] if torch.version.cuda is None or torch.version.hip else torch.cuda.get_arch_list()
    try:
        capability = torch.cuda.get_device_capability() if kernels else None
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        return f"torch {torch.__version__} cannot start its GPU: {reason}; another process may hold it alone"
    if capability is None or has_kernels(capability, kernels):
        return ""
    return (
        f"torch {torch.__version__} has no kernels for {torch.cuda.get_device_name()}, compute capability "
        f"{shown_capability(capability)} (it has {', '.join(kernels)}); {INSTALL}"
    )


def has_kernels(capability: tuple[int, int], kernels: Sequence[str]) -> bool:
    """Return whether a build of torch has kernels for a card.

    A kernel for `sm_80` runs on every card of 8.x from 8.0 on. Code for `compute_80` is compiled on newer cards, too.

    Args:
        capability: Compute capability of the card.
        kernels: The architectures of the build, see `torch.cuda.get_arch_list`.
    """
    for kernel in kernels:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", kernel)
        if match is None:
            continue
        built_for = int(match[2]), int(match[3])
        same = match[1] == "compute" or built_for[0] == capability[0]
        if same and built_for <= capability:
            return True
    return False


def _cuda() -> DeviceFacts:
    import torch

    place = torch.cuda.current_device()
    free, total = torch.cuda.mem_get_info(place)
    return DeviceFacts(
        "cuda",
        torch.cuda.get_device_name(place),
        torch.cuda.device_count(),
        str(torch.__version__),
        None if torch.version.hip else torch.cuda.get_device_capability(place),
        total,
        free,
        torch.version.cuda,
        torch.version.hip,
    )


def _mps() -> DeviceFacts:
    import torch

    return DeviceFacts(
        "mps",
        "GPU of Apple",
        1,
        str(torch.__version__),
        total_bytes=int(torch.mps.recommended_max_memory()),
        free_bytes=available_memory(),
    )


def _cpu() -> DeviceFacts:
    import torch

    return DeviceFacts(
        "cpu",
        platform.processor() or platform.machine(),
        1,
        str(torch.__version__),
        total_bytes=total_memory(),
        free_bytes=available_memory(),
        cuda=torch.version.cuda,
        hip=torch.version.hip,
        unusable=_why_no_cuda() if seen_card() is not None else "",
    )
