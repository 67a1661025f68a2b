"""How rows run through a pretrained encoder: packed, from the embeddings or from kept hidden states on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

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
from layover.shape import Shape


class Flow(nn.Module):
    """A BERT-family encoder of transformers, whatever acts on it.

    `forward = top(frozen_states(...))`: the *frozen layers* are the embeddings and the layers below the lowest
    adapted one; they run without gradients and without dropout, so their output depends on the input alone and may
    be kept. The *top* is the other layers.

    Args:
        model: See `Encoder`, as the rest.
        clock: Where the training stands, for dropout.
        dropout: Probability on hidden states.

    Raises:
        ModelError: modules cannot attach to this type of model.
    """

    def __init__(self, model: PreTrainedModel, *, clock: DropoutClock, dropout: float) -> None:
        super().__init__()
        config = model.config
        if config.is_decoder:
            raise ModelError(f"{config.model_type}: a decoder; an encoder with attention in both directions is needed")
        self.family = family_of(config.model_type)
        self.model = model
        self.model.pooler = None  # type: ignore[assignment]
        self.clock = clock
        self.layers: Sequence[nn.Module] = list(model.get_submodule(self.family.layers).children())
        self.hidden_size: int = config.hidden_size
        self.num_layers = len(self.layers)
        self.shape = Shape(self.num_layers, config.hidden_size, config.intermediate_size, config.vocab_size)
        self.max_length = self.family.longest_input(config.max_position_embeddings, config.pad_token_id)
        """Longest input in tokens."""
        self.first = sum(isinstance(layer, Absent) for layer in self.layers)
        """The lowest layer that is there; from 1 on the embeddings are not, either."""
        self._dropouts = replace_dropouts(model, self.family, self.num_layers, dropout, clock, self.first)
        self._running = [
            None if isinstance(layer, Absent) else PackedLayer(layer, self.family, config.num_attention_heads, clock)
            for layer in self.layers
        ]
        self._checkpointing = False
        self.watch = MixingWatch()
        """Tells how much is taken of each member of a mix."""

    @property
    @abstractmethod
    def lowest(self) -> int:
        """The lowest layer that is ever changed, in this mode (training or not).

        `num_layers` when nothing is attached, 0 when the encoder's own weights train.
        """

    @property
    @abstractmethod
    def mixes(self) -> bool:
        """Whether a mix is attached, whose mixing weights may be asked for."""

    @property
    def word_embeddings(self) -> nn.Embedding:
        """The table of word embeddings, (vocabulary, H)."""
        found = self.model.get_input_embeddings()
        if not isinstance(found, nn.Embedding):
            raise ModelError(f"{self.model.config.model_type}: its word embeddings are no table in memory")
        return found

    @property
    def dtype(self) -> torch.dtype:
        """What the frozen weights are, and what the encoder computes in."""
        return self._any.dtype

    @property
    def quantisation(self) -> Quantisation | None:
        """How the linear maps of the layers are stored; None as `dtype`."""
        stored = (one.quantisation for one in self.model.modules() if isinstance(one, (Quantised, Absent)))
        return next(stored, None)

    @property
    def _any(self) -> Tensor:
        """A weight, for its type and device."""
        return next(one for one in chain(self.model.parameters(), self.model.buffers()) if one.is_floating_point())

    @property
    def words_there(self) -> int | None:
        """Word embeddings in memory; None for the whole table."""
        words = None if self.first else self.model.get_input_embeddings()
        return len(words.weight) if isinstance(words, WordEmbeddings) else None

    def need(self, ids: npt.NDArray[np.generic]) -> None:
        """Have the word embeddings of these tokens in memory.

        Raises:
            ModelError: there is no such token.
        """
        words = None if self.first else self.model.get_input_embeddings()
        if isinstance(words, WordEmbeddings):
            words.need(ids)

    def train(self, mode: bool = True) -> Self:
        """Switch our dropouts; transformers' modules stay in eval mode, so that nothing else ever drops anything."""
        super().train(mode)
        self.model.train(mode=False)
        for dropouts in self._dropouts.values():
            for dropout in dropouts:
                dropout.train(mode)
        return self

    def gradient_checkpointing(self, on: bool) -> None:
        """Keep only the input of each layer and compute the layer again in the backward; the result is the same."""
        self._checkpointing = on

    def forward(
        self,
        ids: Tensor,
        lengths: Tensor,
        segments: Tensor | None = None,
        *,
        first: bool = False,
        perturbation: Tensor | None = None,
    ) -> Tensor:
        """Return the last hidden states, (B, T, H) or, of the first token of each row alone, (B, 1, H).

        See `frozen_states` and `top`; padding is zero in what is returned.

        Args:
            ids: See `frozen_states`, as `lengths` and `segments`.
            lengths: (B,).
            segments: (B, T).
            first: Only the first token of each row is wanted.
            perturbation: (B, T, H), added to the word embeddings; the frozen layers run
                with a gradient where it requires one.

        Raises:
            ModelError: the input is longer than the encoder's positions, or the perturbation has another shape.
        """
        packing = self._packing(lengths, ids.shape[1], ids.device)
        return self._ended(self._frozen_states(ids, packing, segments, perturbation), packing, first=first)

    def after(
        self, layers: Sequence[int], ids: Tensor, lengths: Tensor, segments: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Yield the hidden states after so many layers, (B, T, H), for each of `layers`; those above do not run.

        Args:
            layers: From the lowest up; 0 are the embeddings.
            ids: See `frozen_states`, as the rest.
            lengths: (B,).
            segments: (B, T).

        Raises:
            ModelError: the input is longer than the encoder's positions, or there are not so many layers.
        """
        for layer in layers:
            if not 0 <= layer <= self.num_layers:
                raise ModelError(f"no hidden states after {layer} layers: the encoder has {self.num_layers}")
        packing = self._packing(lengths, ids.shape[1], ids.device)
        hidden, below = self._embedded(ids, packing, segments), 0
        for layer in layers:
            hidden = self._run(hidden, packing, below, layer)
            below = layer
            yield packing.padded(hidden)

    def frozen_states(self, ids: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Return the hidden states that enter the lowest adapted layer, (1, N, H): all rows' tokens without padding.

        Args:
            ids: (B, T) int64, padded on the right.
            lengths: (B,) int64, on any device; on the CPU it saves a wait for the accelerator.
            segments: (B, T) int64 token type ids; None = all 0.

        Raises:
            ModelError: the input is longer than the encoder's positions.
        """
        packing = self._packing(lengths, ids.shape[1], ids.device)
        return self._frozen_states(ids, packing, segments)[:, : packing.count]

    def below(self, layer: int, ids: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Return the hidden states that enter a frozen layer, (1, N, H), or leave the last one; see `frozen_states`.

        Raises:
            ModelError: what is attached changes a layer below.
        """
        self._check_frozen(layer)
        packing = self._packing(lengths, ids.shape[1], ids.device)
        with torch.no_grad():
            return self._run(self._embedded(ids, packing, segments), packing, 0, layer)[:, : packing.count]

    def top(self, hidden: Tensor, lengths: Tensor, layer: int | None = None, *, first: bool = False) -> Tensor:
        """Return the last hidden states, (B, T, H) or (B, 1, H), from what `frozen_states` or `below` gave.

        T is the longest row's.

        Raises:
            ModelError: what is attached changes a layer below that one.
        """
        packing = self._packing(lengths, int(lengths.max()), hidden.device)
        hidden = packing.filled(hidden)
        if layer is not None:
            self._check_frozen(layer)
            with torch.no_grad():
                hidden = self._run(hidden, packing, layer, self.lowest)
        return self._ended(hidden, packing, first=first)

    def _check_frozen(self, layer: int) -> None:
        if not 0 <= layer <= self.lowest:
            raise ModelError(
                f"hidden states that enter layer {layer} do not belong to {self.lowest} frozen layers: what is "
                "attached changes them"
            )

    def _packing(self, lengths: Tensor, longest: int, device: torch.device) -> Packing:
        heads = self.model.config.num_attention_heads
        return Packing.of(lengths, longest, device, heads=heads, rounded=rounds(device, self.dtype))

    def _frozen_states(
        self, ids: Tensor, packing: Packing, segments: Tensor | None, perturbation: Tensor | None = None
    ) -> Tensor:
        differentiable = self.lowest == 0 or (perturbation is not None and perturbation.requires_grad)
        with nullcontext() if differentiable else torch.no_grad():
            return self._run(self._embedded(ids, packing, segments, perturbation), packing, 0, self.lowest)

    def _embedded(
        self, ids: Tensor, packing: Packing, segments: Tensor | None, perturbation: Tensor | None = None
    ) -> Tensor:
        """Return what enters the first layer, (1, N, H)."""
        if ids.shape[1] > self.max_length:
            raise ModelError(
                f"an input of {ids.shape[1]} tokens, but this encoder has {self.max_length} positions: "
                "set max_length lower"
            )
        packed = packing.pack(ids)
        positions = packing.positions + self.family.first_position(self.model.config.pad_token_id)
        embeddings = self.model.get_submodule(self.family.embeddings)
        with packing.told(self.clock):
            hidden: Tensor = embeddings(
                input_ids=packed if perturbation is None else None,
                inputs_embeds=None if perturbation is None else self._perturbed(ids, packing, perturbation),
                # given, for the tables of transformers that they are else taken from end at the longest input
                token_type_ids=torch.zeros_like(packed) if segments is None else packing.pack(segments),
                position_ids=positions[None],
            )
        return hidden

    def _perturbed(self, ids: Tensor, packing: Packing, perturbation: Tensor) -> Tensor:
        """Return the word embeddings with something added to each, (1, N', H)."""
        if perturbation.shape != (expected := (*ids.shape, self.hidden_size)):
            raise ModelError(f"a perturbation is {tuple(perturbation.shape)}, but the word embeddings are {expected}")
        words: Tensor = self.model.get_input_embeddings()(packing.pack(ids))
        return (words + packing.pack(perturbation)).to(words.dtype)

    def _ended(self, hidden: Tensor, packing: Packing, *, first: bool) -> Tensor:
        """Return the last hidden states from those that enter the lowest adapted layer."""
        if not first or (self.mixes and self.watch.on):  # mixing weights are told of all tokens
            return packing.padded(self._run(hidden, packing, self.lowest, self.num_layers))
        if self.lowest == self.num_layers:
            return hidden[0, packing.first_places()][:, None]
        hidden = self._run(hidden, packing, self.lowest, self.num_layers - 1)
        return self._run(hidden, packing, self.num_layers - 1, self.num_layers, packing.firsts())[0][:, None]

    def _run(self, hidden: Tensor, packing: Packing, below: int, above: int, wanted: Packing | None = None) -> Tensor:
        """Return the hidden states after the layers from `below` to `above` - 1, (1, N, H).

        With `wanted` those of the tokens alone that are wanted of the last of them.
        """
        self.watch.batch(packing.lengths)
        again = self._checkpointing and torch.is_grad_enabled()
        for number in range(below, above):
            layer = self._running[number]
            if layer is None:
                raise ModelError(f"the encoder was loaded without its layer {number}: it begins with {self.first}")
            if again:
                # no random state is drawn anywhere: dropout is a function of the clock
                run = self.clock.replay(layer)
                hidden = checkpoint(
                    run, hidden, packing, wanted or packing, use_reentrant=False, preserve_rng_state=False
                )
            else:
                hidden = layer(hidden, packing, wanted or packing)
        return hidden
