"""Bottleneck adapters: a small two-layer network parallel to a sublayer or after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import model_validator

from layover.canonical import Omitted
from layover.errors import nearest, shown
from layover.modules import _coupling
from layover.modules._activations import Activation, activate
from layover.modules._base import EMBEDDINGS, SUBLAYERS, At, LayeredModule, Site
from layover.modules._forms import AdaptersFolder, Form, InAdapters, Names, NoForm, Values
from layover.settings import Flag, Reduction
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

Placement = Literal["pfeiffer", "houlsby", "parallel"]

PARALLEL_SCALING = 4.0
"""He et al. 2022, arXiv:2110.04366, and `ParBnConfig` of adapters."""

USUAL: Values = {
    "adapter_residual_before_ln": False,
    "cross_adapter": False,
    "dropout": 0.0,
    "factorized_phm_W": True,
    "factorized_phm_rule": False,
    "hypercomplex_nonlinearity": "glorot-uniform",
    "init_weights": "bert",
    "init_weights_seed": None,
    "inv_adapter": None,
    "inv_adapter_reduction_factor": None,
    "learn_phm": True,
    "ln_after": False,
    "ln_before": False,
    "original_ln_after": True,
    "output_adapter": True,
    "phm_bias": True,
    "phm_c_init": "normal",
    "phm_dim": 4,
    "phm_init_range": 0.0001,
    "phm_layer": False,
    "phm_rank": 1,
    "residual_before_ln": True,
    "shared_W_phm": False,
    "shared_phm_rule": True,
    "stochastic_depth": 0.0,
    "use_gating": False,
}
"""The settings that all three placements have in common, as adapters writes them."""
PLACEMENTS: Mapping[str, Values] = {
    "pfeiffer": {"mh_adapter": False, "original_ln_before": True, "is_parallel": False, "scaling": 1.0},
    "houlsby": {"mh_adapter": True, "original_ln_before": False, "is_parallel": False, "scaling": 1.0},
    "parallel": {"mh_adapter": False, "original_ln_before": False, "is_parallel": True, "scaling": PARALLEL_SCALING},
}
MEANINGLESS = frozenset({name for name in USUAL if "phm" in name} - {"phm_layer"}) | {"hypercomplex_nonlinearity"}
"""Settings of adapters that have no effect while `phm_layer` is off; `phm_layer` itself is checked."""
CALLED: Values = {
    "inv_adapter": "this is a language adapter with an invertible adapter on the embeddings",
    "phm_layer": "this is a compacter, whose maps are sums of Kronecker products (phm)",
    "use_gating": "this is a gated module, as in UniPELT",
}


def _mistakes(config: Values) -> list[str]:
    """Return a sentence for each mistake in a config of adapters' bottleneck."""
    mistakes, given = [], _placed(config)
    if type(given["scaling"]) is not float or not all(type(given[name]) is bool for name in given if name != "scaling"):
        mistakes.append(f"{', '.join(given)} set the placement, but their values are {shown(list(given.values()))}")
    elif _placement_of(config) is None:
        mistakes.append(f"{shown(given, 200)} is none of the placements {', '.join(PLACEMENTS)}")
    activation, known = config.get("non_linearity"), get_args(Activation)
    if activation not in known:
        mistakes.append(f"non_linearity is {shown(activation)}; {nearest(str(activation)[:40], known)}")
    reduction: Any = config.get("reduction_factor")
    if type(reduction) not in {int, float} or not 2**-20 <= reduction <= 2**20:
        mistakes.append(f"reduction_factor is {shown(reduction)}, but must be one number for all layers")
    return mistakes


def _placed(config: Values) -> dict[str, Any]:
    """Return the settings of a config that set the placement."""
    return {name: config.get(name) for name in PLACEMENTS["pfeiffer"]}


def _placement_of(config: Values) -> str | None:
    """Return the placement of a config of adapters, or None if no placement matches."""
    given = _placed(config)
    return next((name for name, settings in PLACEMENTS.items() if dict(settings) == given), None)


