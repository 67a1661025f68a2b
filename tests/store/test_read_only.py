"""A store that can only be read, as on a snapshot or another person's disk: verbs that read answer as ever."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.faults import Sweep

from layover.store import Memory
from layover.store import memory as module

MOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def read_only(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that sees a folder mounted read-only."""
    line = ["unshare", "--mount", "--map-root-user", "sh", "-c", MOUNT, str(folder), *command]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_verbs_that_read_need_not_write(sweep: Sweep, clean: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("unshare") is None or read_only(tmp_path, "true").returncode != 0:
        pytest.skip("a read-only mount takes Linux with user namespaces")
    sweep.put("whole")
    (sweep.store / "hashes.json").unlink()  # so that there is something to remember
    before = sorted(sweep.store.rglob("*"))
    for verb, *more in (["status"], ["watch", "--once"], ["plan"], ["report", "--out", str(tmp_path / "out")]):
        words = [verb, str(sweep.recipe), *more, "--store", str(sweep.store)]
        done = read_only(sweep.store, sys.executable, "-m", "layover", *words)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "scores.csv").read_text(encoding="utf-8") == clean["scores.csv"]
    assert sorted(sweep.store.rglob("*")) == before


@pytest.mark.parametrize(
    ("number", "kept"), [(errno.EROFS, True), (errno.EACCES, True), (errno.ENOSPC, True), (errno.EIO, False)]
)
def test_only_a_store_that_may_not_be_written_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, kept: bool
) -> None:
    memory = Memory(tmp_path / "labels.json")
    memory.put("a", 1)

    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(module, "write_json", refuse)
    if kept:
        memory.save()
        assert memory.get("a") == 1
    else:
        with pytest.raises(OSError, match="refused"):
            memory.save()
