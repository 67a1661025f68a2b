"""The device and what of torch is there: without them no other figure can be read."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
from typing import Any, get_args

import torch
from _common import machine, versions

from gpu_steps._record import Record, Settings
from layover.numerics import Precision

BUDGET = 15.0


def run(record: Record, settings: Settings) -> None:
    """Write them down."""
    record.values |= {"machine": machine(), "versions": versions(), "precisions": list(get_args(Precision))}
    record.case("torch", lambda: record.values.update(torch=of_torch()))
    record.case("attention", lambda: record.values.update(attention=of_attention()))
    record.check("the device is there", not settings.on_gpu or torch.cuda.is_available(), cuda=torch.version.cuda)
    if settings.on_gpu:
        record.case("device", lambda: record.values.update(device=of_device()))


def of_torch() -> dict[str, Any]:
    """Return how torch was built, and which of its optional pieces it has."""
    return {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "triton": is_there("triton"),
        "bitsandbytes": is_there("bitsandbytes"),
        "peft": is_there("peft"),
        "adapters": is_there("adapters"),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "tf32_of_products": torch.backends.cuda.matmul.allow_tf32,
        "tf32_of_cudnn": torch.backends.cudnn.allow_tf32,
    }


def of_attention() -> dict[str, Any]:
    """Return which kinds of attention are enabled; whether one takes given tensors, the step levers finds out."""
    backends = torch.backends.cuda
    enabled = {
        "flash": backends.flash_sdp_enabled(),
        "efficient": backends.mem_efficient_sdp_enabled(),
        "math": backends.math_sdp_enabled(),
        "cudnn": backends.cudnn_sdp_enabled(),
    }
    varlen = is_there("torch.nn.attention.varlen")
    takes: list[str] = []
    if varlen:
        from torch.nn.attention.varlen import varlen_attn

        takes = list(inspect.signature(varlen_attn).parameters)
    return {"enabled": enabled, "varlen": varlen, "varlen_arguments": takes}


def of_device() -> dict[str, Any]:
    """Return the GPU's properties."""
    properties = torch.cuda.get_device_properties(0)
    free, total = torch.cuda.mem_get_info()
    return {
        "name": properties.name,
        "count": torch.cuda.device_count(),
        "capability": list(torch.cuda.get_device_capability()),
        "multiprocessors": properties.multi_processor_count,
        "memory_gib": round(total / 2**30, 2),
        "free_gib": round(free / 2**30, 2),
        "bf16": torch.cuda.is_bf16_supported(),
        "architectures": torch.cuda.get_arch_list(),
        "driver": driver(),
    }


def driver() -> str:
    """Return the version of the driver, or "unknown" if nvidia-smi does not say it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.partition("\n")[0].strip()


def is_there(module: str) -> bool:
    """Return whether a module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is not there
        return False
