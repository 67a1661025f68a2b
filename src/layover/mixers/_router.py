"""The common base of routers: a score per module and token, and a softmax over the highest scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.mixers._base import Mixer
from layover.modules import Module, Site
from layover.settings import Several

if TYPE_CHECKING:
    from torch import Generator, Tensor

GATES = "gates"


class Router(Mixer):
    """One frozen gate vector per module and site, which exists before the target trains."""

    learned: ClassVar[bool] = False
    exact: ClassVar[bool] = True
    learns_gates: ClassVar[bool]
    """Whether each gate is trained on its module's own task; else it is computed from the module's weights."""

    top_k: Several = 2
    """The number of modules that each token is sent to at each site; all modules if there are fewer."""

    def refuses(self, module: Module) -> str:  # noqa: ARG002
        """Return why it cannot route to a kind of module; empty if it can."""
        return ""

    def gate(self, module: Module, site: Site, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the gate of a module at a site, (inputs,), from the module's own weights there."""
        raise NotImplementedError(f"{self.name} learns its gates")

    @abstractmethod
    def scores(self, seen: Tensor, gates: Tensor) -> Tensor:
        """Return a score for each token and module, (B, T, K), from (B, T, inputs) and gates (K, inputs)."""

    def weights(self, site: Site, count: int) -> dict[str, tuple[int, ...]]:
        return {GATES: (count, site.inputs)}

    def initialise(self, site: Site, count: int, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Return gates of zeros."""
        import torch

        return {GATES: torch.zeros(count, site.inputs)}

    def mixing_weights(self, site: Site, seen: Tensor, deltas: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """Return the softmax over the `top_k` highest scores, and zero for the other modules."""
        import torch

        with torch.autocast(seen.device.type, enabled=False):  # small differences decide which scores are highest
            scores = self.scores(seen.float(), weights[GATES])
        best = scores.topk(min(self.top_k, scores.shape[-1]), dim=-1)
        chosen = scores.new_zeros(scores.shape)
        return chosen.scatter(-1, best.indices, best.values.softmax(-1)).to(deltas.dtype)
