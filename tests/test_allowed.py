"""Memory and cores that a process may use, in made-up file systems of hosts, containers and jobs."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from layover import allowed
from layover.allowed import available_memory, bound_threads, cores, total_memory

MIB = 2**20
UNIFIED = "30 20 0:26 {root} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
MEMORY = "33 30 0:30 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
CPU = "34 30 0:31 {root} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct"
UNLIMITED = 9223372036854771712
"""What version 1 says where there is no limit."""


def machine(root: Path, groups: str, mounts: list[str], files: dict[str, object]) -> Path:
    """Make the files of a machine; those of control groups are named below `/sys/fs/cgroup`."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups, encoding="utf-8")
    (root / "proc/self/mountinfo").write_text("\n".join(mounts) + "\n", encoding="utf-8")
    for name, value in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n", encoding="utf-8")
    return root


@pytest.fixture(autouse=True)
def _large_host(monkeypatch: pytest.MonkeyPatch) -> None:
    class Host:
        total, available = 64 * 1024 * MIB, 32 * 1024 * MIB

    monkeypatch.setattr(psutil, "virtual_memory", Host)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


def test_a_host_without_control_groups(tmp_path: Path) -> None:
    assert total_memory(tmp_path) == 64 * 1024 * MIB
    assert available_memory(tmp_path) == 32 * 1024 * MIB
    assert cores(tmp_path) == 16


def test_the_smallest_limit_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    files = {
        "slurm/memory.max": 8000 * MIB,
        "slurm/memory.current": 7000 * MIB,
        "slurm/memory.stat": f"anon 9\ninactive_file {4000 * MIB}\nactive_file {1500 * MIB}\nfile {6000 * MIB}",
        "slurm/cpu.max": "300000 100000",
        "slurm/job/memory.max": "max",
        "slurm/job/memory.high": 9000 * MIB,
        "slurm/job/memory.current": 100 * MIB,
        "slurm/job/cpu.max": "max 100000",
        "slurm/job/step/memory.max": 9500 * MIB,
        "slurm/job/step/memory.current": 50 * MIB,
    }
    root = machine(tmp_path, "0::/slurm/job/step\n", [UNIFIED.format(root="/")], files)
    assert total_memory(root) == 8000 * MIB
    assert available_memory(root) == 6500 * MIB, "pages of files are no usage"
    assert cores(root) == 3


def test_memory_high_limits_like_memory_max(tmp_path: Path) -> None:
    files = {"job/memory.max": 4000 * MIB, "job/memory.high": 3000 * MIB, "job/memory.current": 3500 * MIB}
    root = machine(tmp_path, "0::/job\n", [UNIFIED.format(root="/")], files)
    assert total_memory(root) == 3000 * MIB
    assert available_memory(root) == 0


@pytest.mark.parametrize(
    ("path", "mounted"), [("/", "/"), ("/docker/abc", "/docker/abc"), ("/../elsewhere", "/"), ("/other", "/docker/abc")]
)
def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path, path: str, mounted: str) -> None:
    files = {"memory.max": 2000 * MIB, "memory.current": 500 * MIB, "cpu.max": "50000 100000"}
    root = machine(tmp_path, f"0::{path}\n", [UNIFIED.format(root=mounted)], files)
    assert (total_memory(root), available_memory(root), cores(root)) == (2000 * MIB, 1500 * MIB, 1)


def test_version_1(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": UNLIMITED,
        "memory/memory.usage_in_bytes": 20000 * MIB,
        "memory/box/memory.limit_in_bytes": 6000 * MIB,
        "memory/box/memory.usage_in_bytes": 5000 * MIB,
        "memory/box/memory.stat": f"inactive_file 1\ntotal_inactive_file {2000 * MIB}\ntotal_active_file {500 * MIB}",
        "memory/box/in/memory.limit_in_bytes": 7000 * MIB,
        "memory/box/in/memory.usage_in_bytes": 1000 * MIB,
        "cpu,cpuacct/cpu.cfs_quota_us": -1,
        "cpu,cpuacct/cpu.cfs_period_us": 100000,
        "cpu,cpuacct/box/cpu.cfs_quota_us": 250000,
        "cpu,cpuacct/box/cpu.cfs_period_us": 100000,
    }
    groups = "4:memory:/box/in\n3:cpu,cpuacct:/box\n1:name=systemd:/box\n0::/\n"
    mounts = [MEMORY, CPU, UNIFIED.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")]
    root = machine(tmp_path, groups, [line.format(root="/") for line in mounts], files)
    assert total_memory(root) == 6000 * MIB
    assert available_memory(root) == 3500 * MIB
    assert cores(root) == 3, "two and a half keep three busy"


def test_version_1_tells_of_groups_that_a_container_does_not_see(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": UNLIMITED,
        "memory/memory.usage_in_bytes": 1000 * MIB,
        "memory/memory.stat": f"hierarchical_memory_limit {3000 * MIB}",
    }
    root = machine(tmp_path, "4:memory:/docker/abc\n", [MEMORY.format(root="/docker/abc")], files)
    assert (total_memory(root), available_memory(root)) == (3000 * MIB, 2000 * MIB)


def test_a_quota_bounds_the_threads_of_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    bound_threads(tmp_path)
    assert "OMP_NUM_THREADS" not in os.environ, "no quota"
    root = machine(tmp_path / "box", "0::/\n", [UNIFIED.format(root="/")], {"cpu.max": "400000 100000"})
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    bound_threads(root)
    assert os.environ["OMP_NUM_THREADS"] == "1", "the user's own"
    monkeypatch.delenv("OMP_NUM_THREADS")
    bound_threads(root)
    assert os.environ["OMP_NUM_THREADS"] == "4"


def test_this_machine_has_some_of_both() -> None:
    assert 0 < available_memory() <= total_memory()
    assert 1 <= cores() <= 16
    assert Path("/") == allowed.ROOT
