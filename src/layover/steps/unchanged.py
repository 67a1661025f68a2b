"""Whether an encoder is still the one that a plan was made with."""

from __future__ import annotations

from pathlib import Path

from layover.errors import ModelError
from layover.identity import file_sha256
from layover.plan.encoders import EncoderRef, local_identity

State = tuple[str, int, int, int, int]

_HASHES: dict[State, str] = {}
"""SHA-256 of files that this process has read, by path, size, times and inode."""


def check_encoder(encoder: EncoderRef) -> None:
    """Refuse a directory whose config or weights are not those of the key; files of the hub are checked when read.

    Raises:
        ModelError: they have changed since the plan was made, or are gone.
    """
    if "weights" not in encoder.identity:
        return
    try:
        found = local_identity(Path(encoder.source), _hash)
    except OSError as error:
        raise ModelError(f"{encoder.source}: {error.filename}: {error.strerror}") from None
    if found != dict(encoder.identity):
        raise ModelError(f"{encoder.source}: its config or weights have changed since the plan was made; run again")


def _hash(file: Path) -> str:
    stat = file.stat()
    state = (str(file), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    if state not in _HASHES:
        _HASHES[state] = file_sha256(file)
    return _HASHES[state]
