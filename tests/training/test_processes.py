"""Trainings in processes of their own: beside another Accelerator, as one of several, and what is imported."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FIT = """
import sys
sys.path.insert(0, {root!r})
from tests.training.conftest import make_features, make_model
from layover.errors import NodeError
from layover.execution import Execution
from layover.specs import Hyperparameters
from layover.training import Branch, fit

def train(precision):
    model = make_model()
    numbers = Hyperparameters(lr=0.01, epochs=1, batch=8, seed=1, precision=precision)
    result = fit(
        model.encoder, [Branch("task", model.head, make_features(rows=16))], hyperparameters=numbers,
        execution=Execution(device="cpu", micro_batch_tokens=4096), clock=model.clock, judge=None, checkpoint_dir=None,
        progress=lambda _: None,
    )
    return result.history[-1].loss
"""


def start(code: str, **environment: str) -> subprocess.Popen[str]:
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-W", "ignore", "-c", FIT.format(root=str(ROOT)) + code]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)


def answer(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.split("\n")[:-1]


def test_a_host_with_an_accelerator_of_its_own_trains_in_every_precision() -> None:
    """Made before the trainings or after them: neither disturbs the other."""
    first = """
from accelerate import Accelerator
host = Accelerator(cpu=True, mixed_precision="bf16")
losses = [train("fp32"), train("bf16"), train("fp32")]
assert losses[0] == losses[2] != losses[1], losses
print(host.mixed_precision, Accelerator(cpu=True, mixed_precision="bf16").mixed_precision, losses[0])
"""
    last = """
losses = [train("bf16"), train("fp32")]
from accelerate import Accelerator
host = Accelerator(cpu=True, mixed_precision="bf16")
print(host.mixed_precision, host.mixed_precision, losses[1])
"""
    (before,), (after,) = (answer(process) for process in [start(first), start(last)])
    assert before.split()[:2] == ["bf16", "bf16"]
    assert before == after, "autocast of the host is not ours"


def test_one_process_of_several_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    code = """
try:
    train("fp32")
except NodeError as error:
    print(error)
"""
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [start(code, RANK=rank, LOCAL_RANK=rank, ACCELERATE_USE_CPU="true", **shared) for rank in "01"]
    expected = "a training runs in one process; start `layover run` without a launcher: it starts its own processes"
    # gloo of some versions of torch says on standard output who is there
    assert [answer(process)[-1:] for process in processes] == [[expected], [expected]]


def test_no_plan_and_no_recipe_is_imported() -> None:
    """Nor torch by the objectives, which a recipe will be checked against."""
    code = """
import importlib, sys
for room in ("objectives", "encoder", "inference.predict", "training"):
    importlib.import_module(f"layover.{room}")
    above = ("layover.plan", "layover.recipe", "layover.steps", "layover.engine")
    print(room, "torch" in sys.modules, sorted(name for name in sys.modules if name.startswith(above)))
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == [
        "objectives False []",
        "encoder True []",
        "inference.predict True []",
        "training True []",
    ]
