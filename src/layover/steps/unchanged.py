"""Checks plug-ins, and an encoder in a folder, against the plan, before and after a step reads them."""

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
    """Check before and after the block that plug-ins and the encoder's folder match the key of a node.

    The loading of a tokenizer, and the reading of hub files, have their own checks.

    Args:
        node: The node to compute.
        store: Caches the hashes of files.

    Raises:
        ModelError: the folder's files differ from the files of the plan.
        PluginError: a plug-in is not installed, or in another version than in the plan.
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
    """Refuse plug-ins that differ from the plug-ins in the key.

    Raises:
        PluginError: a plug-in is not installed, or in another version.
    """
    needed = spec.needed_plugins()
    if problem := plugins.missing(needed) or plugins.changed(needed):
        raise PluginError(f"{spec.step}: plug-ins have changed since the plan was made ({problem}); run again")


def check_encoder(encoder: EncoderSpec, hashes: FileHashes) -> None:
    """Refuse a directory whose config or weights differ from the key; files of the hub are checked when read.

    Raises:
        ModelError: the files have changed since the plan was made, or are absent.
    """
    if not encoder.weights:
        return
    try:
        current = in_folder(Path(encoder.source), hashes)
    except (LayoverError, OSError) as error:
        raise ModelError(f"{encoder.source} has changed since the plan was made ({error}); run again") from None
    if current != encoder:
        raise ModelError(f"{encoder.source}: its config or weights have changed since the plan was made; run again")
