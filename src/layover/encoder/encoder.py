"""The encoder: frozen layers, trained layers, and what is attached to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from layover.compositions import LANGUAGE, AttachedModule, Attachment, Fold, Mix
from layover.encoder.attached import AttachmentPlace, MixWeights, ModuleWeights, check_attachments, modules_in
from layover.encoder.dropout import DropoutClock
from layover.encoder.flow import Flow
from layover.encoder.folding import Folded
from layover.encoder.loading import load_model
from layover.encoder.sites import frozen_at, place_hooks
from layover.encoder.weights import check_weights
from layover.errors import ModelError, nearest
from layover.modules import AdapterDrop, Site
from layover.numerics import Quantisation


class Encoder(Flow):
    """A BERT-family encoder of transformers with modules attached to it.

    See `Flow` for how rows run through it.

    Args:
        model: Taken over, not copied: its pooler goes, its dropouts are replaced, its weights are frozen.
        clock: Where the training stands, for dropout.
        dropout: Probability on hidden states (the config's own probabilities are not used).

    Raises:
        ModelError: modules cannot attach to this type of model.
    """

    def __init__(self, model: PreTrainedModel, *, clock: DropoutClock, dropout: float = 0.0) -> None:
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
            revision: Of the hub.
            clock: Where the training stands, for dropout.
            dropout: Probability on hidden states.
            dtype: What the weights are rounded to, and what the encoder computes in.
            quantisation: How the linear maps of its layers are stored; None as `dtype`.
            from_layer: What is below is left out; the encoder then goes on from kept hidden states only (`top`).
            all_words: False keeps those word embeddings in memory alone that `need` asks for.

        Raises:
            ModelError: not there, not supported, no safetensors, or incomplete; or what quantises it is missing.
        """
        model = load_model(
            source, revision, dtype=dtype, quantisation=quantisation, from_layer=from_layer, all_words=all_words
        )
        return cls(model, clock=clock, dropout=dropout)

    @classmethod
    def from_model(cls, model: PreTrainedModel, *, clock: DropoutClock, dropout: float = 0.0) -> Encoder:
        """Take over an encoder that is in memory."""
        return cls(model, clock=clock, dropout=dropout)

    def release(self) -> PreTrainedModel | None:
        """Take all that is attached or folded in off the model, and give it back for another encoder to take over.

        This one is of no use afterwards. None when a module `full` has changed the model's own weights.
        """
        self._folded.undo()
        self._let_act([])
        model = self.model
        del self.model
        return None if self._own_changed else model

    @property
    def whole(self) -> bool:
        """Whether all its own weights train."""
        return any(
            isinstance(one, ModuleWeights) and one.attachment.trainable and one.attachment.module.whole
            for one in self.attachments
        )

    def attach(self, attachments: Sequence[Attachment]) -> None:
        """Replace what is attached, and what was folded in.

        Fresh weights depend on the clock's seed, on the attachment's position and on the names of its sites only.

        Args:
            attachments: In the order of application; what is folded in goes first, wherever it stands.

        Raises:
            ModelError: weights do not fit, two attachments have one name, layers are out of range, a module `full` has
                changed the encoder's own weights and nothing replaces them, or its weights are quantised and an
                attachment would change them.
        """
        modules = modules_in(attachments)
        check_attachments(attachments, self.quantisation)
        if self._own_changed and not any(
            attachment.module.whole and attachment.weights is not None for attachment in modules
        ):
            raise ModelError("the pretrained weights are gone, a module full has replaced them: load the encoder again")
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

    def set_language(self, attachment: AttachedModule | None) -> None:
        """Let the adapter of a language act before all that is attached, in place of another's; None takes it away.

        Nothing else is touched, so that languages change in the middle of a training, and between two predictions.

        Raises:
            ModelError: its weights do not fit, or it has none.
        """
        attached = [
            one for one in self._attached() if not (isinstance(one, ModuleWeights) and one.attachment.name == LANGUAGE)
        ]
        if attachment is not None:
            if not attachment.weights:
                raise ModelError(f"{attachment.name}: the adapter of a language has no weights; train it first")
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
        """Let what is attached act in all layers but the lowest, from now on."""
        self._drop = drop
        self._decide_what_trains()

    def skipped(self) -> int:
        """Return how many of the lowest layers go without modules now: in this step, or in predictions."""
        if not self.training:
            return self._drop.predicting
        return self.clock.pick(self._drop.train + 1) if self._drop.random else self._drop.train

    @property
    def mixes(self) -> bool:
        return any(isinstance(attachment, MixWeights) for attachment in self.attachments)

    @property
    def drops_at_random(self) -> bool:
        """Whether the layers without modules differ from step to step."""
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
        """Set `requires_grad` of every weight, and from it where the frozen layers end; no other place does."""
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
        """Yield of every module and mixer the name, whether it trains, and its weights from layer `first` up."""
        for attachment in self._attached():
            if isinstance(attachment, MixWeights):
                yield attachment.mix.name, attachment.mix.trainable, attachment.weights.named(first)
            for one in attachment.members if isinstance(attachment, MixWeights) else [attachment]:
                if isinstance(one, ModuleWeights):
                    whole = one.attachment.module.whole
                    weights = dict(self.model.named_parameters()) if whole else one.weights.named(first)
                    yield one.attachment.name, one.attachment.trainable, weights

    def trained(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return what trains: name of the module or mix -> canonical weight name -> parameter."""
        first = self._drop.always_training
        return {name: weights for name, trainable, weights in self._named(first) if trainable}

    def state(self, name: str) -> dict[str, Tensor]:
        """Return a copy of the weights of a module or a mixer on the CPU, by canonical name: what `attach` takes back.

        Raises:
            ModelError: nothing is called so.
        """
        known = {attached: weights for attached, _, weights in self._named()}
        if name not in known:
            raise ModelError(f"nothing called {name!r} is attached; {nearest(name, known)}")
        return {one: value.detach().to("cpu", copy=True).contiguous() for one, value in known[name].items()}

    def undone(self, hidden: Tensor) -> Tensor:
        """Return hidden states as they are without what modules changed of the embeddings, (..., H).

        For a head that compares them with the word embeddings, which know nothing of that change.
        """
        for attachment in reversed(self._attached()):
            if isinstance(attachment, ModuleWeights):
                hidden = attachment.undone(hidden)
        return hidden
