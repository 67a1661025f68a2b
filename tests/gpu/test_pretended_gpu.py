"""Training, prediction and serving on a CUDA device that does not exist: devices agree, and nothing waits unseen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from tests.gpu import shim

from layover import heads
from layover.training.loop import ACCELERATOR_LAG

pytestmark = pytest.mark.timeout(1800)  # a minute of work; a crowded machine takes many

ROOT = Path(__file__).resolve().parents[2]

WAITS = {
    "training/loop.py:_Training.read_losses": "losses are read once in `ACCELERATOR_LAG` steps and at evaluations",
    "training/forward.py:TrainingForward.__call__": "words of tokens that an objective makes are looked up",
    "objectives/fgsm.py:Fgsm.losses": "a radius shrinks if the loss of some row falls",
    "training/optimizer.py:Optimizer.weights*": "weights are copied for a checkpoint, or as the best so far",
    "training/optimizer.py:Optimizer.state": "moments are copied for a checkpoint",
    "encoder/encoder.py:Encoder.state*": "trained weights are saved",
    "steps/train.py:_saved*": "trained heads are saved",
    "encoder/mixing_weights.py:MixingWeights.as_json*": "mixing weights are read after the last batch",
    "encoder/transfer.py:HostCopy.wait": "results of a batch are read while the device works on the next ones",
    "inference/neighbours.py:_Nearest.neighbours": "neighbours are read after the last block",
}
"""Function -> the reason why the host may wait for the device there."""
PAGEABLE = {
    "training/loop.py:_Training.__post_init__": "weights move to the device before the first step",
    "training/optimizer.py:Optimizer.set_weights": "a checkpoint is loaded, or the best weights are",
    "training/optimizer.py:Optimizer.set_state": "a checkpoint is loaded",
    "inference/predict.py:predict": "the weights of a head move to the device before the first batch",
    "inference/passes.py:BatchedPass.run": "the weights of an encoder move to the device before the first batch",
    "encoder/attached.py:SiteWeights._made*": "weights are attached to an encoder that is on the device",
}
"""Function -> the reason why memory that is not pinned may be copied to the device there."""
PRESENT_FAULTS: dict[str, str] = {}
"""Functions that copy memory that is not pinned in steps or batches, to be mended."""


def supported() -> bool:
    """Return whether the project supports this version of torch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (torch,) = (one for one in map(Requirement, project["dependencies"]) if one.name == "torch")
    return torch.specifier.contains(version("torch"), prereleases=True)


@pytest.fixture(scope="module")
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled guard and hooks of the device; pytest's cache keeps them for later runs."""
    if sys.platform != "linux" or shutil.which("g++") is None:
        pytest.skip("a pretended GPU needs g++ on Linux")
    if not (shim.torch_folder() / "include").is_dir():
        pytest.skip("this torch has no headers of its C++ interface")
    kept = request.config.pluginmanager.hasplugin("cacheprovider")
    folder = request.config.cache.mkdir("pretended_gpu") if kept else tmp_path_factory.mktemp("pretended_gpu")
    path, complaint = shim.built(folder, version("torch"))
    if complaint and not supported():
        pytest.skip(f"torch {version('torch')} has another C++ interface: {complaint[:500]}")
    assert not complaint, complaint
    return path


@pytest.fixture(scope="module")
def report(library: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the rounds and the planted faults did in a process of their own."""
    folder = tmp_path_factory.mktemp("rounds")
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "tests.gpu.run", str(library), str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


KNOWN = {"wait": WAITS, "pageable": PAGEABLE | PRESENT_FAULTS, "early": {}}
"""The lists by the kind of an event; nothing is read before it has arrived."""


def strange(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events at places that no list names."""
    return [
        event
        for event in said["events"]
        if not any(fnmatch(event["function"], place) for place in KNOWN[event["kind"]])
    ]


def test_every_round_runs_on_the_device(report: dict[str, Any]) -> None:
    errors = {name: said["error"] for name, said in report["rounds"].items() if said["error"]}
    assert not errors, "\n\n".join(f"{name}:\n{error}" for name, error in errors.items())
    for name, said in report["rounds"].items():
        trains = not name.startswith(("retrieval", "serving"))
        assert ("_fused_adamw_" in said["operators"]) == trains, name
        assert sum(said["operators"].values()) > 400, name
    assert report["kinds"] == sorted(heads.names())


def test_the_host_waits_and_copies_only_where_a_list_says_why(report: dict[str, Any]) -> None:
    events = {name: strange(said) for name, said in report["rounds"].items()}
    assert not any(events.values()), json.dumps({name: row for name, row in events.items() if row}, indent=1)


def test_the_lists_name_nothing_that_no_longer_happens(report: dict[str, Any]) -> None:
    for kind, places in KNOWN.items():
        seen = {
            event["function"] for said in report["rounds"].values() for event in said["events"] if event["kind"] == kind
        }
        assert [place for place in places if not any(fnmatch(function, place) for function in seen)] == []


def test_losses_are_read_once_in_many_steps(report: dict[str, Any]) -> None:
    said = report["rounds"]["many steps"]
    reads = sum(event["count"] for event in said["events"] if event["function"].endswith("read_losses"))
    assert said["operators"]["_fused_adamw_"] == 2 * 10  # matrices decay, vectors do not
    assert reads == 3  # after four and eight steps, and at the end of the epoch
    assert ACCELERATOR_LAG >= 16


def test_attention_reads_packed_rows_where_flash_attention_can(report: dict[str, Any]) -> None:
    newer = find_spec("torch.nn.attention.varlen") is not None
    for name, packed in (("lora in fp32", False), ("attention on a grid", False), ("lora in bf16", newer)):
        assert ("_varlen_attn" in report["rounds"][name]["operators"]) == packed, name


def test_planted_faults_are_reported_by_their_line(report: dict[str, Any]) -> None:
    assert len(report["plants"]) >= 9
    for name, said in report["plants"].items():
        file, _, line = said["line"].rpartition(":")
        if said["shows"] == "error":
            assert f'{file}", line {line}, in ' in said["error"], name
            assert "device" in said["error"].splitlines()[-1], name
        else:
            events = {(event["kind"], event["line"]) for event in strange(said)}
            assert events == {(said["shows"], said["line"])}, name
