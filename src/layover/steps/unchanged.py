"""An encoder in a folder is held to what was planned, before and after a step reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layover.errors import LayoverError, ModelError
from layover.plan import Node
from layover.plan.encoders import EncoderRef, local_identity
from layover.store import FileHashes, Store


@contextmanager
def unchanged(node: Node, store: Store) -> Iterator[None]:
    """Compute a node only while the folder of its encoder holds what its key was made of.

    A tokenizer is held to its plan where it is loaded, and files of the hub where they are read.

    Args:
        node: What it is handed may name an encoder.
        store: Remembers the hashes of files.

    Raises:
        ModelError: the folder's files are others than those of the plan.
    """
    encoder: EncoderRef | None = getattr(node.inputs, "encoder", None)
    if encoder is None or node.kind == "tokenize":
        yield
        return
    check_encoder(encoder, store.hashes)
    yield
    check_encoder(encoder, store.hashes)


def check_encoder(encoder: EncoderRef, hashes: FileHashes) -> None:
    """Refuse a directory whose config or weights are not those of the key; files of the hub are checked when read.

    Raises:
        ModelError: they have changed since the plan was made, or are gone.
    """
    if "weights" not in encoder.identity:
        return
    try:
        found = local_identity(Path(encoder.source), hashes)
    except (LayoverError, OSError) as error:
        raise ModelError(f"{encoder.source} has changed since the plan was made ({error}); run again") from None
    if found != dict(encoder.identity):
        raise ModelError(f"{encoder.source}: its config or weights have changed since the plan was made; run again")
