"""What child processes cost: CPU and wall seconds, and their memory together."""

from __future__ import annotations

import ctypes
import os
import resource
import threading
import time

import psutil

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 1.0


class Watched:
    """What processes cost from here on: CPU and wall seconds, and the most memory they had together.

    Processes whose parent ends before them (a fork server's workers) become this one's own, so that their time counts.
    """

    def __init__(self) -> None:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.peak_bytes = 0
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._before, self._started = self._cpu(), time.perf_counter()
        self._sampler.start()

    @staticmethod
    def _cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def _sample(self) -> None:
        me = psutil.Process()
        while not self._done.wait(SAMPLE_SECONDS):
            together = 0
            for child in me.children(recursive=True):
                try:
                    together += child.memory_full_info().pss  # shared pages count once
                except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                    continue  # it has just ended
            self.peak_bytes = max(self.peak_bytes, together)

    def end(self) -> dict[str, float]:
        """Wait for what is left, and return the costs."""
        wall = time.perf_counter() - self._started
        self._done.set()
        self._sampler.join()
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                break
        return {"cpu": self._cpu() - self._before, "wall": wall, "peak_mib": self.peak_bytes / 2**20}
