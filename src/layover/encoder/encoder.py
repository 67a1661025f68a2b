"""The encoder: frozen layers, trained layers, and their attachments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from layover.compositions import LANGUAGE, AttachedModule, Attachment, Fold, Mix
from layover.encoder.attached import AttachmentPlace, MixWeights, ModuleWeights, check_attachments, modules_in
from layover.encoder.dropout import DropoutClock
from layover.encoder.flow import Flow
from layover.encoder.folding import Folded
from layover.encoder.loading import load_model
from layover.encoder.products import float32_products
from layover.encoder.sites import frozen_at, place_hooks
from layover.encoder.weights import check_weights
from layover.errors import ModelError, nearest
from layover.modules import AdapterDrop, Site
from layover.numerics import Quantisation

if TYPE_CHECKING:
    from layover.encoder.bert import PretrainedModel


class Encoder(Flow):
    """A BERT-family encoder with attached modules.

    `Flow` describes the forward pass.

    Args:
        model: Changed in place, without a copy: the pooler is removed, dropouts are replaced, all weights are frozen.
        clock: The clock of the dropouts.
        dropout: The dropout probability on hidden states (the probabilities of the config are not used).

    Raises:
        ModelError: modules cannot attach to this type of model.
    """

    def __init__(self, model: PretrainedModel, *, clock: DropoutClock, dropout: float = 0.0) -> None:
        super().__init__(model, clock=clock, dropout=dropout)
        self._hooks: list[RemovableHandle] = []
        self._own_changed = False
        self._folded = Folded()
        self._folded_layers: tuple[int, ...] = ()
        self._drop = AdapterDrop()
        self.attachments = nn.ModuleList()
        self._decide_what_trains()
        self.train(self.training)

    @classmethod
    def load(
        cls,
        source: str | Path,
        revision: str | None = None,
        *,
        clock: DropoutClock,
        dropout: float = 0.0,
        dtype: torch.dtype = torch.float32,
        quantisation: Quantisation | None = None,
        from_layer: int = 0,
        all_words: bool = True,
    ) -> Encoder:
        """Load a hub id or a directory; every weight is frozen.

        Args:
            source: Hub id or directory.
            revision: The revision on the hub.
            clock: The clock of the dropouts.
            dropout: The dropout probability on hidden states.
            dtype: The data type of the weights and of the computation.
            quantisation: The storage of the linear maps of its layers; None stores them as `dtype`.
            from_layer: The lowest layer to load; above 0, the encoder runs from cached hidden states only (`top`).
            all_words: False keeps only the word embeddings in memory that `need` requests.

        Raises:
            ModelError: the encoder does not exist, is not supported, is incomplete, or has no safetensors weights; or
                the library for its quantisation is not installed.
        """
        model = load_model(
            source, revision, dtype=dtype, quantisation=quantisation, from_layer=from_layer, all_words=all_words
        )
        return cls(model, clock=clock, dropout=dropout)

    @classmethod
    def from_model(cls, model: PretrainedModel, *, clock: DropoutClock, dropout: float = 0.0) -> Encoder:
        """Return an encoder around a model that is already in memory."""
        return cls(model, clock=clock, dropout=dropout)

    def release(self) -> PretrainedModel | None:
        """Remove all attachments from the model, and return the model for use in another encoder.

        This encoder must not be used afterwards. The result is None if a module `full` changed the model's own weights.
        """
        self._folded.undo()
        self._let_act([])
        model = self.model
        del self.model
        return None if self._own_changed else model

    @property
    def whole(self) -> bool:
        """Whether all the encoder's own weights train."""
        return any(
            isinstance(attached, ModuleWeights) and attached.attachment.trainable and attached.attachment.module.whole
            for attached in self.attachments
        )

    @float32_products()
    def attach(self, attachments: Sequence[Attachment]) -> None:
        """Replace all attachments, including folds.

        Fresh weights depend only on the clock's seed, the attachment's position and the names of its sites.

        Args:
            attachments: In the order of application; folds are applied first, at any position in the list.

        Raises:
            ModelError: weights do not fit, two attachments have the same name, layers are out of range, a module `full`
                changed the encoder's own weights and nothing replaces them, or an attachment would change quantised
                weights.
        """
        modules = modules_in(attachments)
        check_attachments(attachments, self.quantisation)
        if self._own_changed and not any(
            attachment.module.whole and attachment.weights is not None for attachment in modules
        ):
            raise ModelError("a module full has replaced the pretrained weights; load the encoder again")
        self._folded.undo()
        self._folded.fold([attachment for attachment in attachments if isinstance(attachment, Fold)], self._frozen)
        device = self._any.device
        attached: list[ModuleWeights | MixWeights] = []
        for position, attachment in enumerate(attachments):
            place = AttachmentPlace(self.shape, self._frozen, self.clock.seed, str(position), device, self.watch)
            if isinstance(attachment, AttachedModule):
                attached.append(ModuleWeights(attachment, place))
            elif isinstance(attachment, Mix):
                attached.append(MixWeights(attachment, place))
        for attachment in modules:
            if attachment.module.whole:
                self._take_own_weights(attachment)
        self._folded_layers = tuple(
            site.layer for attachment in attachments if isinstance(attachment, Fold) for site in attachment.sites
        )
        self._let_act(attached)

    @float32_products()
    def set_language(self, attachment: AttachedModule | None) -> None:
        """Set the language adapter, which acts before all attachments; None removes it.

        All other attachments stay, so the language can change during a training and between two predictions.

        Raises:
            ModelError: the weights do not fit, or are absent.
        """
        attached = [
            other
            for other in self._attached()
            if not (isinstance(other, ModuleWeights) and other.attachment.name == LANGUAGE)
        ]
        if attachment is not None:
            if not attachment.weights:
                raise ModelError(f"{attachment.name}: the language adapter has no weights; train it first")
            place = AttachmentPlace(self.shape, self._frozen, 0, LANGUAGE, self._any.device, self.watch)
            attached.insert(0, ModuleWeights(replace(attachment, name=LANGUAGE, trainable=False), place))
        self._let_act(attached)

    def _let_act(self, attached: Sequence[ModuleWeights | MixWeights]) -> None:
        for hook in self._hooks:
            hook.remove()
        self.attachments = nn.ModuleList(attached)
        self._hooks = place_hooks(self.model, self.layers, self.family, attached, self.skipped)
        self._decide_what_trains()

    def drop(self, drop: AdapterDrop) -> None:
        """Set the number of lowest layers in which attachments do not act."""
        self._drop = drop
        self._decide_what_trains()

    def skipped(self) -> int:
        """Return the number of lowest layers without modules in the current step, or in predictions."""
        if not self.training:
            return self._drop.predicting
        return self.clock.pick(self._drop.train + 1) if self._drop.random else self._drop.train

    @property
    def mixes(self) -> bool:
        return any(isinstance(attachment, MixWeights) for attachment in self.attachments)

    @property
    def drops_at_random(self) -> bool:
        """Whether the number of layers without modules differs from step to step."""
        return self._drop.random

    @property
    def lowest(self) -> int:
        return self._lowest(self.training)

    def _lowest(self, training: bool) -> int:
        first = self._drop.always_training if training else self._drop.predicting
        changed = {layer for attachment in self._attached() for layer in attachment.changes(first)}
        return min((*changed, *self._folded_layers), default=self.num_layers)

    def _frozen(self, site: Site) -> nn.Module:
        return frozen_at(self.model, self.layers, self.family, site)

    def _take_own_weights(self, attachment: AttachedModule) -> None:
        own = dict(self.model.named_parameters())
        if attachment.weights is not None:
            check_weights(
                attachment.weights,
                {name: tuple(value.shape) for name, value in own.items()},
                f"module {attachment.name!r}",
            )
            with torch.no_grad():
                for name, value in own.items():
                    value.copy_(attachment.weights[name])
        self._own_changed = True

    def _decide_what_trains(self) -> None:
        """Set `requires_grad` of every weight, and enable the dropouts above the frozen layers; no other code does."""
        training = {id(weight) for weights in self.trained().values() for weight in weights.values()}
        for weight in self.parameters():
            weight.requires_grad_(id(weight) in training)
            weight.grad = None
        lowest = self._lowest(training=True)
        for layer, dropouts in self._dropouts.items():
            for dropout in dropouts:
                dropout.enabled = lowest == 0 or layer >= lowest

    def _attached(self) -> list[ModuleWeights | MixWeights]:
        return [attachment for attachment in self.attachments if isinstance(attachment, (ModuleWeights, MixWeights))]

    def _named(self, first: int = 0) -> Iterator[tuple[str, bool, dict[str, nn.Parameter]]]:
        """Yield the name of every module and mixer, whether it trains, and its weights from layer `first` up."""
        for attachment in self._attached():
            if isinstance(attachment, MixWeights):
                yield attachment.mix.name, attachment.mix.trainable, attachment.weights.named(first)
            for module in attachment.members if isinstance(attachment, MixWeights) else [attachment]:
                if isinstance(module, ModuleWeights):
                    whole = module.attachment.module.whole
                    weights = dict(self.model.named_parameters()) if whole else module.weights.named(first)
                    yield module.attachment.name, module.attachment.trainable, weights

    def trained(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return the weights that train: name of the module or mix -> canonical weight name -> parameter."""
        first = self._drop.always_training
        return {name: weights for name, trainable, weights in self._named(first) if trainable}

    def state(self, name: str) -> dict[str, Tensor]:
        """Return a copy of the weights of a module or mixer on the CPU, by canonical name, as `attach` takes them.

        Raises:
            ModelError: no attachment has this name.
        """
        known = {attached: weights for attached, _, weights in self._named()}
        if name not in known:
            raise ModelError(f"no attachment has the name {name!r}; {nearest(name, known)}")
        return {weight: value.detach().to("cpu", copy=True).contiguous() for weight, value in known[name].items()}

    def undone(self, hidden: Tensor) -> Tensor:
        """Return hidden states without the modules' changes of the embeddings, (..., H).

        A head needs this to compare them with the word embeddings, which modules do not change.
        """
        for attachment in reversed(self._attached()):
            if isinstance(attachment, ModuleWeights):
                hidden = attachment.undone(hidden)
        return hidden
