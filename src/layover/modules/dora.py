"""DoRA: a low-rank update of the direction of linear maps, and their magnitudes (Liu et al. 2024, arXiv:2402.09353)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from layover.errors import ModelError
from layover.modules import _low_rank_peft
from layover.modules._base import At, FromFile, Site
from layover.modules._forms import Form, InPeft, Names, NoForm, PeftFolder
from layover.modules._low_rank import LowRank
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Dora(LowRank):
    """`y = m / |V| V x + b` with `V = W + scale B A`; arithmetic and initial weights as in peft.

    m (outputs,) trains and starts as |W|, the norms of the rows; |V| gets no gradient, as in section 4.3 of the paper.
    """

    name: ClassVar[str] = "dora"
    noun: ClassVar[str] = "DoRA"
    in_peft: ClassVar[InPeft] = _low_rank_peft.in_peft(
        {**_low_rank_peft.ENDS, "magnitude": "lora_magnitude_vector"}, switch="use_dora"
    )
    exact: ClassVar[bool] = True
    acts_otherwise: ClassVar[tuple[str, ...]] = ("magnitude",)
    alone: ClassVar[str] = "it rescales every row of the frozen weights, so no other module can act at the same sites"
    default_lr: ClassVar[float] = 3e-4

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """Return the shapes of A, of B and of the magnitude of each row."""
        return {**super().weights(site), "magnitude": (site.outputs,)}

    def kept_numbers(self, shape: Shape) -> int:
        """Count the numbers of LoRA and the factors of the magnitudes."""
        return super().kept_numbers(shape) + sum(2 * site.outputs for site in self.sites(shape))

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:
        """Return the A and B of a fresh LoRA, and the magnitude, so that |V| = |W| = m."""
        fresh = super().initialise(site, frozen, generator)
        w = _linear_map(frozen, site)[0].cpu()
        return {**fresh, "magnitude": _lengths(w, fresh, self.scale(site))}

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """Return `(m / |V| - 1) W x + m / |V| scale B A x`."""
        from torch.nn.functional import linear

        (w, bias), scale = _linear_map(at.frozen, site), self.scale(site)
        ratio = weights["magnitude"] / _lengths(w, weights, scale)
        a, b = (weights[name].to(at.source.dtype) for name in ("A", "B"))
        low_rank = linear(linear(at.source, a), b)
        change = (ratio - 1) * (at.hidden - bias) + ratio * low_rank * scale
        return change.to(at.hidden.dtype)

    def seen(self, site: Site, at: At) -> Tensor:  # noqa: ARG002
        return at.source

    def to_peft(self, names: Names) -> Form | NoForm:
        return _low_rank_peft.form(self, names, self.in_peft.ends, dora=True)

    @classmethod
    def from_peft(cls, folder: PeftFolder) -> FromFile:
        return FromFile(cls.model_validate(_low_rank_peft.settings(folder)))

    def to_adapters(self, shape: Shape) -> Form | NoForm:  # noqa: ARG002
        return NoForm("Layover writes dora in peft's files only, and not as the DoRA of adapters")

    def stacked_in_adapters(self) -> str:
        return self.alone


def _linear_map(frozen: nn.Module, site: Site) -> tuple[Tensor, Tensor]:
    """Return W (outputs, inputs) and b (outputs,); a quantised W is computed for this call."""
    from torch import Tensor

    w, bias = frozen.weight, frozen.bias
    if not isinstance(w, Tensor) or not isinstance(bias, Tensor) or w.shape != (site.outputs, site.inputs):
        raise ModelError(f"dora: {site.name} is not a linear map")
    return w, bias


def _lengths(w: Tensor, weights: Mapping[str, Tensor], scale: float) -> Tensor:
    """Return |V|, (outputs,) float32 without gradient; in bfloat16 a fresh m / |V| would differ from 1."""
    import torch

    with torch.no_grad(), torch.autocast(w.device.type, enabled=False):
        lengths: Tensor = torch.linalg.norm(w + scale * (weights["B"] @ weights["A"]), dim=1)
        return lengths


MODULE = Dora
