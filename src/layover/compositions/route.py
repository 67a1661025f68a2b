"""route: send each token, at each site, to the frozen intermediates whose gates match it best.

With `router: phatgoose` (Muqeeth et al. 2024, arXiv:2402.05859) every trained intermediate gets gates afterwards: one
vector per site, trained on its own task with everything else frozen. With `router: arrow` the gates are computed from
the modules. A fresh target module, only the head, or nothing (zero-shot routing) trains on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from layover import mixers
from layover.canonical import Omitted
from layover.compositions._base import MIX, AttachedModule, Attachment, GateTraining, Mix
from layover.compositions._on_top import OnTop
from layover.errors import ModelError, nearest
from layover.identity import Json
from layover.mixers import Mixer
from layover.mixers._router import GATES, Router
from layover.modules import Module, Site
from layover.settings import Several, Temperature
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor


class Route(OnTop):
    """A routed mix of the intermediates, then the target's module."""

    name: ClassVar[str] = "route"
    takes_several: ClassVar[bool] = True
    participle: ClassVar[str] = "routed"

    router: str = "phatgoose"
    top_k: Several = 2
    """The number of intermediates that each token is sent to at each site."""
    temperature: Annotated[Temperature | None, Omitted(None)] = None
    """arrow: the divisor of the scores; the default is 1."""
    gates: GateTraining | None = Field(default=None, exclude=True)
    """phatgoose: `{steps: 100, lr: 5e-3}`. The keys of the trained gates are part of the identity instead."""

    @field_validator("router")
    @classmethod
    def _known_router(cls, value: str) -> str:
        known = [name for name in mixers.usable() if issubclass(mixers.get(name), Router)]
        if value not in mixers.names() or not issubclass(mixers.get(value), Router):
            raise ValueError(f"{value!r} is not a router; {nearest(value, known)}")
        return value

    @model_validator(mode="after")
    def _settings_of_the_router(self) -> Self:
        if self.gates is not None and not self._router().learns_gates:
            raise ValueError(f"{self.router} does not train gates; remove gates")
        if self.temperature is not None and "temperature" not in mixers.get(self.router).model_fields:
            raise ValueError(f"{self.router} has no temperature; remove temperature")
        return self

    def settings(self) -> dict[str, Json]:
        """Return the settings, with the defaults of the router."""
        return {**super().settings(), **self._router().settings()}

    def _router(self) -> Router:
        temperature = {} if self.temperature is None else {"temperature": self.temperature}
        router = mixers.get(self.router).model_validate({"top_k": self.top_k, **temperature})
        if not isinstance(router, Router):
            raise ModelError(f"route: {self.router} is not a router")
        return router

    def refuses(self, module: Module) -> str:
        return super().refuses(module) or self._router().refuses(module)

    def built_mixer(self) -> Mixer:
        return self._router()

    def gate_training(self) -> GateTraining | None:
        return (self.gates or GateTraining()) if self._router().learns_gates else None

    def words(self, *, several: bool) -> str:  # noqa: ARG002
        return f"to which each token is routed by its scores (`{self.router}`)"

    def _after(
        self,
        module: Module,
        intermediates: Sequence[AttachedModule],
        shape: Shape,
        seed: int,  # noqa: ARG002
    ) -> list[Attachment]:
        import torch

        router = self._router()
        # a single intermediate gets every token and needs no gate
        single = len(intermediates) == 1 and intermediates[0].gates is None
        gates = {
            f"{site.name}.{GATES}": torch.zeros(1, site.inputs)
            if single
            else torch.stack([_gate(router, intermediate, site) for intermediate in intermediates])
            for site in intermediates[0].module.sites(shape)
        }
        mix = Mix(MIX, router, tuple(intermediates), gates, trainable=False)
        return [mix, *self._target(module, len(intermediates))]


def _gate(router: Router, attachment: AttachedModule, site: Site) -> Tensor:
    """Return the gate of an intermediate at a site, (inputs,)."""
    if router.learns_gates:
        if attachment.gates is None:
            raise ModelError(f"route: {attachment.name} has no gates; train them first")
        return attachment.gates[f"{site.name}.{GATES}"].squeeze(0)
    return router.gate(attachment.module, site, attachment.at(site))


COMPOSITION = Route
