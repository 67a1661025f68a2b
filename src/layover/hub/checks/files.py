"""Checks of the files themselves: which there are, whether they are those of the card, and that none is a program."""

from __future__ import annotations

from layover.errors import ModelError
from layover.files.safe import is_there
from layover.hub.checks._base import Subject
from layover.hub.contents import README, compared
from layover.identity import file_sha256


def files(subject: Subject) -> str:
    """Only the files that such a package has; ordinary ones, none too large."""
    return compared(subject.package)


def hashes(subject: Subject) -> str:
    """The SHA-256 of every file is that of the card; owners may edit README.md, so there it is only said."""
    card, folder, expected_of = subject.card, subject.folder, subject.card.hashes()
    for name, expected in expected_of.items():
        found = file_sha256(folder / name)
        if found != expected:
            raise ModelError(
                f"{folder / name}: its SHA-256 is {found[:12]}, but {expected[:12]} on the card: it was changed, or "
                "not copied whole"
            )
    edited = file_sha256(folder / README) != card.readme_sha256
    also = "; README.md was changed since" if edited else ", README.md too"
    return f"SHA-256 of {len(expected_of)} files as on the card{also}"


def pickles_ignored(subject: Subject) -> str:
    """Nothing that is read is a program; pickles that the card lists stay closed, whatever is in them."""
    names = subject.card.pickles()
    if not names:
        return "safetensors and JSON only"
    there = [name for name in names if is_there(subject.folder / name)]
    advice = "; adapters opens such files unless it loads with use_safetensors=True: remove them" if there else ""
    absent = "" if there else ", and not there"
    return f"{', '.join(f'{name} ignored' for name in names)}: never opened{absent}{advice}"
