"""The search for nearest neighbours: how long, how much memory, and against the plain ways.

    python benchmarks/neighbours.py compare --rows 8192     ours, the whole matrix and topk, and faiss where it is
    python benchmarks/neighbours.py whole --rows 100000     one search: seconds, and the peak memory of the process

Random embeddings, as many on each side; k = 4 both ways, which is what mining asks for. `compare` takes turns in one
process (A, B, C, A, B, C ...); ratios hold between machines, seconds do not. CPU seconds count all threads, and are
steadier than the clock on a machine that others use. OMP_NUM_THREADS sets the threads of all of them.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from layover.execution import Execution
from layover.inference.neighbours import both_ways
from layover.kinds._matching import NEIGHBOURS

Rows = npt.NDArray[np.float32]
Both = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Indices of the nearest ones, of one side and of the other."""


def ours(left: Rows, right: Rows) -> Both:
    """Return what `layover.inference.neighbours` finds."""
    forward, backward = both_ways(left, right, execution=Execution(device="cpu"))
    return forward.index, backward.index


def matrix(left: Rows, right: Rows) -> Both:
    """Return what the whole matrix of cosines and topk along each side give."""
    one, two = (torch.nn.functional.normalize(torch.from_numpy(rows)) for rows in (left, right))
    cosines = one @ two.T
    return cosines.topk(NEIGHBOURS, dim=1).indices.numpy(), cosines.topk(NEIGHBOURS, dim=0).indices.numpy().T


def faiss(left: Rows, right: Rows) -> Both:
    """Return what two flat indices of faiss find, as XTREME's script does."""
    library: Any = importlib.import_module("faiss")
    one, two = left.copy(), right.copy()
    found = []
    for rows in (one, two):
        library.normalize_L2(rows)
    for queries, base in ((one, two), (two, one)):
        index = library.IndexFlatIP(base.shape[1])
        index.add(base)
        found.append(index.search(queries, NEIGHBOURS)[1])
    return found[0], found[1]


def made(count: int, hidden: int, seed: int) -> Rows:
    """Return random embeddings."""
    return np.random.default_rng(seed).standard_normal((count, hidden), dtype=np.float32)


def compare(left: Rows, right: Rows, repeats: int) -> dict[str, Any]:
    """Return medians, and ratios of alternating runs; the first round warms up and is not counted."""
    ways: dict[str, Callable[[Rows, Rows], Both]] = {"ours": ours, "matrix": matrix}
    if importlib.util.find_spec("faiss") is not None:
        ways["faiss"] = faiss
    clock: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    equal: dict[str, list[float]] = {}
    for round_ in range(repeats + 1):
        for name, search in ways.items():
            started, spent = time.perf_counter(), time.process_time()
            found = search(left, right)
            if round_:
                clock[name].append(time.perf_counter() - started)
                work[name].append(time.process_time() - spent)
            elif name == "ours":
                expected = found
            else:
                equal[name] = [round(100 * float((a == b).mean()), 4) for a, b in zip(found, expected, strict=True)]
    report: dict[str, Any] = {}
    for name in ways:
        report[name] = {
            "seconds": round(statistics.median(clock[name]), 2),
            "cpu_seconds": round(statistics.median(work[name]), 2),
        }
        if name != "ours":
            report[name] |= {
                "to_ours": _ratios(clock[name], clock["ours"]),
                "cpu_to_ours": _ratios(work[name], work["ours"]),
                "percent_equal": equal[name],
            }
    return report


def _ratios(theirs: list[float], mine: list[float]) -> list[float]:
    """Return the least, the median and the most of the ratios of each round."""
    found = [one / other for one, other in zip(theirs, mine, strict=True)]
    return [round(value, 2) for value in (min(found), statistics.median(found), max(found))]


def whole(left: Rows, right: Rows) -> dict[str, Any]:
    """Return what one search takes."""
    started, spent = time.perf_counter(), time.process_time()
    ours(left, right)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - spent, 1),
        "embeddings_mib": round((left.nbytes + right.nbytes) / 2**20),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Measure one thing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["compare", "whole"])
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    left, right = (made(given.rows, given.hidden, seed) for seed in (1, 2))
    before = os.getloadavg()[0]
    found = compare(left, right, given.repeats) if given.what == "compare" else whole(left, right)
    report = {
        "settings": vars(given),
        "machine": {"processor": platform.processor() or platform.machine(), "threads": torch.get_num_threads()},
        "load_before": round(before, 2),
        "torch": torch.__version__,
        **found,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
