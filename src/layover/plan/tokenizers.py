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

from layover.data.tokenizer import CONVERTED_FROM, SERIALISED, Tokenizer, check_convertible, is_xlmr
from layover.errors import ModelError
from layover.files.hub import commit_of, file_at
from layover.files.hub_errors import HubError
from layover.identity import file_sha256, key_of
from layover.plan.hub import Revisions
from layover.specs import TokenizerSpec
from layover.store import Memory
from layover.store.state import FileStates, states_in

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
except Exception as error:
    told = {"error": f"{sys.argv[1]}: its tokenizer cannot be read: {error!r:.300}"}
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
def _load(source: str, revision: str | None, _states: FileStates) -> Tokenizer:
    with _folder(source, revision) as folder:
        return Tokenizer.load(folder)


def load_planned(source: str, revision: str | None, planned: TokenizerSpec) -> Tokenizer:
    """Return the tokenizer that a plan knows.

    Raises:
        ModelError: it is another one now; or see `load`.
    """
    expected = planned.serialised
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


def of_folder(folder: Path, hash_file: Callable[[Path], str], memory: Memory) -> str:
    """Return the SHA-256 of the serialised form of a directory's tokenizer.

    Args:
        folder: Of the model.
        hash_file: SHA-256 of a file.
        memory: Of the forms of tokenizers that were seen before, by their files.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    files = _hashes(folder, hash_file)
    found, is_new = _form(folder, files, memory)
    if is_new:
        if _hashes(folder, hash_file) != files:
            raise ModelError(f"{folder}: its tokenizer changes while it is read; run again when it is complete")
        memory.put(_key(folder, files), found)
    return found


def forget(folder: Path, memory: Memory) -> None:
    """Drop the form that is remembered of a directory's files, so that the next plan reads them.

    Args:
        folder: Of the model.
        memory: Of the forms of tokenizers.
    """
    memory.drop(_key(folder, _hashes(folder, file_sha256)))


def of_hub(repository: str, commit: str, revisions: Revisions, memory: Memory) -> str | None:
    """Return the SHA-256 of the form of a hub model's tokenizer; None if it has a `tokenizer.json`, told by the commit.

    None, too, if the hub cannot be asked; a run refuses such a tokenizer where the commit alone does not define it.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    if revisions.has(repository, commit, SERIALISED) is not False:
        return None
    try:
        with _folder(repository, commit) as folder:
            files = {"repository": repository, "commit": commit}
            found, is_new = _form(folder, files, memory)  # of files whose bytes were checked
            if is_new:
                memory.put(_key(folder, files), found)
            return found
    except HubError as error:
        if error.answered:
            raise
        return None


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


def _hashes(folder: Path, hash_file: Callable[[Path], str]) -> dict[str, str]:
    """Return name -> SHA-256 of the files that a directory's tokenizer may be read from."""
    if (folder / SERIALISED).is_file():
        names = [SERIALISED]
    else:
        names = sorted(file.name for file in folder.iterdir() if file.is_file() and file.suffix not in _NO_PART)
    return {name: hash_file(folder / name) for name in names}


def _key(folder: Path, files: Mapping[str, str]) -> str:
    """Return the name by which the form of a tokenizer is remembered."""
    libraries = ("tokenizers",) if needs_no_conversion(folder) else ("tokenizers", "transformers")
    return key_of({"form": dict(files), "libraries": {name: version(name) for name in libraries}})


def _form(folder: Path, files: Mapping[str, str], memory: Memory) -> tuple[str, bool]:
    """Return the form of a tokenizer, and whether it was not remembered."""
    known = memory.get(_key(folder, files))
    if isinstance(known, str):
        return known, False
    return (Tokenizer.load(folder).sha256 if needs_no_conversion(folder) else _converted(folder)), True


def needs_no_conversion(folder: Path) -> bool:
    """Return whether a directory's tokenizer is read without transformers.

    Raises:
        ModelError: its config.json cannot be read.
    """
    return (folder / SERIALISED).is_file() or is_xlmr(folder)


def _converted(folder: Path) -> str:
    """Return the SHA-256 of what transformers makes of a tokenizer, found in a process of its own: it imports torch."""
    check_convertible(folder)
    # -P: nothing is imported from the folder where the user happens to be
    command = [sys.executable, "-P", "-c", _PROGRAM, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        reason = (done.stderr.strip().splitlines() or [f"it ends with {done.returncode}"])[-1]
        raise ModelError(f"{folder}: transformers cannot convert its tokenizer: {reason[:300]}")
    told = json.loads(lines[-1])
    if "error" in told:
        raise ModelError(told["error"])
    return str(told["sha256"])
