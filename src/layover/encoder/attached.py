"""Attachments on an encoder: the weights of a module, or of a mix of modules, at every site."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from layover.compositions import LANGUAGE, AttachedModule, Attachment, Fold, Mix
from layover.encoder.mixing_weights import MixingWatch
from layover.encoder.weights import check_weights, generator_for
from layover.errors import ModelError
from layover.modules import EMBEDDINGS, At, Site
from layover.numerics import Quantisation, cannot_be_quantised
from layover.shape import Shape

Sizes = Callable[[Site], Mapping[str, tuple[int, ...]]]
Fresh = Callable[[Site, torch.Generator], Mapping[str, Tensor]]


@dataclass(frozen=True)
class AttachmentPlace:
    """The encoder and the position at which an attachment is placed.

    Fresh weights depend only on the seed, the position and the names of their sites.
    """

    shape: Shape
    frozen: Callable[[Site], nn.Module]
    """Site -> the module that `At.frozen` will be there."""
    seed: int
    position: str
    """The number of attachments before this one, so that stacked modules start from different weights; a mixer has
    another position than its members."""
    device: torch.device
    watch: MixingWatch
    """Records mixing weights."""


class SiteWeights(nn.Module):
    """Named weights at sites: float32 copies of the given or fresh tensors.

    Args:
        sites: The sites.
        sizes: Site -> name -> shape.
        given: Canonical name -> tensor; None draws fresh weights.
        fresh: Draws the fresh weights of a site.
        place: The place of the attachment.
        where: The name of the attachment, for messages.

    Raises:
        ModelError: the given weights do not fit.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        sizes: Sizes,
        given: Mapping[str, Tensor] | None,
        fresh: Fresh,
        place: AttachmentPlace,
        where: str,
    ) -> None:
        super().__init__()
        self._sites = sites
        if given is not None:
            expected = {f"{site.name}.{name}": size for site in sites for name, size in sizes(site).items()}
            check_weights(given, expected, where)
        at = [self._made(site, sizes, given, fresh, place) for site in sites]
        self.at = nn.ModuleList(at)
        # plain dicts, because those of torch look every weight up by name at every step
        self._at: list[dict[str, nn.Parameter]] = [dict(weights.items()) for weights in at]

    @staticmethod
    def _made(
        site: Site, sizes: Sizes, given: Mapping[str, Tensor] | None, fresh: Fresh, place: AttachmentPlace
    ) -> nn.ParameterDict:
        if given is not None:
            values = {name: given[f"{site.name}.{name}"] for name in sizes(site)}
        else:
            values = dict(fresh(site, generator_for(place.seed, f"{place.position}.{site.name}")))
        copies = {name: values[name].detach().to(place.device, torch.float32, copy=True) for name in sizes(site)}
        return nn.ParameterDict({name: nn.Parameter(value) for name, value in copies.items()})

    def named(self, lowest: int = 0) -> dict[str, nn.Parameter]:
        """Return canonical name -> parameter, of the layers from `lowest` up."""
        return {
            f"{site.name}.{name}": parameter
            for site, weights in zip(self._sites, self._at, strict=True)
            for name, parameter in weights.items()
            if site.layer >= lowest
        }

    def of(self, index: int, dtype: torch.dtype) -> Mapping[str, Tensor]:
        """Return the weights at the site of that index, in the data type `dtype`; their gradients are float32."""
        return {name: weight.to(dtype) for name, weight in self._at[index].items()}


class ModuleWeights(nn.Module):
    """The weights of a module and its change of the hidden states.

    Args:
        attachment: The module; its weights are copied; None draws fresh weights.
        place: The place of the module.

    Raises:
        ModelError: the weights do not fit.
    """

    def __init__(self, attachment: AttachedModule, place: AttachmentPlace) -> None:
        super().__init__()
        module = attachment.module
        self.sites = module.sites(place.shape)
        self.layers = module.layers_of(place.shape.layers)
        self.attachment = replace(attachment, weights=None)  # the parameters below hold the tensors

        def fresh(site: Site, generator: torch.Generator) -> Mapping[str, Tensor]:
            return module.initialise(site, place.frozen(site), generator)

        given = None if module.whole else attachment.weights  # the weights of a whole module are the encoder's own
        where = f"module {attachment.name!r} ({module.name})"
        self.weights = SiteWeights(self.sites, module.weights, given, fresh, place, where)

    def changes(self, first: int) -> tuple[int, ...]:
        """Return the layers that it changes if modules act from layer `first` up."""
        return tuple(layer for layer in self.layers if self.stays or self.attachment.module.whole or layer >= first)

    @property
    def stays(self) -> bool:
        """Whether it also acts in the layers without modules, as the adapter of a language does."""
        return self.attachment.name == LANGUAGE

    def delta(self, index: int, at: At) -> Tensor:
        """Return the change that the module adds at the site of that index, (1, N, outputs)."""
        return self.attachment.module.delta(self.sites[index], at, self._weights(index, at.source))

    def changed(self, index: int, at: At) -> Tensor:
        """Return the changed `at.hidden` at the site of that index, (1, N, outputs)."""
        return self.attachment.module.changed(self.sites[index], at, self._weights(index, at.source))

    def _weights(self, index: int, like: Tensor) -> Mapping[str, Tensor]:
        return self.weights.of(index, torch.float32 if self.attachment.module.exact else like.dtype)

    def undone(self, hidden: Tensor) -> Tensor:
        """Return the hidden states without the module's change of the embeddings, (..., H)."""
        for index, site in enumerate(self.sites):
            if site.place == EMBEDDINGS:
                hidden = self.attachment.module.undone(site, hidden, self._weights(index, hidden))
        return hidden


