"""Full fine-tuning: every weight of the encoder trains; the baseline for all other modules."""

from __future__ import annotations

from typing import ClassVar

from layover.modules._base import Module
from layover.modules._forms import Form, Names, NoForm
from layover.shape import Shape


class Full(Module):
    """The whole encoder as a module, without settings; its weights have the names of transformers."""

    name: ClassVar[str] = "full"
    whole: ClassVar[bool] = True
    default_lr: ClassVar[float] = 2e-5  # XTREME's scripts train_udpos.sh, train_panx.sh, train_pawsx.sh
    default_dropout: ClassVar[float] = 0.1

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        return tuple(range(num_layers))

    def parameter_count(self, shape: Shape, *, embeddings: int = 0) -> int:
        return embeddings + shape.layers * shape.layer_parameters

    def to_peft(self, names: Names) -> Form | NoForm:  # noqa: ARG002
        return NoForm("it is the whole encoder, not a module on it")

    def to_adapters(self, shape: Shape) -> Form | NoForm:  # noqa: ARG002
        return NoForm("it is the whole encoder, not a module on it")


MODULE = Full
