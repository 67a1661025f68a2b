"""The tokenizer of an encoder: loaded from one directory or one commit, and identified by its serialised form.

The serialised form does not depend on the names of the files that it is read from. Versions of transformers can
convert older files differently; then the form differs, and with it every key.
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
"""Suffixes of files in a model's directory that no tokenizer is read from; any other file may belong to it."""

_PROGRAM = """
import json, sys
from pathlib import Path
from layover.data.tokenizer import Tokenizer
from layover.errors import ModelError
try:
    answer = {"sha256": Tokenizer.load(Path(sys.argv[1])).sha256}
except ModelError as error:
    answer = {"error": str(error)}
except Exception as error:
    answer = {"error": f"{sys.argv[1]}: its tokenizer cannot be read: {error!r:.300}"}
print(json.dumps(answer))
"""


def load(source: str, revision: str | None) -> Tokenizer:
    """Return the tokenizer of a directory, or of a hub model at a commit.

    It is read again when a file of the directory has changed.

    Raises:
        ModelError: it is absent, it cannot be read, or the hub denies access.
    """
    return _load(source, revision, states_in(Path(source)))


@lru_cache(maxsize=2)
def _load(source: str, revision: str | None, _states: FileStates) -> Tokenizer:
    with _folder(source, revision) as folder:
        return Tokenizer.load(folder)


def load_planned(source: str, revision: str | None, planned: TokenizerSpec) -> Tokenizer:
    """Return the tokenizer of a plan.

    Raises:
        ModelError: it changed since the plan was made; or an error of `load`.
    """
    expected = planned.serialised
    if expected is None:
        if file_at(source, commit_of(source, revision), SERIALISED) is None:
            raise ModelError(
                f"{source}: has no {SERIALISED}, and the plan could not check this; run again while the hub can be "
                "reached"
            )
        return load(source, revision)
    tokenizer = load(source, revision)
    if tokenizer.sha256 != expected:
        _load.cache_clear()  # a file can change without a new timestamp
        tokenizer = load(source, revision)
    if tokenizer.sha256 != expected:
        raise ModelError(f"{source}: its tokenizer has changed since the plan was made; run again")
    return tokenizer


def of_folder(folder: Path, hash_file: Callable[[Path], str], memory: Memory) -> str:
    """Return the SHA-256 of the serialised form of a directory's tokenizer.

    Args:
        folder: The directory of the model.
        hash_file: SHA-256 of a file.
        memory: The forms of tokenizers from earlier plans, by their files.

    Raises:
        ModelError: it is absent, or it cannot be read.
    """
    files = _hashes(folder, hash_file)
    form, is_new = _form(folder, files, memory)
    if is_new:
        if _hashes(folder, hash_file) != files:
            raise ModelError(f"{folder}: its tokenizer changes while it is read; run again when it is complete")
        memory.put(_key(folder, files), form)
    return form


def forget(folder: Path, memory: Memory) -> None:
    """Forget the form of a directory's tokenizer, so that the next plan reads its files again.

    Args:
        folder: The directory of the model.
        memory: The forms of tokenizers from earlier plans.
    """
    memory.drop(_key(folder, _hashes(folder, file_sha256)))


def of_hub(repository: str, commit: str, revisions: Revisions, memory: Memory) -> str | None:
    """Return the SHA-256 of the form of a hub model's tokenizer; None if the commit has a `tokenizer.json`.

    Also None if the hub cannot be queried; a run refuses this tokenizer if the commit alone does not define it.

    Raises:
        ModelError: it is absent, or it cannot be read.
    """
    if revisions.has(repository, commit, SERIALISED) is not False:
        return None
    try:
        with _folder(repository, commit) as folder:
            files = {"repository": repository, "commit": commit}
            form, is_new = _form(folder, files, memory)  # the bytes of these files were checked
            if is_new:
                memory.put(_key(folder, files), form)
            return form
    except HubError as error:
        if error.answered:
            raise
        return None


@contextmanager
def _folder(source: str, revision: str | None) -> Iterator[Path]:
    """Yield a directory with the files of a tokenizer; for a hub model it has no other files."""
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
    except OSError:  # the system does not allow links
        link.write_bytes(file.read_bytes())


def _hashes(folder: Path, hash_file: Callable[[Path], str]) -> dict[str, str]:
    """Return name -> SHA-256 of the files in a directory that its tokenizer may be read from."""
    if (folder / SERIALISED).is_file():
        names = [SERIALISED]
    else:
        names = sorted(file.name for file in folder.iterdir() if file.is_file() and file.suffix not in _NO_PART)
    return {name: hash_file(folder / name) for name in names}


def _key(folder: Path, files: Mapping[str, str]) -> str:
    """Return the key of the form of a tokenizer in the memory."""
    libraries = ("tokenizers",) if needs_no_conversion(folder) else ("tokenizers", "transformers")
    return key_of({"form": dict(files), "libraries": {name: version(name) for name in libraries}})


def _form(folder: Path, files: Mapping[str, str], memory: Memory) -> tuple[str, bool]:
    """Return the form of a tokenizer, and whether it is new to the memory."""
    known = memory.get(_key(folder, files))
    if isinstance(known, str):
        return known, False
    return (Tokenizer.load(folder).sha256 if needs_no_conversion(folder) else _converted(folder)), True


def needs_no_conversion(folder: Path) -> bool:
    """Return whether a directory's tokenizer can be read without transformers.

    Raises:
        ModelError: its config.json cannot be read.
    """
    return (folder / SERIALISED).is_file() or is_xlmr(folder)


def _converted(folder: Path) -> str:
    """Return the SHA-256 of a tokenizer that transformers converts, in a separate process because it imports torch."""
    check_convertible(folder)
    # -P: nothing is imported from the current folder
    command = [sys.executable, "-P", "-c", _PROGRAM, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        reason = (done.stderr.strip().splitlines() or [f"it ends with the exit code {done.returncode}"])[-1]
        raise ModelError(f"{folder}: transformers cannot convert its tokenizer: {reason[:300]}")
    answer = json.loads(lines[-1])
    if "error" in answer:
        raise ModelError(answer["error"])
    return str(answer["sha256"])