class MixWeights(nn.Module):
    """The weights of mixed modules and of their mixer, and the mixed change of the hidden states.

    Args:
        mix: The mix; all weights are copied; None draws fresh weights.
        place: The place of the mix.

    Raises:
        ModelError: the weights do not fit, or the modules attach to different sites.
    """

    def __init__(self, mix: Mix, place: AttachmentPlace) -> None:
        super().__init__()
        self.mix = replace(mix, weights=None, members=())
        self.stays = False
        self._watch = place.watch
        self._members = [ModuleWeights(attachment, place) for attachment in mix.members]
        self.members = nn.ModuleList(self._members)
        first, mixer, count = self._members[0], mix.mixer, len(mix.members)
        for member in self._members:
            if member.sites != first.sites:
                raise ModelError(
                    f"{first.attachment.name} and {member.attachment.name} attach to different sites of the encoder, "
                    "so they cannot be mixed: give both modules the same settings"
                )
        self.sites, self.layers = first.sites, first.layers

        def sizes(site: Site) -> Mapping[str, tuple[int, ...]]:
            return mixer.weights(site, count)

        def fresh(site: Site, generator: torch.Generator) -> Mapping[str, Tensor]:
            return mixer.initialise(site, count, generator)

        where = f"mix {mix.name!r} ({mixer.name})"
        apart = replace(place, position=f"{place.position}.mix")
        self.weights = SiteWeights(self.sites, sizes, mix.weights, fresh, apart, where)

    def changes(self, first: int) -> tuple[int, ...]:
        """Return the layers that it changes if modules act from layer `first` up."""
        return tuple(layer for layer in self.layers if layer >= first)

    def kept(self) -> int:
        """Return the count of numbers per token that a training keeps for the mix, see `Mixer.kept`."""
        return sum(self.mix.mixer.kept(site, len(self._members)) for site in self.sites)

    def delta(self, index: int, at: At) -> Tensor:
        """Return the change that the mix adds at the site of that index, (1, N, outputs)."""
        site, mixer = self.sites[index], self.mix.mixer
        weights = self.weights.of(index, torch.float32 if mixer.exact else at.source.dtype)
        # all members read the same input, so their order has no effect
        deltas = torch.stack([member.delta(index, at) for member in self._members], dim=2)
        seen = self._members[0].attachment.module.seen(site, at)
        mixing = mixer.mixing_weights(site, seen, deltas, weights)
        self._watch.see(site.name, mixing)
        return mixer.mixed(mixing, deltas, weights)

    def changed(self, index: int, at: At) -> Tensor:
        """Return the changed `at.hidden` at the site of that index, (1, N, outputs)."""
        return at.hidden + self.delta(index, at)


def modules_in(attachments: Sequence[Attachment]) -> list[AttachedModule]:
    """Return the modules of all attachments, including the members of mixes."""
    modules: list[AttachedModule] = []
    for attachment in attachments:
        if isinstance(attachment, AttachedModule):
            modules.append(attachment)
        elif isinstance(attachment, Mix):
            modules += attachment.members
    return modules


def check_attachments(attachments: Sequence[Attachment], quantisation: Quantisation | None = None) -> None:
    """Refuse attachments that do not fit together, or do not fit the encoder.

    Args:
        attachments: The attachments to check.
        quantisation: The storage of the encoder's linear maps.

    Raises:
        ModelError: two attachments have the same name, one is frozen without weights, two are the whole encoder, or one
            changes quantised weights.
    """
    modules = modules_in(attachments)
    names = [
        *(attachment.name for attachment in modules),
        *(attachment.name for attachment in attachments if isinstance(attachment, Mix)),
    ]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"two modules have the name {name!r}; give each module its own name")
    for attachment in modules:
        if attachment.weights is None and attachment.module.trains_encoder and not attachment.trainable:
            raise ModelError(f"module {attachment.name!r} is frozen and has no weights; train it first or let it train")
    whole = [attachment for attachment in modules if attachment.module.whole]
    if len(whole) > 1:
        raise ModelError(f"modules {whole[0].name!r} and {whole[1].name!r} are both the whole encoder; keep only one")
    if quantisation is None:
        return
    folds = [attachment.name for attachment in attachments if isinstance(attachment, Fold)]
    for name in (*(attachment.name for attachment in whole), *folds):
        if reason := cannot_be_quantised(quantisation, whole=name not in folds, folds=name in folds):
            raise ModelError(f"{name!r} does not work with an encoder loaded in {quantisation}: {reason}")
