"""The forward pass of a pretrained encoder on packed rows, from the embeddings or from cached hidden states."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from layover.encoder.dropout import DropoutClock, replace_dropouts
from layover.encoder.layer import PackedLayer
from layover.encoder.loading import Absent
from layover.encoder.mixing_weights import MixingWatch
from layover.encoder.packing import Packing, rounds
from layover.encoder.quantising import Quantised
from layover.encoder.words import WordEmbeddings
from layover.errors import ModelError
from layover.families import family_of
from layover.numerics import Quantisation
from layover.objectives import Place
from layover.shape import Shape

if TYPE_CHECKING:
    from layover.encoder.bert import PretrainedModel


class Flow(nn.Module):
    """A BERT-family encoder, with any attachments.

    `forward = top(frozen_states(...))`: the *frozen layers* are the embeddings and the layers below the lowest
    adapted one. They run without gradients and without dropout, so their output depends only on the input and can
    be cached. The *top* is the other layers.

    Args:
        model: See `Encoder`.
        clock: The clock of the dropouts.
        dropout: The dropout probability on hidden states.

    Raises:
        ModelError: modules cannot attach to this type of model.
    """

    def __init__(self, model: PretrainedModel, *, clock: DropoutClock, dropout: float) -> None:
        super().__init__()
        config = model.config
        if config.is_decoder:
            raise ModelError(f"{config.model_type}: this is a decoder; use an encoder with bidirectional attention")
        self.family = family_of(config.model_type)
        self.model = model
        self.model.pooler = None
        self.clock = clock
        self.layers: Sequence[nn.Module] = list(model.get_submodule(self.family.layers).children())
        self.hidden_size: int = config.hidden_size
        self.num_layers = len(self.layers)
        self.shape = Shape(self.num_layers, config.hidden_size, config.intermediate_size, config.vocab_size)
        self.max_length = self.family.longest_input(config.max_position_embeddings, config.pad_token_id)
        """The length of the longest input in tokens."""
        self.first = sum(isinstance(layer, Absent) for layer in self.layers)
        """The lowest layer that is present; above 0, the embeddings are absent, too."""
        self._dropouts = replace_dropouts(model, self.family, self.num_layers, dropout, clock, self.first)
        self._running = [
            None if isinstance(layer, Absent) else PackedLayer(layer, self.family, config.num_attention_heads, clock)
            for layer in self.layers
        ]
        self._checkpointing = False
        self.watch = MixingWatch()
        """Records the mixing weights of the members of a mix."""

    @property
    @abstractmethod
    def lowest(self) -> int:
        """The lowest layer that an attachment can change in this mode (training or not).

        `num_layers` without attachments; 0 if the encoder's own weights train.
        """

    @property
    @abstractmethod
    def mixes(self) -> bool:
        """Whether a mix is attached, so that mixing weights can be recorded."""

    @property
    def word_embeddings(self) -> nn.Embedding:
        """The table of word embeddings, (vocabulary, H)."""
        embeddings = self.model.get_input_embeddings()
        if not isinstance(embeddings, nn.Embedding):
            raise ModelError(f"{self.model.config.model_type}: its word embeddings are not a table in memory")
        return embeddings

    @property
    def dtype(self) -> torch.dtype:
        """The data type of the frozen weights and of the computation."""
        return self._any.dtype

    @property
    def quantisation(self) -> Quantisation | None:
        """The storage of the linear maps of the layers; None if they are stored as `dtype`."""
        stored = (block.quantisation for block in self.model.modules() if isinstance(block, (Quantised, Absent)))
        return next(stored, None)

    @property
    def _any(self) -> Tensor:
        """A weight of the encoder, for its data type and device."""
        tensors = chain(self.model.parameters(), self.model.buffers())
        return next(tensor for tensor in tensors if tensor.is_floating_point())

    @property
    def words_there(self) -> int | None:
        """The number of word embeddings in memory; None for the whole table."""
        words = None if self.first else self.model.get_input_embeddings()
        return len(words.weight) if isinstance(words, WordEmbeddings) else None

    def need(self, ids: npt.NDArray[np.generic]) -> None:
        """Load the word embeddings of these tokens into memory.

        Raises:
            ModelError: the encoder has no embedding of a token.
        """
        words = None if self.first else self.model.get_input_embeddings()
        if isinstance(words, WordEmbeddings):
            words.need(ids)

    def train(self, mode: bool = True) -> Self:
        """Switch the mode of our dropouts; all other modules stay in eval mode, so no dropout of transformers acts."""
        super().train(mode)
        self.model.train(mode=False)
        for dropouts in self._dropouts.values():
            for dropout in dropouts:
                dropout.train(mode)
        return self

    def gradient_checkpointing(self, on: bool) -> None:
        """Keep only the input of each layer, and compute the layer again in the backward pass; results are equal."""
        self._checkpointing = on

    def forward(
        self,
        ids: Tensor,
        lengths: Tensor,
        segments: Tensor | None = None,
        *,
        first: bool = False,
        perturbation: Tensor | None = None,
        at: Place = "embeddings",
    ) -> Tensor:
        """Return the last hidden states, (B, T, H), zero on padding; with `first` those of the first tokens, (B, 1, H).

        Args:
            ids: See `frozen_states`.
            lengths: (B,), see `frozen_states`.
            segments: (B, T), see `frozen_states`.
            first: Whether only the first token of each row is needed.
            perturbation: (B, T, H). If it is added to the embeddings and requires a gradient, the frozen layers run
                with gradients.
            at: `embeddings` adds the perturbation to the word embeddings, `frozen` to the input of the lowest adapted
                layer.

        Raises:
            ModelError: the input is longer than the encoder's positions, or the perturbation has another shape.
        """
        packing = self._packing(lengths, ids.shape[1], ids.device)
        if perturbation is not None:
            self._check_perturbation(perturbation, ids.shape)
        if at == "embeddings":
            return self._ended(self._frozen_states(ids, packing, segments, perturbation), packing, first=first)
        hidden = self._frozen_states(ids, packing, segments)
        return self._ended(_added(hidden, perturbation, packing), packing, first=first)

    def words(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the word embeddings without a gradient, (B, T, H) float32, zero on padding; see `frozen_states`."""
        packing = self._packing(lengths, ids.shape[1], ids.device)
        with torch.no_grad():
            words: Tensor = self.model.get_input_embeddings()(packing.pack(ids))
            return packing.padded(words).float()

    def after(
        self, layers: Sequence[int], ids: Tensor, lengths: Tensor, segments: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Yield the hidden states after each number of layers in `layers`, (B, T, H); higher layers do not run.

        Args:
            layers: Numbers of layers, ascending; 0 is the embeddings.
            ids: See `frozen_states`.
            lengths: (B,), see `frozen_states`.
            segments: (B, T), see `frozen_states`.

        Raises:
            ModelError: the input is longer than the encoder's positions, or the encoder has fewer layers.
        """
        for layer in layers:
            if not 0 <= layer <= self.num_layers:
                raise ModelError(f"there are no hidden states after {layer} layers: the encoder has {self.num_layers}")
        packing = self._packing(lengths, ids.shape[1], ids.device)
        hidden, below = self._embedded(ids, packing, segments), 0
        for layer in layers:
            hidden = self._run(hidden, packing, below, layer)
            below = layer
            yield packing.padded(hidden)

    def frozen_states(self, ids: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Return the input of the lowest adapted layer, (1, N, H): the tokens of all rows without padding.

        Args:
            ids: (B, T) int64, padded on the right.
            lengths: (B,) int64, on any device; on the CPU, it avoids a synchronisation with the accelerator.
            segments: (B, T) int64 token type ids; None = all 0.

        Raises:
            ModelError: the input is longer than the encoder's positions.
        """
        packing = self._packing(lengths, ids.shape[1], ids.device)
        return self._frozen_states(ids, packing, segments)[:, : packing.count]

    def below(self, layer: int, ids: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Return the input of a frozen layer, or of the lowest adapted layer, (1, N, H); see `frozen_states`.

        Raises:
            ModelError: an attachment changes a layer below.
        """
        self._check_frozen(layer)
        packing = self._packing(lengths, ids.shape[1], ids.device)
        with torch.no_grad():
            return self._run(self._embedded(ids, packing, segments), packing, 0, layer)[:, : packing.count]

    def top(
        self,
        hidden: Tensor,
        lengths: Tensor,
        layer: int | None = None,
        *,
        first: bool = False,
        perturbation: Tensor | None = None,
    ) -> Tensor:
        """Return the last hidden states, (B, T, H) or (B, 1, H), from the output of `frozen_states` or `below`.

        T is the length of the longest row. The perturbation, (B, T, H), is added to the input of the lowest adapted
        layer.

        Raises:
            ModelError: an attachment changes a layer below `layer`, or the perturbation has another shape.
        """
        packing = self._packing(lengths, int(lengths.max()), hidden.device)
        hidden = packing.filled(hidden)
        if layer is not None:
            self._check_frozen(layer)
            with torch.no_grad():
                hidden = self._run(hidden, packing, layer, self.lowest)
        if perturbation is not None:
            self._check_perturbation(perturbation, (len(lengths), int(lengths.max())))
        return self._ended(_added(hidden, perturbation, packing), packing, first=first)

    def _check_perturbation(self, perturbation: Tensor, tokens: Sequence[int]) -> None:
        if perturbation.shape != (expected := (*tokens, self.hidden_size)):
            raise ModelError(
                f"the perturbation has the shape {tuple(perturbation.shape)}, but the hidden states have {expected}"
            )

    def _check_frozen(self, layer: int) -> None:
        if not 0 <= layer <= self.lowest:
            raise ModelError(
                f"hidden states at the input of layer {layer} cannot be used: only the lowest {self.lowest} layers are "
                "frozen, and attachments change the others"
            )

    def _packing(self, lengths: Tensor, longest: int, device: torch.device) -> Packing:
        return Packing.of(lengths, longest, device, rounded=rounds(device, self.dtype))

    def _frozen_states(
        self, ids: Tensor, packing: Packing, segments: Tensor | None, perturbation: Tensor | None = None
    ) -> Tensor:
        differentiable = self.lowest == 0 or (perturbation is not None and perturbation.requires_grad)
        with nullcontext() if differentiable else torch.no_grad():
            return self._run(self._embedded(ids, packing, segments, perturbation), packing, 0, self.lowest)

    def _embedded(
        self, ids: Tensor, packing: Packing, segments: Tensor | None, perturbation: Tensor | None = None
    ) -> Tensor:
        """Return the input of the first layer, (1, N', H)."""
        if ids.shape[1] > self.max_length:
            raise ModelError(
                f"an input has {ids.shape[1]} tokens, but this encoder has {self.max_length} positions: "
                "set a lower max_length"
            )
        packed = packing.pack(ids)
        positions = packing.positions + self.family.first_position(self.model.config.pad_token_id)
        embeddings = self.model.get_submodule(self.family.embeddings)
        with packing.for_dropouts(self.clock):
            hidden: Tensor = embeddings(
                input_ids=packed if perturbation is None else None,
                inputs_embeds=None if perturbation is None else self._perturbed(ids, packing, perturbation),
                # explicit, because the default tables of transformers end at the longest input
                token_type_ids=torch.zeros_like(packed) if segments is None else packing.pack(segments),
                position_ids=positions[None],
            )
        return hidden

    def _perturbed(self, ids: Tensor, packing: Packing, perturbation: Tensor) -> Tensor:
        """Return the word embeddings plus the perturbation, (1, N', H)."""
        words: Tensor = self.model.get_input_embeddings()(packing.pack(ids))
        return _added(words, perturbation, packing)

    def _ended(self, hidden: Tensor, packing: Packing, *, first: bool) -> Tensor:
        """Return the last hidden states from the input of the lowest adapted layer."""
        if not first or (self.mixes and self.watch.on):  # mixing weights are recorded for all tokens
            return packing.padded(self._run(hidden, packing, self.lowest, self.num_layers))
        if self.lowest == self.num_layers:
            return hidden[0, packing.starts][:, None]
        hidden = self._run(hidden, packing, self.lowest, self.num_layers - 1)
        return self._run(hidden, packing, self.num_layers - 1, self.num_layers, packing.firsts())[0][:, None]

    def _run(self, hidden: Tensor, packing: Packing, below: int, above: int, wanted: Packing | None = None) -> Tensor:
        """Return the hidden states after the layers from `below` to `above` - 1, (1, N, H).

        With `wanted`, the last of these layers computes only the tokens of this packing.
        """
        self.watch.batch(packing.lengths)
        again = self._checkpointing and torch.is_grad_enabled()
        for number in range(below, above):
            layer = self._running[number]
            if layer is None:
                raise ModelError(f"layer {number} was not loaded: the lowest layer of this encoder is {self.first}")
            if again:
                # no layer reads the random state: dropout is a function of the clock
                run = self.clock.replay(layer)
                hidden = checkpoint(
                    run, hidden, packing, wanted or packing, use_reentrant=False, preserve_rng_state=False
                )
            else:
                hidden = layer(hidden, packing, wanted or packing)
        return hidden


def _added(hidden: Tensor, perturbation: Tensor | None, packing: Packing) -> Tensor:
    """Return hidden states plus a perturbation, (1, N', H) of their own data type."""
    return hidden if perturbation is None else (hidden + packing.pack(perturbation)).to(hidden.dtype)
