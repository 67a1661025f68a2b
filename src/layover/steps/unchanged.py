"""An encoder in a folder is held to what was planned, before and after a step reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from layover.errors import LayoverError, ModelError
from layover.plan import Node
from layover.plan.encoders import EncoderRef, resolve
from layover.plan.hub import Revisions
from layover.recipe.schema import ModelSource
from layover.store import FileHashes, Store


@contextmanager
def unchanged(node: Node, store: Store) -> Iterator[None]:
    """Compute a node only while the folder of its encoder holds what its key was made of.

    Args:
        node: What it is handed may name an encoder.
        store: Remembers the hashes of files.

    Raises:
        ModelError: the folder's files are others than those of the plan.
    """
    encoder: EncoderRef | None = getattr(node.inputs, "encoder", None)
    folder = None if encoder is None else Path(encoder.source)
    if encoder is None or folder is None or not folder.is_dir():
        yield
        return
    weights = node.kind != "tokenize"
    _check(encoder, folder, store.hashes, weights=weights)
    yield
    _check(encoder, folder, store.hashes, weights=weights)


def _check(encoder: EncoderRef, folder: Path, hashes: FileHashes, *, weights: bool) -> None:
    hash_file: Callable[[Path], str] = hashes if weights else lambda path: "" if _is_weights(path) else hashes(path)
    try:
        found = resolve(encoder.label, ModelSource(name=str(folder)), hash_file, Revisions())
    except LayoverError as error:
        raise ModelError(f"{folder} has changed since the plan was made ({error}); run again") from None
    same = found.identity == encoder.identity if weights else found.tokenizer == encoder.tokenizer
    if not same:
        part = "encoder" if weights else "tokenizer"
        raise ModelError(f"{folder}: the {part} has changed since the plan was made; run again")


def _is_weights(path: Path) -> bool:
    return path.suffix == ".safetensors"
