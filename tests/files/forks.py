"""Programs in forks of processes that have imported what the programs need.

A program that reads data of a hub imports pandas, pyarrow and more for seconds, and a test runs several programs. One
process imports what knows nothing of a hub. What reads the variables of the hub when it is imported (huggingface_hub,
datasets, transformers, layover) is imported in a fork of it for each set of variables, a house, and the programs with
these variables are forks of their house: each meets the hub as a fresh process does.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

COMMON = (
    *("aiohttp", "dill", "fsspec", "httpx", "multiprocess", "numpy", "pandas", "pyarrow", "pyarrow.dataset"),
    *("pyarrow.parquet", "pydantic", "requests", "ruamel.yaml", "safetensors.torch", "torch", "tqdm", "xxhash", "yaml"),
)
OF_THE_HUB = ("accelerate", "datasets", "huggingface_hub", "layover", "tokenizers", "transformers")
MOST_HOUSES = 3
"""A test has few sets of variables."""


class Forks:
    """Starts programs; see above."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: What the programs say lies there until it is read."""
        self._said = folder / "out", folder / "err"
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run a program, and return what it wrote and how it ended."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        out, err = self._said
        asked = [program, list(arguments), dict(environment), str(folder), str(out), str(err)]
        print(json.dumps(asked), file=self._server.stdin, flush=True)
        timer = threading.Timer(900, self._server.kill)
        timer.start()
        answer = self._server.stdout.readline()
        timer.cancel()
        assert answer, "the process that forks has ended"
        return subprocess.CompletedProcess(["-c", program, *arguments], int(answer), out.read_text(), err.read_text())

    def close(self) -> None:
        """End the process."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()


def _serve() -> None:
    for name in COMMON:
        try:
            importlib.import_module(name)
        except ImportError:  # of an older or a newer client
            continue
    assert not any(map(_of_the_hub, sys.modules)), "it has read this process's variables"
    houses: dict[str, House] = {}
    modules: dict[str, list[str]] = {}
    for line in sys.stdin:
        program, arguments, environment, *rest = json.loads(line)
        key = json.dumps(environment, sort_keys=True)
        house = houses.pop(key, None) or House(environment, houses.values())
        houses[key] = house
        code, modules[program] = house.run(program, arguments, *rest, modules.get(program, []))
        while len(houses) > MOST_HOUSES:
            houses.pop(next(iter(houses))).close()
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()
    for house in houses.values():
        house.close()


class House:
    """A process with some variables, which imports what programs with these variables have imported before."""

    def __init__(self, environment: dict[str, str], others: Iterable[House]) -> None:
        asked, answered = os.pipe(), os.pipe()
        self.process = os.fork()
        if self.process == 0:
            for other in others:  # or they would not see their end
                other.asking.close()
                other.answers.close()
            os.close(asked[1])
            os.close(answered[0])
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            with os.fdopen(asked[0]) as asking, os.fdopen(answered[1], "w") as answers:
                _keep(environment, asking, answers)
            os._exit(0)
        os.close(asked[0])
        os.close(answered[1])
        self.asking, self.answers = os.fdopen(asked[1], "w"), os.fdopen(answered[0])

    def run(self, *asked: Any) -> tuple[int, list[str]]:
        """Return the exit code of a program, and the modules that a house can import for it."""
        print(json.dumps(asked), file=self.asking, flush=True)
        code, modules = json.loads(self.answers.readline())
        return code, modules

    def close(self) -> None:
        self.asking.close()
        self.answers.close()
        os.waitpid(self.process, 0)


def _keep(environment: dict[str, str], asking: IO[str], answers: IO[str]) -> None:
    """Be a house."""
    os.environ.clear()
    os.environ.update(environment)
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = ["", *dict.fromkeys([*paths, *sys.path[1:]])]
    for path in paths:
        if (Path(path) / "sitecustomize.py").is_file():
            runpy.run_path(str(Path(path) / "sitecustomize.py"))
    for line in asking:
        program, arguments, folder, out, err, modules = json.loads(line)
        for name in modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        used, before = f"{out}.modules", {*sys.modules}
        child = os.fork()
        if child == 0:
            code = _program(program, arguments, folder, out, err)
            more = [name for name in sys.modules if name not in before and _of_the_hub(name)]
            Path(used).write_text(json.dumps([*modules, *more]), encoding="utf-8")
            os._exit(code)
        _, status = os.waitpid(child, 0)
        said = json.loads(Path(used).read_text(encoding="utf-8")) if Path(used).is_file() else modules
        print(json.dumps([os.waitstatus_to_exitcode(status), said]), file=answers, flush=True)


def _of_the_hub(name: str) -> bool:
    return name.partition(".")[0] in OF_THE_HUB


def _program(program: str, arguments: list[str], folder: str, *said: str) -> int:
    """Run a program in this process as `python -c` does; return its exit code."""
    for descriptor, file in zip((0, 1, 2), (os.devnull, *said), strict=True):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC), descriptor)
    os.chdir(folder)
    sys.argv = ["-c", *arguments]
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(compile(program, "<string>", "exec"), names)  # noqa: S102
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    _serve()
