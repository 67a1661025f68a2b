"""Checks of the files themselves: which there are, whether they are those of the card, and that none is a program."""

from __future__ import annotations

from layover.errors import ModelError
from layover.files.safe import tensors
from layover.hub import pickles
from layover.hub.checks._base import Subject
from layover.hub.contents import PICKLES, README, compared, sized
from layover.identity import file_sha256

_ROOM = 2**20
"""Bytes that a pickle may have on top of its safetensors: opcodes, and the headers of an archive."""


def files(subject: Subject) -> str:
    """Only the files that such a package has; ordinary ones, none too large."""
    return compared(subject.package)


def hashes(subject: Subject) -> str:
    """The SHA-256 of every file is that of the card; owners may edit README.md, so there it is only said."""
    card, folder = subject.card, subject.folder
    for name, expected in card.files.items():
        found = file_sha256(folder / name)
        if found != expected:
            raise ModelError(
                f"{folder / name}: its SHA-256 is {found[:12]}, but {expected[:12]} on the card: it was changed, or "
                "not copied whole"
            )
    edited = file_sha256(folder / README) != card.readme_sha256
    also = "; README.md was changed since" if edited else ", README.md too"
    return f"SHA-256 of {len(card.files)} files as on the card{also}"


def no_pickles(subject: Subject) -> str:
    """Nothing is a program: pickles are such as hold the tensors of the safetensors beside, and none is ever opened."""
    there = [name for name in PICKLES if name in subject.card.files]
    if not there:
        return "safetensors and JSON only"
    for name in there:
        file, beside = subject.folder / name, subject.folder / PICKLES[name]
        sized(file, 2 * sized(beside, 2**62) + _ROOM)
        expected = {one: (tuple(value.shape), value.numpy().tobytes()) for one, value in tensors(beside).items()}
        found = pickles.read(file)
        if found != expected:
            wrong = min(one for one in {*found, *expected} if found.get(one) != expected.get(one))
            raise ModelError(f"{file}: {wrong}: not the same as in {PICKLES[name]}")
    return f"{len(there)} pickles for the loader of adapters, not opened: byte for byte the safetensors beside them"
