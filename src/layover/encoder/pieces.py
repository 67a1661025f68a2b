"""What is to be attached, before it is: the parts among the pieces, and whether they go together."""

from __future__ import annotations

from collections.abc import Sequence

from layover.compositions import Fold, Mix, Part, Piece
from layover.errors import ModelError
from layover.precision import Quantisation, cannot_be_quantised


def parts_of(pieces: Sequence[Piece]) -> list[Part]:
    """Return the parts of all pieces, those of mixes among them."""
    parts: list[Part] = []
    for piece in pieces:
        if isinstance(piece, Part):
            parts.append(piece)
        elif isinstance(piece, Mix):
            parts += piece.members
    return parts


def check_pieces(pieces: Sequence[Piece], quantisation: Quantisation | None = None) -> None:
    """Refuse pieces that do not go together, or not with the encoder.

    Args:
        pieces: What is to be attached.
        quantisation: How the encoder's linear maps are stored.

    Raises:
        ModelError: two of them have one name, one would never be trained, two are the whole encoder, or one changes
            weights that are quantised.
    """
    parts = parts_of(pieces)
    names = [*(part.name for part in parts), *(piece.name for piece in pieces if isinstance(piece, Mix))]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"two parts are called {name!r}; give each its own name")
    for part in parts:
        if part.weights is None and part.module.trains_encoder and not part.trainable:
            raise ModelError(f"part {part.name!r} is frozen and has no weights, so it would never be trained")
    whole = [part for part in parts if part.module.whole]
    if len(whole) > 1:
        raise ModelError(f"parts {whole[0].name!r} and {whole[1].name!r} both are the whole encoder; keep one")
    if quantisation is None:
        return
    folds = [piece.name for piece in pieces if isinstance(piece, Fold)]
    for name in (*(part.name for part in whole), *folds):
        if reason := cannot_be_quantised(quantisation, whole=name not in folds, folds=name in folds):
            raise ModelError(f"{name!r} does not go with an encoder loaded in {quantisation}: {reason}")
