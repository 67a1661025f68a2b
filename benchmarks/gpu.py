"""Check and measure Layover on one GPU, in at most eight minutes: nothing is downloaded, no data are needed.

    python benchmarks/gpu.py [--only STEP,...] [--skip STEP,...] [--output FOLDER] [--seconds 480]
    python benchmarks/gpu.py --device cpu --quick          a trial of the code, whose figures mean nothing

Each step is a process of its own and a file STEP.json, written as it goes. What fails is recorded, and the next step
goes on. A step that is finished is not run again (`--again`), unless the code has changed. Encoders have random
weights; rows have lengths drawn from those of real data, or are the sandbox's. Exit code 1: a check or a step failed.

    facts       the device, its driver, versions, what of torch is there
    equality    losses, gradients, predictions against the CPU; masks and repeated trainings bit for bit
    waits       where the process waits for the device; kernels of a training step
    strict      operations that torch has no deterministic kernel for
    memory      peaks against the estimate; micro-batches chosen for a budget; recovery when memory runs out
    speed       training, prediction, neighbours: against the Trainer and peft, and against dense products
    levers      micro-batches, TF32, dropout, kinds of attention, CUDA graphs, torch.compile: what each would bring
    sweep       `layover run` with 1, 2 and 4 processes on the device against a loop of Trainer processes
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from gpu_steps import STEPS
from gpu_steps._record import FAILED, FINISHED, ROOT, RUNNING, Record, Settings, read, source_hash, write

GRACE = 10.0
"""Seconds after its time in which a step may end its case; then it is killed."""
PRELOADED = ["torch", "numpy", "layover.engine.preload"]
ON_A_CPU = ["torch._dynamo", "transformers.models.xlm_roberta.modeling_xlm_roberta", "peft", "layover.training"]
"""What the steps import, too; where there is no device it cannot touch one too early."""


def main() -> None:
    """Run the steps."""
    given = arguments()
    prepare()
    if lacking := missing():
        print(f"not installed: {', '.join(lacking)}; what needs them is absent, or fails", file=sys.stderr)
    trial = given.quick or given.device == "cpu"
    output = given.output or ROOT / ("build/gpu-trial" if trial else "benchmarks/results/gpu")
    wanted = [step for step in STEPS if step in (given.only or STEPS) and step not in (given.skip or ())]
    with tempfile.TemporaryDirectory(prefix="layover-gpu-") as work:
        settings = Settings(given.device, given.quick, str(output.resolve()), work, source_hash())
        results = run(wanted, settings, given.seconds, again=given.again)
    problems = [line for step, result in results.items() for line in problems_of(step, result)]
    print("\n".join(["", *(summary(step, result) for step, result in results.items()), *problems]))
    sys.exit(1 if problems else 0)


def prepare() -> None:
    """Let this process and those of all steps find this checkout, installed or not, and no network."""
    source = str(ROOT / "src")
    sys.path.insert(0, source)
    os.environ["PYTHONPATH"] = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    # cuBLAS reads it at its first use in a process
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # asks the driver whether a device is there; asking CUDA itself would keep it from working in copied processes
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes, whose figures mean nothing")
    parser.add_argument("--only", type=steps_of, help="steps, with commas")
    parser.add_argument("--skip", type=steps_of, help="steps, with commas")
    parser.add_argument("--output", type=Path, help="benchmarks/results/gpu if not given; build/gpu-trial of a trial")
    parser.add_argument("--seconds", type=float, default=480.0, help="of all steps together; 480 if not given")
    parser.add_argument("--again", action="store_true", help="run steps that are finished, too")
    return parser.parse_args()


def steps_of(text: str) -> tuple[str, ...]:
    """Return the steps of an option."""
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in STEPS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is no step; the steps are {', '.join(STEPS)}")
    return names


def missing() -> list[str]:
    """Return what Layover needs and this environment lacks, by the names of `pyproject.toml`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [line.partition(">")[0].strip() for line in project["dependencies"]]
    imported = {"google-re2": "re2", "huggingface-hub": "huggingface_hub", "protobuf": "google.protobuf"}
    return [name for name in names if not is_there(imported.get(name, name))]


