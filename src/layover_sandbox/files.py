"""The files of the sandbox's data sets: written at first use, then cached."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from layover.errors import DataError
from layover_sandbox import sets

SEED = 2020


def kept_in() -> Path:
    """Return the cache folder of this version: in `$LAYOVER_CACHE`, or in `layover` in the user's cache folder."""
    own, general = os.environ.get("LAYOVER_CACHE"), os.environ.get("XDG_CACHE_HOME")
    base = Path(own) if own else (Path(general) if general else Path.home() / ".cache") / "layover"
    return base / "sandbox" / version()


def ensure(name: str, split: str, language: str) -> Path:
    """Return the folder with the files of a data set; missing files are written."""
    folder = kept_in()
    if not (folder / sets.get(name).path(split, language)).is_file():
        write(name, split, language, folder, seed=SEED, advice="name another folder with LAYOVER_CACHE")
    return folder


def write(
    name: str, split: str, language: str, folder: Path, *, seed: int, advice: str = "name another folder"
) -> Path:
    """Write the files of one split and language in the layout of the real data set, and return the main file.

    Each file is written atomically.

    Raises:
        DataError: the folder cannot be written to.
    """
    data = sets.get(name)
    main = data.path(split, language)
    meanings = data.meanings(split, seed, language) if data.own_words else _shared(name, split, seed)
    texts = data.files(meanings, split, language)
    try:
        for path in sorted(texts, key=lambda path: path == main):  # the main file last: if it exists, the others do too
            _write(folder / path, texts[path])
    except OSError as error:
        raise DataError(f"{folder}: cannot write the sandbox's files ({error}); {advice}") from error
    return folder / main


@lru_cache(maxsize=4)
def _shared(name: str, split: str, seed: int) -> list[Any]:
    """Return the meanings that all languages of a split share, drawn once."""
    return sets.get(name).meanings(split, seed)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".new-") as work:
        (Path(work) / file.name).write_text(text, encoding="utf-8", newline="")
        (Path(work) / file.name).replace(file)


@cache
def version() -> str:
    """Return the first characters of SHA-256 over the world's grammars, lexicons and data sets."""
    digest = hashlib.sha256()
    for path, content in sorted(_sources(files("layover_sandbox"), "")):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    sources = []
    for item in folder.iterdir():
        if item.is_dir() and item.name not in {"encoders", "__pycache__"}:
            sources += _sources(item, f"{prefix}{item.name}/")
        elif item.name.endswith((".py", ".txt")):
            sources.append((f"{prefix}{item.name}", item.read_bytes()))
    return sources
