"""The C++ part of a pretended CUDA device: torch asks for a device guard and for hooks, and a machine without a GPU has
neither. This file never imports torch at its top: the hooks have to be there before."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

SOURCE = r"""
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
using c10::Device, c10::DeviceIndex, c10::DeviceType, c10::Stream;
static const Device here(DeviceType::CUDA, 0);

struct Guard final : c10::impl::DeviceGuardImplInterface {
  DeviceType type() const override { return DeviceType::CUDA; }
  Device exchangeDevice(Device) const override { return here; }
  Device getDevice() const override { return here; }
  void setDevice(Device) const override {}
  void uncheckedSetDevice(Device) const noexcept override {}
  Stream getStream(Device) const override { return Stream(Stream::DEFAULT, here); }
  Stream exchangeStream(Stream stream) const override { return stream; }
  DeviceIndex deviceCount() const noexcept override { return 1; }
};

struct Hooks final : at::CUDAHooksInterface {
  Hooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  DeviceIndex deviceCount() const override { return 1; }
  DeviceIndex getCurrentDevice() const override { return 0; }
};

// a build of torch with CUDA registers its own hooks, later and with a lower priority, and its own guard
namespace at { C10_REGISTER_CLASS_WITH_PRIORITY(CUDAHooksRegistry, CUDAHooks, c10::REGISTRY_PREFERRED, ::Hooks) }
extern "C" void take_the_place_of_cuda() {
  static Guard guard;
  c10::impl::device_guard_impl_registry[static_cast<size_t>(DeviceType::CUDA)].store(&guard);
}
"""


def torch_folder() -> Path:
    """Return the folder of torch, without importing it."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def built(folder: Path, version: str) -> tuple[Path, str]:
    """Compile the library, unless the folder has it; return its path, and what the compiler says where it fails.

    Args:
        folder: Folder of compiled libraries.
        version: The version of torch.
    """
    torch = torch_folder()
    library = folder / f"{hashlib.sha256(f'{SOURCE} {version} {torch}'.encode()).hexdigest()[:16]}.so"
    if library.exists():
        return library, ""
    beside = library.with_suffix(f".{os.getpid()}")
    flags = ["-O0", "-shared", "-fPIC", "-std=c++20", f"-I{torch}/include", f"-L{torch}/lib", f"-Wl,-rpath,{torch}/lib"]
    command = ["g++", *flags, "-x", "c++", "-", "-o", str(beside), "-lc10", "-ltorch_cpu"]
    ran = subprocess.run(command, input=SOURCE, capture_output=True, text=True, check=False)
    if ran.returncode:
        return library, ran.stderr
    beside.replace(library)
    return library, ""


def install(library: Path) -> None:
    """Load the library and import torch between its two halves."""
    assert "torch" not in sys.modules, "torch looks for the hooks once, when it is imported"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    loaded = ctypes.CDLL(str(library))
    importlib.import_module("torch")
    loaded.take_the_place_of_cuda()
