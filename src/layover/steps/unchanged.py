"""Plug-ins, and an encoder in a folder, are held to what was planned, before and after a step reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layover import plugins
from layover.errors import LayoverError, ModelError, PluginError
from layover.plan import Node
from layover.plan.encoders import in_folder
from layover.specs import EncoderSpec, StepSpec
from layover.store import FileHashes, Store


@contextmanager
def unchanged(node: Node[StepSpec], store: Store) -> Iterator[None]:
    """Compute a node only with the plug-ins, and while the folder of its encoder holds what its key was made of.

    A tokenizer is held to its plan where it is loaded, and files of the hub where they are read.

    Args:
        node: What it is handed may name an encoder.
        store: Remembers the hashes of files.

    Raises:
        ModelError: the folder's files are others than those of the plan.
        PluginError: another version of a plug-in is installed than when the plan was made, or none.
    """
    check_plugins(node.spec)
    encoder = None if node.spec.only_tokenizer else node.spec.read_encoder()
    if encoder is None:
        yield
        return
    check_encoder(encoder, store.hashes)
    yield
    check_encoder(encoder, store.hashes)


def check_plugins(spec: StepSpec) -> None:
    """Refuse to compute by other code than that of the key.

    Raises:
        PluginError: a plug-in is not installed, or in another version.
    """
    needed = spec.needed_plugins()
    if problem := plugins.missing(needed) or plugins.changed(needed):
        raise PluginError(f"{spec.step}: plug-ins have changed since the plan was made ({problem}); run again")


def check_encoder(encoder: EncoderSpec, hashes: FileHashes) -> None:
    """Refuse a directory whose config or weights are not those of the key; files of the hub are checked when read.

    Raises:
        ModelError: they have changed since the plan was made, or are gone.
    """
    if not encoder.weights:
        return
    try:
        found = in_folder(Path(encoder.source), hashes)
    except (LayoverError, OSError) as error:
        raise ModelError(f"{encoder.source} has changed since the plan was made ({error}); run again") from None
    if found != encoder:
        raise ModelError(f"{encoder.source}: its config or weights have changed since the plan was made; run again")
