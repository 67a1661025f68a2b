"""Start-up: CPU seconds and peak memory of processes that import, print a help text, check or plan.

    python benchmarks/startup.py [--repeats 5]

Each way is a process of its own, and the ways take turns. A round that is not counted compiles all modules first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from _common import ROOT, arguments, finish, spread, take_turns

RECIPE = ROOT / "recipes" / "quickstart.yaml"
IMPORTS = {
    "python alone": "pass",
    "import torch": "import torch",
    "the preload of workers": "import layover.engine.preload",
    "a model of transformers": "from transformers.models.xlm_roberta import modeling_xlm_roberta",
}
COMMANDS = {
    "layover --help": ["--help"],
    "layover check": ["check", str(RECIPE)],
    "layover plan": ["plan", str(RECIPE)],
}
COMMAND = """
import sys
from layover.cli.main import main
sys.argv = ["layover", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
MEASURE = """
import json, time
with open("/proc/self/status", encoding="ascii") as lines:
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
with open({file!r}, "w") as file:
    json.dump({{"seconds": time.process_time(), "mib": peak / 1024}}, file)
"""


def in_a_process(code: str, work: Path) -> dict[str, Any]:
    """Run code in a process of its own, and return its CPU seconds and its peak memory."""
    file = work / "measured.json"
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    variables |= {"PYTHONPYCACHEPREFIX": str(work / "bytecode"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", code + MEASURE.format(file=str(file))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=variables, cwd=work)
    measured: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return measured


def measured(given: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Return seconds and memory of every way."""
    codes = IMPORTS | {name: COMMAND.format(arguments=words) for name, words in COMMANDS.items()}
    ways = {name: partial(in_a_process, code, work) for name, code in codes.items()}
    for run in ways.values():
        run()
    turns = take_turns(ways, given.repeats)
    return {
        name: {
            "cpu_seconds": spread([turn["seconds"] for turn in each], 3),
            "peak_mib": spread([turn["mib"] for turn in each], 1),
        }
        for name, each in turns.items()
    }


def main() -> None:
    """Measure."""
    given = arguments(__doc__, repeats=5).parse_args()
    if given.quick:
        given.repeats = 1
    with tempfile.TemporaryDirectory(prefix="layover-bench-") as work:
        ways = measured(given, Path(work))
    finish("startup", given, {"encoder": "none", "ways": ways})


if __name__ == "__main__":
    main()
