"""No module: the encoder stays as it is and only the head trains; the floor of a table."""

from __future__ import annotations

from typing import ClassVar

from layover.modules._base import Module


class Nothing(Module):
    """No settings, no weights."""

    name: ClassVar[str] = "none"
    trains_encoder: ClassVar[bool] = False
    default_lr: ClassVar[float] = 1e-3

    def layers_of(self, num_layers: int) -> tuple[int, ...]:  # noqa: ARG002
        """See `Module.layers_of`."""
        return ()


MODULE = Nothing
