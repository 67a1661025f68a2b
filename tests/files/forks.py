"""Programs in forks of one process that has imported what the clients of the hub are made of.

A program that reads data of a hub imports pandas, pyarrow and more for a second, and a test runs several programs.
What reads the variables of the hub when it is imported (huggingface_hub, datasets, transformers, layover) is imported
in the fork: a fork meets the hub as a fresh process does.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COMMON = (
    *("aiohttp", "dill", "fsspec", "httpx", "multiprocess", "numpy", "pandas", "pyarrow", "pyarrow.dataset"),
    *("pyarrow.parquet", "pydantic", "requests", "ruamel.yaml", "safetensors.torch", "torch", "tqdm", "xxhash", "yaml"),
)
OF_THE_HUB = ("accelerate", "datasets", "huggingface_hub", "layover", "tokenizers", "transformers")


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
    assert not {name.partition(".")[0] for name in sys.modules} & {*OF_THE_HUB}, "it has read this process's variables"
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_program(*json.loads(line)))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _program(program: str, arguments: list[str], environment: dict[str, str], folder: str, *said: str) -> int:
    """Run a program in this process as `python -c` does; return its exit code."""
    for descriptor, file in zip((0, 1, 2), (os.devnull, *said), strict=True):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["-c", *arguments]
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = ["", *dict.fromkeys([*paths, *sys.path[1:]])]
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for path in paths:
            if (Path(path) / "sitecustomize.py").is_file():
                runpy.run_path(str(Path(path) / "sitecustomize.py"))
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
