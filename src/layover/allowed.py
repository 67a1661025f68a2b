"""Memory and CPU cores that this process may use; control groups and the CPU affinity can limit those of the host.

Containers, SLURM and systemd limit by control groups, nested in each other. Each of a process's groups, up to the root,
limits it: the smallest limit counts. The kernel drops the page cache before it enforces a limit, so the page cache is
not counted as used.

Source: cgroup-v1/memory.rst, cgroup-v2.rst and scheduler/sched-bwc.rst of the kernel's documentation.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")


@dataclass(frozen=True)
class ControlGroup:
    """A control group that this process is in."""

    folder: Path
    unified: bool
    """Version 2."""


@dataclass(frozen=True)
class Mount:
    """A hierarchy of control groups, as it is mounted."""

    point: PurePosixPath
    root: PurePosixPath
    """The group at the mount point: in a container rarely the root."""
    unified: bool
    controllers: frozenset[str]


def total_memory(root: Path = ROOT) -> int:
    """Return the total bytes of main memory that this process may use.

    Args:
        root: Root of the file system with `proc` and `sys`.
    """
    import psutil

    limits = (_limit(group) for group in groups("memory", root))
    return min([psutil.virtual_memory().total, *(limit for limit in limits if limit is not None)])


def available_memory(root: Path = ROOT) -> int:
    """Return the bytes of main memory that this process may still allocate; `root` as in `total_memory`."""
    import psutil

    free = [int(psutil.virtual_memory().available)]
    for group in groups("memory", root):
        limit, used = _limit(group), _used(group)
        if limit is not None and used is not None:
            free.append(limit - used)
    return max(0, min(free))


def cores(root: Path = ROOT) -> int:
    """Return the CPU cores that this process may use, rounded up to whole cores; `root` as in `total_memory`."""
    quotas = (_quota(group) for group in groups("cpu", root))
    return max(1, min([_affinity(), *(math.ceil(quota) for quota in quotas if quota is not None)]))


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def bound_threads(root: Path = ROOT) -> None:
    """Limit the threads of torch, in this process and its children, to a quota that is smaller than the affinity.

    torch respects the affinity by itself. `root` as in `total_memory`.
    """
    count = cores(root)
    if count < _affinity():
        os.environ.setdefault("OMP_NUM_THREADS", str(count))


def groups(controller: str, root: Path = ROOT) -> Iterator[ControlGroup]:
    """Yield the groups of this process that may limit it, from its own up to the root.

    Args:
        controller: `memory` or `cpu`.
        root: See `total_memory`.
    """
    mounts = list(_mounts(root))
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        for mount in mounts:
            if mount.unified != (names == "") or not (mount.unified or controller in names.split(",")):
                continue
            if mount.unified or controller in mount.controllers:
                yield from _upwards(mount, PurePosixPath(path), root)
                break


def _mounts(root: Path) -> Iterator[Mount]:
    for line in _lines(root / "proc/self/mountinfo"):
        fields, _, rest = line.partition(" - ")
        parts, kinds = fields.split(" "), rest.split(" ")
        if len(parts) > 4 and len(kinds) > 2 and kinds[0] in {"cgroup", "cgroup2"}:
            unified = kinds[0] == "cgroup2"
            options = frozenset() if unified else frozenset(kinds[2].split(","))
            yield Mount(PurePosixPath(_plain(parts[4])), PurePosixPath(_plain(parts[3])), unified, options)


def _plain(path: str) -> str:
    """Return a path of mountinfo with its octal escapes decoded."""
    return path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _upwards(mount: Mount, path: PurePosixPath, root: Path) -> Iterator[ControlGroup]:
    """Yield the mounted groups of a path; only the mount point if the path is outside of it."""
    inside = path.is_relative_to(mount.root) and ".." not in path.parts
    group = mount.point / path.relative_to(mount.root) if inside else mount.point
    while group.is_relative_to(mount.point):
        yield ControlGroup(root / group.relative_to("/"), mount.unified)
        group = group.parent


def _limit(group: ControlGroup) -> int | None:
    names = ("memory.max", "memory.high") if group.unified else ("memory.limit_in_bytes",)
    limits = [number for name in names if (number := _number(group.folder / name)) is not None]
    if not group.unified and (above := _counts(group).get("hierarchical_memory_limit")) is not None:
        limits.append(above)  # includes groups that a container does not see
    return min(limits, default=None)


def _used(group: ControlGroup) -> int | None:
    """Return the bytes that a group and its subgroups use, without pages of files, which the kernel can drop."""
    used = _number(group.folder / ("memory.current" if group.unified else "memory.usage_in_bytes"))
    if used is None:
        return None
    prefix = "" if group.unified else "total_"
    counts = _counts(group)
    cached = sum(counts.get(f"{prefix}{name}", 0) for name in ("inactive_file", "active_file"))
    return max(0, used - cached)


def _counts(group: ControlGroup) -> dict[str, int]:
    pairs = (line.split() for line in _lines(group.folder / "memory.stat"))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _quota(group: ControlGroup) -> float | None:
    """Return the CPU quota of a group in cores; None without a limit."""
    if group.unified:
        quota, _, period = " ".join(_lines(group.folder / "cpu.max")[:1]).partition(" ")
    else:
        quota, period = (
            " ".join(_lines(group.folder / f"cpu.cfs_{name}_us")[:1]).strip() for name in ("quota", "period")
        )
    if not (quota.isdecimal() and period.strip().isdecimal() and int(period)):
        return None  # "max", -1, or no such file
    return int(quota) / int(period)


def _number(file: Path) -> int | None:
    text = "".join(_lines(file)[:1]).strip()
    return int(text) if text.isdecimal() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