def is_there(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is not there
        return False


def run(wanted: list[str], settings: Settings, seconds: float, *, again: bool) -> dict[str, dict[str, Any]]:
    """Run steps one after the other; what one leaves of its time is for the later ones."""
    context = context_for(settings)
    results: dict[str, dict[str, Any]] = {}
    budgets = {step: budget_of(step) for step in wanted}
    until = time.monotonic() + seconds
    for step in wanted:
        before = read(settings, step)
        if not again and before is not None and is_finished(before, settings):
            print(f"{step}: finished before", file=sys.stderr, flush=True)
            results[step] = before
        else:
            share = budgets[step] / sum(budgets[later] for later in wanted[wanted.index(step) :])
            mine = max(0.0, until - time.monotonic()) * share
            print(f"{step}: {mine:.0f} s", file=sys.stderr, flush=True)
            process = context.Process(target=do, args=(step, settings, mine), name=step)  # type: ignore[attr-defined]
            results[step] = watched(process, step, settings, mine)
    return results


def context_for(settings: Settings) -> BaseContext:
    """Return how processes start: copies of one that has imported everything, where the device works in a copy."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED if settings.on_gpu else PRELOADED + ON_A_CPU)
    if settings.on_gpu:
        process = context.Process(target=touch)
        process.start()
        process.join()
        if process.exitcode:
            print("the device does not work in a copied process: every step starts anew", file=sys.stderr, flush=True)
            return multiprocessing.get_context("spawn")
    return context


def touch() -> None:
    """Use the device."""
    import torch

    torch.ones(1, device="cuda").sum().item()


def budget_of(step: str) -> float:
    """Return the share of the time that a step asks for, in seconds of a run of eight minutes."""
    text = (ROOT / "benchmarks" / "gpu_steps" / f"{step}.py").read_text(encoding="utf-8")
    return float(text.partition("\nBUDGET = ")[2].partition("\n")[0])


def is_finished(result: dict[str, Any], settings: Settings) -> bool:
    """Return whether a step has nothing left to do: finished with this code, with nothing left out for want of time."""
    same = all(result.get(name) == value for name, value in settings.identity.items())
    return same and result["state"] == FINISHED and not result["skipped"]


def do(step: str, settings: Settings, seconds: float) -> None:
    """Do a step, in a process of its own."""
    os.setsid()  # so that it ends with all that it started
    record = Record(settings, step, seconds)
    try:
        importlib.import_module(f"gpu_steps.{step}").run(record, settings)
    except Exception:  # noqa: BLE001 - the other steps go on
        record.errors[step] = traceback.format_exc()
        record.end(FAILED)
    else:
        record.end(FINISHED)


def watched(process: BaseProcess, step: str, settings: Settings, seconds: float) -> dict[str, Any]:
    """Return the result of a step when its process has ended; end it when its time is over."""
    nothing = {"step": step, "state": RUNNING, **settings.identity, "checks": [], "errors": {}, "skipped": []}
    write(settings, step, {**nothing, "values": {}})
    process.start()
    try:
        process.join(seconds + GRACE)
    finally:
        ended = process.exitcode
        if process.pid is not None:
            end_all(process.pid)
        process.join()
    result = read(settings, step) or {**nothing, "values": {}}
    if result["state"] == RUNNING:
        result["state"] = "out of time" if ended is None else f"died with exit code {ended}"
        write(settings, step, result)
    return result


def end_all(group: int) -> None:
    """End the processes that a step has left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def summary(step: str, result: dict[str, Any]) -> str:
    """Return a line on a step."""
    passed = sum(check["passed"] for check in result["checks"])
    left_out = f", {len(result['skipped'])} cases left out for want of time" if result["skipped"] else ""
    checks = f"{passed} of {len(result['checks'])} checks passed"
    return f"{step:10} {result['state']:10} {result.get('seconds', 0):6.1f} s  {checks}{left_out}"


def problems_of(step: str, result: dict[str, Any]) -> list[str]:
    """Return lines on what failed in a step."""
    lines = [] if result["state"] == FINISHED else [f"{step}: {result['state']}"]
    for check in result["checks"]:
        if not check["passed"]:
            facts = {name: value for name, value in check.items() if name not in {"name", "passed"}}
            lines.append(f"{step}: {check['name']}: {facts}")
    lines += [f"{step}: {case}: {text.strip().splitlines()[-1]}" for case, text in result["errors"].items()]
    return lines


if __name__ == "__main__":
    main()
