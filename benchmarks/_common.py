"""What the benchmarks share: real data, encoders on the disk, the record of the machine, taking turns, results.

Weights are random, drawn from a seed; lengths and languages are those of public test data, in the folder that
`LAYOVER_DATA` names. Seconds hold for one machine and one load; ratios of ways that took turns travel further.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

import layover
from layover import kinds, tasks
from layover.data.features import COMMON, Features
from layover.data.subset import limit as some_of
from layover.data.tokenizer import Tokenizer

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("torch", "transformers", "peft", "adapters", "accelerate", "datasets")
SIZES = {"base": (12, 768, 12), "mini": (4, 256, 4)}
"""Layers, hidden size, attention heads; the vocabulary is XLM-R's, 250,002."""
BATCH, LR = 16, 3e-4
WIDTH = {"classification": 128, "span": 384}
"""Longest input by kind, and what "padded" pads to."""
TRAINING_FILES = {"mnli": "mnli/dev.csv", "squad": "squad/test-v1.1.json"}
"""The public data have no training files: these are read as such."""

Ways = Mapping[str, Callable[[], dict[str, Any]]]


def arguments(doc: str | None, *, repeats: int = 3) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run of a minute: small sizes, nothing kept")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=repeats, help="times that every way takes its turn")
    parser.add_argument("--output", type=Path, help="where the result goes; benchmarks/results/NAME.json if not given")
    return parser


def data_root() -> Path:
    """Return the folder of the public test data, or end with a line that says how to have it."""
    root = Path(os.environ.get("LAYOVER_DATA", ROOT.parent / "shared" / "data"))
    if not (root / "xlmr_tokenizer").is_dir():
        raise SystemExit(f"no public test data at {root}: set LAYOVER_DATA to their folder (see docs/benchmarks.md)")
    return root


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    """Return XLM-R's tokenizer."""
    return Tokenizer.load(data_root() / "xlmr_tokenizer")


def there(task: str, split: str) -> tuple[str, ...]:
    """Return the languages of a split that the public data have; they lack some tests."""
    of = tasks.get(task)
    return tuple(one for one in of.languages_of(split) if of.locate(split, one, root=data_root()) is not None)


def examples_of(
    task: str, split: str, language: str, *, limit: int | None = None, file: str | None = None
) -> list[Any]:
    """Return examples of a split as `layover run` reads and limits them; of `file` below the data where it is named."""
    place = tasks.get(task).locate(split, language, root=data_root(), files={split: file} if file else None)
    if place is None:
        raise SystemExit(f"{task}: no {split} data of {language!r} below {data_root()}")
    found = tasks.get(task).read(place)
    return found if limit is None else some_of(found, limit)


def encode(task: str, examples: Sequence[Any], *, length: int | None = None) -> Features:
    """Return encoded rows, at most `length` tokens long (by default what the kind is padded to)."""
    of = tasks.get(task)
    return kinds.get(of.kind).encode(
        examples, tokenizer(), labels=of.labels, max_length=length or WIDTH[of.kind], stride=128
    )


def training_rows(task: str, count: int) -> Features:
    """Return `count` rows of a training file, spread over all of it."""
    examples = examples_of(task, "train", "en", limit=count, file=TRAINING_FILES[task])
    return take(encode(task, examples), np.arange(count))


def take(features: Features, rows: np.ndarray) -> Features:
    """Return some rows, in that order; a row must be a unit."""
    offsets = features.arrays["offsets"]
    tokens = np.concatenate([np.arange(offsets[row], offsets[row + 1]) for row in rows])
    index = {"token": tokens, "row": rows, "unit": rows}
    columns = {**COMMON, **features.columns}
    arrays = {name: values[index[columns[name].per]] for name, values in features.arrays.items() if name != "offsets"}
    ends = np.cumsum(features.lengths[rows])
    arrays |= {"offsets": np.concatenate([[0], ends]).astype(np.int64)}
    return replace(features, arrays=arrays | {"example": np.arange(len(rows), dtype=np.int32)})


