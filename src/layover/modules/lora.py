"""LoRA: a low-rank update of linear maps (Hu et al. 2022, arXiv:2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from layover.errors import shown
from layover.modules import _low_rank_peft
from layover.modules._base import LINEARS, At, FromFile, Site
from layover.modules._forms import AdaptersFolder, Form, InAdapters, InPeft, Names, NoForm, PeftFolder, Values
from layover.modules._low_rank import LowRank
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

MATRICES = {"q": "query", "k": "key", "v": "value"}
OTHER_MAPS = {"intermediate_lora": "intermediate", "output_lora": "output"}
SWITCHES = ("selfattn_lora", *OTHER_MAPS)
"""Settings of adapters' LoRA that select the linear maps; `attn_matrices` contains keys of `MATRICES`."""
USUAL: Values = {
    "architecture": "lora",
    "composition_mode": "add",
    "dropout": 0.0,
    "dtype": None,
    "init_weights": "lora",
    "init_weights_seed": None,
    "use_dora": False,
    "use_gating": False,
    "vera_b": None,
    "vera_d": None,
}
CALLED: Values = {
    "composition_mode": "this is an IA3 of adapters; Layover reads IA3 from peft's files only",
    "use_dora": "this is a DoRA of adapters; Layover reads DoRA from peft's files only",
    "use_gating": "this is a gated module, as in UniPELT",
    "vera_b": "this is a VeRA",
    "vera_d": "this is a VeRA",
}


def _mistakes(config: Values) -> list[str]:
    """Return a sentence for each mistake in a config of adapters' LoRA."""
    wrong = [name for name in SWITCHES if not isinstance(config.get(name), bool)]
    mistakes = [f"{name} is {shown(config.get(name))}, but must be true or false" for name in wrong]
    matrices = config.get("attn_matrices")
    if not isinstance(matrices, list) or not set(map(str, matrices)) <= set(MATRICES):
        mistakes.append(f"attn_matrices is {shown(matrices)}, but must list some of {', '.join(MATRICES)}")
    elif not wrong and not _targets(config):
        mistakes.append("the config selects no linear map")
    for name in ("r", "alpha"):
        number: Any = config.get(name)
        if type(number) not in ({int} if name == "r" else {int, float}) or not 0 < number < 2**31:
            mistakes.append(f"{name} is {shown(number)}, but must be a number above 0")
    return mistakes


def _targets(config: Values) -> set[str]:
    """Return the linear maps that a config of adapters' LoRA changes."""
    target = {MATRICES[short] for short in config["attn_matrices"]} if config["selfattn_lora"] else set()
    return target | {place for setting, place in OTHER_MAPS.items() if config[setting]}


class Lora(LowRank):
    """`y = W x + b + scale B A x`; initial weights as in peft, arithmetic up to rounding."""

    name: ClassVar[str] = "lora"
    noun: ClassVar[str] = "LoRA"
    in_peft: ClassVar[InPeft] = _low_rank_peft.in_peft(_low_rank_peft.ENDS)
    in_adapters: ClassVar[InAdapters] = InAdapters(
        architecture="lora",
        ends={"A": "loras.{}.lora_A", "B": "loras.{}.lora_B"},
        usual=USUAL,
        settings=frozenset({"alpha", "r", "attn_matrices", *SWITCHES}),
        mistakes=_mistakes,
        called=CALLED,
    )
    linear: ClassVar[bool] = True
    commutes: ClassVar[bool] = True
    default_lr: ClassVar[float] = 3e-4

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        from torch.nn.functional import linear

        return linear(linear(at.source, weights["A"]), weights["B"]) * self.scale(site)

    def changed(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        """Return `at.hidden` plus `delta`, by one product that scales and adds, too.

        Without gradients the product writes into `at.hidden`, the output of a linear map that nothing else reads.
        """
        import torch

        hidden = at.hidden.reshape(-1, site.outputs)
        low_rank = torch.nn.functional.linear(at.source.reshape(-1, site.inputs), weights["A"])
        # a product with few columns is fast only if they are contiguous, forward and for the gradient of B
        b, scale = weights["B"].t().contiguous(), self.scale(site)
        if torch.is_grad_enabled() or torch.is_autocast_enabled(hidden.device.type):
            return torch.addmm(hidden, low_rank, b, alpha=scale).view(at.hidden.shape)
        return hidden.addmm_(low_rank, b, alpha=scale).view(at.hidden.shape)

    def seen(self, site: Site, at: At) -> Tensor:  # noqa: ARG002
        return at.source

    def factors(self, site: Site, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        return weights["B"] * self.scale(site), weights["A"]

    def to_peft(self, names: Names) -> Form | NoForm:
        return _low_rank_peft.form(self, names, self.in_peft.ends, dora=False)

    @classmethod
    def from_peft(cls, folder: PeftFolder) -> FromFile:
        return FromFile(cls.model_validate(_low_rank_peft.settings(folder)))

    def to_adapters(self, shape: Shape) -> Form | NoForm:
        if self.patterns or self.rslora:
            return NoForm("adapters' LoRA has a single rank and a single alpha, and scales by alpha / rank")
        if "attention_output" in self.target:
            return NoForm("adapters' LoRA cannot attach to the linear map attention_output")
        matrices = [short for short, place in MATRICES.items() if place in self.target]
        settings = {**USUAL, "alpha": self.alpha, "r": self.rank, "attn_matrices": matrices}
        settings |= {setting: place in self.target for setting, place in OTHER_MAPS.items()}
        settings["selfattn_lora"] = bool(matrices)
        return Form(settings, self.in_file(shape, self.in_adapters.ends))

    @classmethod
    def from_adapters(cls, folder: AdaptersFolder) -> Lora:
        config, target = folder.config, _targets(folder.config)
        # adapters before 1.1 ignored alpha and did not scale; newer versions read such folders without scale, too
        unscaled = folder.version is None or folder.version < (1, 1)
        alpha = config["r"] if unscaled else config["alpha"]
        places = tuple(place for place in LINEARS if place in target)
        return cls(rank=config["r"], alpha=float(alpha), target=places, layers=folder.layers)

    def stacked_in_adapters(self) -> str:
        return "adapters feeds the change of one LoRA into the next one instead of adding the changes"


MODULE = Lora
