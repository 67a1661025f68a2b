"""The check of all modules together: the needed packages exist, and equal the packages of the card."""

from __future__ import annotations

from layover.hub.checks._base import SkippedError, Subject
from layover.hub.checks.files import files, hashes
from layover.hub.checks.weights import complete, configs


def together(subject: Subject) -> str:
    """All modules have the hashes of the card and fit together; needed packages are checked against their own cards."""
    for other in subject.whole.beside:
        for check in (files, hashes, complete, configs):
            check(Subject(other.folder, other.card))
    subject.whole.attachments()
    if not subject.card.attachments:
        raise SkippedError("the package is a head on the frozen encoder, without a module")
    needed = subject.card.needed()
    if not needed:
        return "it needs no other package; its weights have the hash of the card"
    return f"{', '.join(needed)}: found and checked; the weights have the hashes of the card"