@contextmanager
def encoder_folder(size: str) -> Iterator[Path]:
    """Write a random XLM-R with its tokenizer, as `layover init-encoder` does, for the while."""
    from layover.encoder.initialise import init_encoder  # imports transformers, which would count as memory of ours

    layers, hidden, heads = SIZES[size]
    with tempfile.TemporaryDirectory(prefix="layover-bench-") as folder:
        pieces = data_root() / "xlmr_tokenizer" / "sentencepiece.bpe.model"
        init_encoder(Path(folder) / size, layers=layers, hidden=hidden, heads=heads, vocab_from=pieces)
        yield Path(folder) / size


@contextmanager
def folders(given: argparse.Namespace) -> Iterator[str]:
    """Fill in `encoder` and `work` where they are not given for the while; yield the name of the encoder."""
    with contextlib.ExitStack() as stack:
        name = "random" if given.encoder is None else str(given.encoder.name)
        if given.encoder is None:
            given.encoder = stack.enter_context(encoder_folder("mini"))
        if given.work is None:
            given.work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="layover-bench-")))
        given.work.mkdir(parents=True, exist_ok=True)
        yield name
    given.encoder, given.work = name, None


def machine() -> dict[str, Any]:
    """Return what a figure must not be read without."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line for line in lines if line.startswith("flags")), "")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "bf16_instructions": [one for one in ("avx512_bf16", "amx_bf16") if one in flags],
        "ram_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that are compared; `not installed` where one is not there."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "layover": layover.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def take_turns(ways: Ways, repeats: int, *, quiet: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Return what every way gives in each round: A B C, A B C, ...; the machine's moods fall on all of them alike."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for round_ in range(repeats):
        for name, work in ways.items():
            gc.collect()
            found[name].append(work())
            if not quiet:
                tell(f"{round_ + 1}/{repeats} {name}: {found[name][-1]}")
    return found


def tell(text: str) -> None:
    """Say on standard error how far it is."""
    print(text, file=sys.stderr, flush=True)


def spread(values: Sequence[float], digits: int = 4) -> dict[str, Any]:
    """Return median, least, most and all of them."""
    numbers = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    rounded = {name: round(value, digits) for name, value in numbers.items()}
    return {**rounded, "all": [round(value, digits) for value in values]}


class Kept:
    """The rows of a benchmark, written as they are measured: a run that was killed resumes where it ended.

    Args:
        name: Of the benchmark.
        given: Its arguments. Rows that were measured with other arguments are measured again.
        apart: Names of arguments that change no row.
        whole: Whether all of the benchmark is measured; a part goes only where `--output` says.
    """

    def __init__(
        self, name: str, given: argparse.Namespace, apart: Collection[str] = (), *, whole: bool = True
    ) -> None:
        self._path = None
        self.rows: dict[str, Any] = {}
        if given.output is None and (given.quick or not whole):
            return
        self._path = (given.output or RESULTS / f"{name}.json").with_suffix(".partial.json")
        skipped = {"output", "child", "work", *apart}
        self._settings = {key: str(value) for key, value in vars(given).items() if key not in skipped}
        if self._path.is_file():
            before = json.loads(self._path.read_text(encoding="utf-8"))
            if before["settings"] == self._settings:
                self.rows = before["rows"]
                tell(f"{len(self.rows)} rows are there already: {', '.join(self.rows)} ({self._path})")

    def add(self, name: str, row: dict[str, Any]) -> None:
        """Keep a row, with the load of the machine."""
        self.rows[name] = {**row, "load": round(os.getloadavg()[0], 2)}
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"settings": self._settings, "rows": self.rows}, indent=1)
            written = self._path.with_suffix(".new")
            written.write_text(text, encoding="utf-8")
            written.replace(self._path)

    def end(self) -> None:
        """Remove the file, as the result holds all rows."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def finish(name: str, given: argparse.Namespace, body: Mapping[str, Any], *, whole: bool = True) -> None:
    """Print the result as JSON; write it unless the run was a quick one, or measured a part of the benchmark only."""
    settings = {key: value for key, value in vars(given).items() if key not in {"output", "child", "work"}}
    result = {"benchmark": name, "machine": machine(), "versions": versions(), "settings": settings, **body}
    text = json.dumps(result, indent=1)
    print(text)
    if given.output is not None or (whole and not given.quick):
        path = given.output or RESULTS / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
