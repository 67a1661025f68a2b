"""AdapterDrop: modules act in all layers but the lowest (Rücklé et al. 2021, arXiv:2010.11918)."""

from __future__ import annotations

from layover.canonical import CanonicalModel
from layover.errors import ModelError
from layover.modules._base import Module
from layover.settings import Flag, LayerNumber


class AdapterDrop(CanonicalModel):
    """How many of the encoder's lowest layers go without modules, none by default.

    What is merged into the frozen weights stays.
    """

    train: LayerNumber = 0
    """In training: the first so many, at every step."""
    random: Flag = False
    """Draw the number anew at every step, each from 0 to `train` as likely as the others."""
    predict: LayerNumber | None = None
    """In predictions, those that select the best weights among them; when not given `train`, and 0 after `random`."""

    def drops(self) -> bool:
        """Return whether anything is ever dropped."""
        return max(self.train, self.predicting) > 0

    @property
    def predicting(self) -> int:
        """Layers without modules in predictions."""
        if self.predict is not None:
            return self.predict
        return 0 if self.random else self.train

    @property
    def always_training(self) -> int:
        """Layers without modules at every training step."""
        return 0 if self.random else self.train

    def check(self, module: Module, num_layers: int) -> None:
        """Refuse numbers of layers that leave a module everything or nothing.

        Raises:
            ModelError: names the layers that it adapts.
        """
        layers, most = module.layers_of(num_layers), max(self.train, self.predicting)
        if not layers[0] < most <= layers[-1]:
            what = "drops nothing of" if most <= layers[0] else "leaves nothing of"
            raise ModelError(
                f"adapterdrop: without the lowest {most} layers it {what} {module.name}, which adapts layers "
                f"{layers[0]} to {layers[-1]} of {num_layers}; a number from {layers[0] + 1} to {layers[-1]} does"
            )
