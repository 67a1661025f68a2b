"""AdapterDrop: modules act in all layers except the lowest ones (Rücklé et al. 2021, arXiv:2010.11918)."""

from __future__ import annotations

from layover.canonical import CanonicalModel
from layover.errors import ModelError
from layover.modules._base import Module
from layover.settings import Flag, LayerNumber


class AdapterDrop(CanonicalModel):
    """The number of the encoder's lowest layers without modules; 0 by default.

    Changes that are merged into the frozen weights stay.
    """

    train: LayerNumber = 0
    """The number of lowest layers without modules at every training step."""
    random: Flag = False
    """Draw the number again at every step, uniformly from 0 to `train`."""
    predict: LayerNumber | None = None
    """The number of lowest layers without modules in predictions, also in those that select the best weights. The
    default is `train`, or 0 with `random`."""

    def drops(self) -> bool:
        """Return whether modules are dropped from any layer, in training or in predictions."""
        return max(self.train, self.predicting) > 0

    @property
    def predicting(self) -> int:
        """The number of lowest layers without modules in predictions."""
        if self.predict is not None:
            return self.predict
        return 0 if self.random else self.train

    @property
    def always_training(self) -> int:
        """The number of lowest layers that have no modules at any training step."""
        return 0 if self.random else self.train

    def check(self, module: Module, num_layers: int) -> None:
        """Refuse a number of layers that drops all layers of a module, or none.

        Raises:
            ModelError: names the layers that the module adapts.
        """
        layers, most = module.layers_of(num_layers), max(self.train, self.predicting)
        if not layers[0] < most <= layers[-1]:
            effect = "removes no layer" if most <= layers[0] else "removes every layer"
            raise ModelError(
                f"adapterdrop: dropping the lowest {most} layers {effect} of {module.name}, which adapts layers "
                f"{layers[0]} to {layers[-1]} of {num_layers}; use a number from {layers[0] + 1} to {layers[-1]}"
            )
