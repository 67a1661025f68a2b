"""What every composition is: a rule that turns module and intermediate into parts on the encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from layover.errors import ModelError
from layover.modules import Module

if TYPE_CHECKING:
    from torch import Tensor

INTERMEDIATE, TARGET = "intermediate", "target"


@dataclass(frozen=True, eq=False)
class Part:
    """One module on the encoder, with its weights and whether they train."""

    name: str
    """`intermediate` or `target`."""
    module: Module
    weights: Mapping[str, Tensor] | None
    """Canonical name -> tensor; None = fresh."""
    trainable: bool


class Composition(ABC):
    """How the intermediate takes part in the target stage."""

    name: ClassVar[str]
    """The name of the file, as recipes write it."""
    modules: ClassVar[frozenset[str]]
    """The modules that it works with."""

    def check(self, module: Module, intermediate: Module | None) -> None:
        """Refuse a combination that has no meaning; needs no weights and no torch.

        Raises:
            ModelError: says what to do instead.
        """
        if intermediate is None:
            return
        for one in (module, intermediate):
            if one.name not in self.modules:
                raise ModelError(
                    f"{self.name} works with {', '.join(sorted(self.modules))}, not with {one.name}: choose another "
                    "composition or module, or train the target without an intermediate"
                )

    def parts(self, module: Module, intermediate: Part | None) -> list[Part]:
        """Return what the target stage starts from, in the order of application.

        Args:
            module: What the target task trains.
            intermediate: The finished intermediate; None trains the target from the pretrained encoder.

        Raises:
            ModelError: the combination has no meaning, or the intermediate comes without weights.
        """
        self.check(module, intermediate.module if intermediate is not None else None)
        if intermediate is None:
            return [Part(TARGET, module, None, trainable=True)]
        if not intermediate.weights:
            # taking it as fresh would report an intermediate that took no part
            raise ModelError(f"{self.name}: the intermediate has no weights; train it first")
        return self._after(module, intermediate)

    @abstractmethod
    def _after(self, module: Module, intermediate: Part) -> list[Part]:
        """Return the parts, given an intermediate that fits and has weights."""
