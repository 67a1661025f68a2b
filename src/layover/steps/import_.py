"""import: a module that was trained elsewhere, saved like the module of a finished training."""

from __future__ import annotations

from pathlib import Path

from layover.compositions import TARGET
from layover.encoder import write_weights
from layover.encoder.digest import of_encoder
from layover.errors import ModelError
from layover.files.safe import plain_file
from layover.identity import file_sha256
from layover.packages.meaning import same
from layover.packages.opened import open_module
from layover.plan import Node
from layover.specs.import_ import ImportSpec
from layover.steps.artifacts import HEAD, weights_of
from layover.steps.context import Context


def run(node: Node[ImportSpec], folder: Path, context: Context) -> None:
    """Write the weights of module and head.

    Raises:
        ModelError: the files differ from the files of the plan, or the card names another encoder.
    """
    spec = node.spec
    base, origin = spec.located()
    with origin.at_hand() as source:
        for name, planned in spec.files.items():
            if file_sha256(plain_file(source / name)) != planned:
                context.store.forget([origin.place(name)])
                raise ModelError(f"{source / name}: has changed since the plan was made; run again")
        opened = open_module(source)
        if not same(spec.module, opened.stored_module(base).module, base.shape):
            raise ModelError(f"{source}: its settings have changed since the plan was made; run again")
        weights, head = opened.weights(base), opened.head() if spec.head is not None else None
    _check_encoder(spec)
    write_weights(folder / weights_of(TARGET), weights)
    if head is not None:
        write_weights(folder / HEAD, head)
    context.progress({"done": 1, "total": 1, "unit": "modules"})


def _check_encoder(spec: ImportSpec) -> None:
    """Refuse a package that belongs to another encoder of the same shape.

    Raises:
        ModelError: its card names other weights.
    """
    encoder = spec.encoder
    if spec.belongs_to is not None and of_encoder(encoder.source, encoder.revision) != spec.belongs_to:
        raise ModelError(
            f"{spec.name}: the package {spec.package} was trained on another encoder of the same shape as "
            f"{encoder.source}; name the encoder whose weights have the hash {spec.belongs_to[:12]} of its card, or "
            "another module"
        )
