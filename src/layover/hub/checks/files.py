"""Checks of the files: their names, their hashes, and that no file can run code."""

from __future__ import annotations

from layover.errors import ModelError
from layover.files.safe import is_there
from layover.hub.checks._base import Subject
from layover.hub.contents import README, compared
from layover.identity import file_sha256


def files(subject: Subject) -> str:
    """The folder has only the files of a package: ordinary files, none too large."""
    return compared(subject.package)


def hashes(subject: Subject) -> str:
    """The SHA-256 of every file equals the card's; owners may edit README.md, so its change is only reported."""
    card, folder, expected_of = subject.card, subject.folder, subject.card.hashes()
    for name, expected in expected_of.items():
        actual = file_sha256(folder / name)
        if actual != expected:
            raise ModelError(
                f"{folder / name}: its SHA-256 is {actual[:12]}, but {expected[:12]} on the card: the file was "
                "changed, or not copied whole"
            )
    edited = file_sha256(folder / README) != card.readme_sha256
    also = "; README.md was changed since" if edited else ", README.md too"
    return f"the SHA-256 of {len(expected_of)} files equals the card's{also}"


def pickles_ignored(subject: Subject) -> str:
    """No file that is read can run code; the pickles on the card are never opened."""
    names = subject.card.pickles()
    if not names:
        return "safetensors and JSON only"
    present = [name for name in names if is_there(subject.folder / name)]
    advice = "; adapters opens these files unless it loads with use_safetensors=True: remove them" if present else ""
    absent = "" if present else ", and not in the folder"
    return f"{', '.join(f'{name} ignored' for name in names)}: never opened{absent}{advice}"
