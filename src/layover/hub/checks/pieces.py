"""Checks of what acts together: the packages that this one needs are there, and are those of its card."""

from __future__ import annotations

from layover.hub.checks._base import SkippedError, Subject
from layover.hub.checks.files import files, hashes
from layover.hub.checks.weights import complete, configs


def pieces(subject: Subject) -> str:
    """All that acts has the hashes of the card, and goes together; needed packages are held to their own cards."""
    for other in subject.whole.beside:
        for check in (files, hashes, complete, configs):
            check(Subject(other.folder, other.card))
    subject.whole.attachments()
    if not subject.card.attachments:
        raise SkippedError("a head on the frozen encoder: nothing acts")
    needed = subject.card.needed()
    if not needed:
        return "needs no other package; its weights have the hash of the card"
    return f"{', '.join(needed)}: there, checked, and the weights have the hashes of the card"