class Bottleneck(LayeredModule):
    """`h + scale * up(activation(down(z)))` before the residual connection; arithmetic as in adapters 1.3.0.

    placement, sites and z (h: the sublayer's output, x: the input of the residual connection):
        pfeiffer: feed-forward; z = LayerNorm(h + x) (Pfeiffer et al. 2021, arXiv:2005.00247; `SeqBnConfig`).
        houlsby: attention and feed-forward; z = h (Houlsby et al. 2019, arXiv:1902.00751; `DoubleSeqBnConfig`,
            whose own default activation is swish).
        parallel: feed-forward; z = x, scale 4 (He et al. 2022, arXiv:2110.04366; `ParBnConfig`, whose own
            default reduction is 2).

    `invertible` also changes the embeddings, by an additive coupling that the mlm head undoes (Pfeiffer et al. 2020,
    arXiv:2005.00052; `SeqBnInvConfig` of adapters).
    """

    name: ClassVar[str] = "bottleneck"
    noun: ClassVar[str] = "bottleneck adapter"
    in_adapters: ClassVar[InAdapters] = InAdapters(
        architecture=None,
        ends={
            "down": "adapters.{}.adapter_down.0.weight",
            "down_bias": "adapters.{}.adapter_down.0.bias",
            "up": "adapters.{}.adapter_up.weight",
            "up_bias": "adapters.{}.adapter_up.bias",
        },
        usual=USUAL,
        settings=frozenset({*PLACEMENTS["pfeiffer"], "reduction_factor", "non_linearity"}),
        mistakes=_mistakes,
        meaningless=MEANINGLESS,
        called=CALLED,
    )
    placing: ClassVar[frozenset[str]] = frozenset({"reduction", "layers"})
    neutral: ClassVar[Mapping[str, float]] = {
        **dict.fromkeys(("up", "up_bias", "f_up", "f_up_bias", "g_up", "g_up_bias"), 0.0)
    }
    default_lr: ClassVar[float] = 1e-4  # and the epochs: "Adapter Training" of AdapterHub's documentation
    default_epochs: ClassVar[float] = 10.0

    placement: Placement = "pfeiffer"
    reduction: Reduction = 16
    """The inner size is the hidden size divided by this, at least 1."""
    activation: Activation = "relu"
    invertible: Annotated[Flag, Omitted(value=False)] = False
    """Whether the embeddings are changed, too; for the adapters of languages."""
    inv_reduction: Annotated[Reduction, Omitted(2)] = 2
    """The same for the two networks of the coupling; each of them reads half of the features."""

    @model_validator(mode="after")
    def _coupled(self) -> Self:
        if not self.invertible and self.inv_reduction != 2:
            raise ValueError("inv_reduction has an effect with `invertible: true` only")
        return self

    def only_for_languages(self) -> str:
        return "`invertible` changes the embeddings, and only a language adapter may do so" if self.invertible else ""

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        layers = super().layers_of(num_layers)
        return (0, *layers) if self.invertible and layers[0] > 0 else layers

    def sites(self, shape: Shape) -> tuple[Site, ...]:
        places = SUBLAYERS if self.placement == "houlsby" else ("feedforward",)
        changed = [(0, EMBEDDINGS)] if self.invertible else []
        changed += [(layer, place) for layer in super().layers_of(shape.layers) for place in places]
        return tuple(Site(layer, place, shape.hidden, shape.hidden, shape.layers) for layer, place in changed)

    def weights(self, site: Site) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the two linear maps, hidden -> inner -> hidden."""
        if site.place == EMBEDDINGS:
            return _coupling.sizes(site.inputs, self.inv_reduction)
        inner = max(1, int(site.inputs // self.reduction))
        return {
            "down": (inner, site.inputs),
            "down_bias": (inner,),
            "up": (site.outputs, inner),
            "up_bias": (site.outputs,),
        }

    def initialise(self, site: Site, frozen: nn.Module, generator: Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the down projection from normal(0, 0.02), and zeros for all other weights.

        adapters draws `up` from the same normal distribution. With zeros in `up` the module does not change the
        output of the frozen encoder, and `up` still gets gradients at the first step.
        """
        import torch

        fresh = {name: torch.zeros(size) for name, size in self.weights(site).items()}
        for name, value in fresh.items():
            if name.endswith("down"):
                value.normal_(0.0, 0.02, generator=generator)
        return fresh

    def kept_numbers(self, shape: Shape) -> int:
        """Count the output and the input of each layer's last bottleneck, and the inner numbers of each bottleneck."""
        inside = sum(self.weights(site)["down"][0] for site in self.sites(shape) if site.place != EMBEDDINGS)
        return 2 * shape.hidden * len(self.layers_of(shape.layers)) + inside

    def seen(self, site: Site, at: At) -> Tensor:
        """Return z."""
        if site.place == EMBEDDINGS:
            return at.hidden
        if self.placement == "pfeiffer":
            return at.normed
        return at.hidden if self.placement == "houlsby" else at.source

    def delta(self, site: Site, at: At, weights: Mapping[str, Tensor]) -> Tensor:
        from torch.nn import functional

        if site.place == EMBEDDINGS:
            return _coupling.delta(at.hidden, weights, self._activate)
        down = functional.linear(self.seen(site, at), weights["down"], weights["down_bias"])
        inner = self._activate(down)
        up = functional.linear(inner, weights["up"], weights["up_bias"])
        return up * PARALLEL_SCALING if self.placement == "parallel" else up

    def undone(self, site: Site, changed: Tensor, weights: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        return _coupling.undone(changed, weights, self._activate)

    def to_peft(self, names: Names) -> Form | NoForm:  # noqa: ARG002
        return NoForm("peft has no bottleneck adapter")

    def to_adapters(self, shape: Shape) -> Form | NoForm:
        if self.invertible:
            return NoForm("an invertible bottleneck belongs to a language adapter")
        settings = {**USUAL, **PLACEMENTS[self.placement]}
        settings |= {"reduction_factor": self.reduction, "non_linearity": self.activation}
        return Form(settings, self.in_file(shape, self.in_adapters.ends))

    @classmethod
    def from_adapters(cls, folder: AdaptersFolder) -> Bottleneck:
        config = folder.config
        return cls.model_validate(
            {
                "placement": _placement_of(config),
                "reduction": config["reduction_factor"],
                "activation": config["non_linearity"],
                "layers": folder.layers,
            }
        )

    def stacked_in_adapters(self) -> str:
        parallel = self.placement == "parallel"
        return "of several parallel bottlenecks, adapters applies the last one only" if parallel else ""

    def _activate(self, inner: Tensor) -> Tensor:
        return activate(self.activation, inner)


MODULE = Bottleneck
