"""The tokenizer of an encoder: loaded from one directory or one commit, and known by what it does.

A tokenizer is known by its serialised form, whatever files it came from. What transformers makes of older files can
differ between its versions; then so does the form, and with it every key.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from layover.data.tokenizer import CONVERTED_FROM, PIECES, SERIALISED, Tokenizer, is_xlmr
from layover.errors import ModelError
from layover.hub_files import HubError, commit_of, file_at
from layover.identity import key_of
from layover.plan.hub import Revisions
from layover.store import Memory
from layover.store.state import States, states_in

FORM = "serialised"
"""The name of the form's SHA-256 in an identity; that of a hub model with a `tokenizer.json` goes without."""

_NO_PART = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".ot", ".gguf", ".zip", ".md")
"""Files of a model's directory that no tokenizer is read from; any other may be one."""

_PROGRAM = """
import json, sys
from pathlib import Path
from layover.data.tokenizer import Tokenizer
from layover.errors import ModelError
try:
    told = {"sha256": Tokenizer.load(Path(sys.argv[1])).sha256}
except ModelError as error:
    told = {"error": str(error)}
print(json.dumps(told))
"""


def load(source: str, revision: str | None) -> Tokenizer:
    """Return the tokenizer of a directory, or of a hub model at a commit.

    It is read again when a file of the directory has changed.

    Raises:
        ModelError: there is none, it cannot be read, or the hub does not let it be had.
    """
    return _load(source, revision, states_in(Path(source)))


@lru_cache(maxsize=2)
def _load(source: str, revision: str | None, _states: States) -> Tokenizer:
    with _folder(source, revision) as folder:
        return Tokenizer.load(folder)


def load_planned(source: str, revision: str | None, identity: Mapping[str, str]) -> Tokenizer:
    """Return the tokenizer that a plan knows by an identity.

    Raises:
        ModelError: it is another one now; or see `load`.
    """
    expected = identity.get(FORM)
    if expected is None:
        if file_at(source, commit_of(source, revision), SERIALISED) is None:
            raise ModelError(
                f"{source}: has no {SERIALISED}, which the plan could not know; run again while the hub can be reached"
            )
        return load(source, revision)
    tokenizer = load(source, revision)
    if tokenizer.sha256 != expected:
        _load.cache_clear()  # a file may have changed within one tick of the clock
        tokenizer = load(source, revision)
    if tokenizer.sha256 != expected:
        raise ModelError(f"{source}: its tokenizer has changed since the plan was made; run again")
    return tokenizer


def of_folder(folder: Path, hash_file: Callable[[Path], str], memory: Memory) -> dict[str, str]:
    """Return the identity of a directory's tokenizer.

    Args:
        folder: Of the model.
        hash_file: SHA-256 of a file.
        memory: Of the forms of tokenizers that were seen before, by their files.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    if (folder / SERIALISED).is_file():
        names = [SERIALISED]
    else:
        names = sorted(file.name for file in folder.iterdir() if file.is_file() and file.suffix not in _NO_PART)
    return {FORM: _remembered(folder, {name: hash_file(folder / name) for name in names}, memory)}


def of_hub(repository: str, commit: str, revisions: Revisions, memory: Memory) -> dict[str, str]:
    """Return what the identity of a hub model's tokenizer has beside its commit; nothing if `tokenizer.json` is read.

    Nothing also where nobody tells; such a tokenizer is refused later where the commit alone does not say what it does.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    if revisions.has(repository, commit, SERIALISED) is not False:
        return {}
    try:
        with _folder(repository, commit) as folder:
            return {FORM: _remembered(folder, {"repository": repository, "commit": commit}, memory)}
    except HubError as error:
        if error.answered:
            raise
        return {}


@contextmanager
def _folder(source: str, revision: str | None) -> Iterator[Path]:
    """Yield a directory that holds the files of a tokenizer and, for a hub model, no others."""
    if Path(source).is_dir():
        yield Path(source)
        return
    commit = commit_of(source, revision)
    serialised = file_at(source, commit, SERIALISED)
    files = [serialised] if serialised is not None else [file_at(source, commit, name) for name in CONVERTED_FROM]
    with tempfile.TemporaryDirectory(prefix="layover-") as temporary:
        for file in files:
            if file is not None:
                _link(file, Path(temporary) / file.name)
        try:
            yield Path(temporary)
        except ModelError as error:
            raise ModelError(str(error).replace(temporary, f"{source}@{commit[:12]}")) from None


def _link(file: Path, link: Path) -> None:
    try:
        link.symlink_to(file.resolve())
    except OSError:  # where links are not allowed
        link.write_bytes(file.read_bytes())


def _remembered(folder: Path, files: Mapping[str, str], memory: Memory) -> str:
    converted = not (folder / SERIALISED).is_file() and not is_xlmr(folder)
    libraries = ("tokenizers", "transformers") if converted else ("tokenizers",)
    key = key_of({"tokenizer": dict(files), "libraries": {name: version(name) for name in libraries}})
    known = memory.get(key)
    if not isinstance(known, str):
        known = _converted(folder) if converted else Tokenizer.load(folder).sha256
        memory.put(key, known)
    return known


def _converted(folder: Path) -> str:
    """Return the SHA-256 of what transformers makes of a tokenizer, found in a process of its own: it imports torch."""
    if not any((folder / name).is_file() for name in (*CONVERTED_FROM[4:], PIECES)) and not any(folder.glob("*.model")):
        raise ModelError(f"{folder}: no tokenizer there; {SERIALISED} is needed")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(folder)], capture_output=True, text=True, encoding="utf-8", check=False
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise ModelError(f"{folder}: transformers cannot convert its tokenizer: {done.stderr.strip()[-300:]}")
    told = json.loads(lines[-1])
    if "error" in told:
        raise ModelError(told["error"])
    return str(told["sha256"])
