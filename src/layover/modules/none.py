"""No module: the encoder stays unchanged and only the head trains; the lower bound of a table."""

from __future__ import annotations

from typing import ClassVar

from layover.modules._base import Module
from layover.modules._forms import Form, Names, NoForm
from layover.shape import Shape


class Nothing(Module):
    """The module without settings and without weights."""

    name: ClassVar[str] = "none"
    trains_encoder: ClassVar[bool] = False
    default_lr: ClassVar[float] = 1e-3

    def layers_of(self, num_layers: int) -> tuple[int, ...]:  # noqa: ARG002
        return ()

    def to_peft(self, names: Names) -> Form | NoForm:  # noqa: ARG002
        return NoForm("it has no weights")

    def to_adapters(self, shape: Shape) -> Form | NoForm:  # noqa: ARG002
        return NoForm("it has no weights")


MODULE = Nothing
