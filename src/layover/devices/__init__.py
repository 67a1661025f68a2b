"""The devices of this machine, and what they can do; the one place that decides the device of a run.

torch decides (`facts`). A plan runs without torch, and goes by traces of a GPU (`cards`).
"""

from layover.devices.abilities import AMPERE, fuses_attention, refuses, slow, usable_precisions
from layover.devices.cards import GpuTrace, Kind, likely_kind, seen_card, torch_build
from layover.devices.cublas import CUBLAS_VARIABLE, cublas_workspace, set_cublas_workspace
from layover.devices.facts import DeviceFacts, device_of, examine, shown_capability, why_unusable

__all__ = [
    "AMPERE",
    "CUBLAS_VARIABLE",
    "DeviceFacts",
    "GpuTrace",
    "Kind",
    "cublas_workspace",
    "device_of",
    "examine",
    "fuses_attention",
    "likely_kind",
    "refuses",
    "seen_card",
    "set_cublas_workspace",
    "shown_capability",
    "slow",
    "torch_build",
    "usable_precisions",
    "why_unusable",
]
