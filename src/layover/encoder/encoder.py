"""The frozen encoder: trunk, top, and the pieces attached to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from layover.compositions import LANGUAGE, Fold, Mix, Part, Piece
from layover.encoder.attached import Attached, Mixed, Place
from layover.encoder.dropout import DropoutClock, replace_dropouts
from layover.encoder.folding import Folded
from layover.encoder.loading import Absent, load_model
from layover.encoder.packing import Packing, rounds
from layover.encoder.pieces import check_pieces, parts_of
from layover.encoder.points import points_of
from layover.encoder.quantising import Quantised
from layover.encoder.running import Layer
from layover.encoder.shares import Watch
from layover.encoder.sites import frozen_at, place_hooks
from layover.encoder.weights import check_weights
from layover.encoder.words import Words
from layover.errors import ModelError, nearest
from layover.modules import AdapterDrop, Shape, Site
from layover.precision import Quantisation


class Encoder(nn.Module):
    """A BERT-family encoder of transformers with modules attached to it.

    `forward = top(trunk(...))`: the *trunk* is the embeddings and the layers below the lowest adapted one; while
    it is frozen it runs without gradients and without dropout, so that its output is a function of the input
    alone and may be kept. The *top* is the rest.

    Args:
        model: Taken over, not copied: its pooler goes, its dropouts are replaced, its weights are frozen.
        clock: Where the training stands, for dropout.
        dropout: Probability on hidden states (the config's own probabilities are not used).

    Raises:
        ModelError: modules cannot attach to this type of model.
    """

    def __init__(self, model: PreTrainedModel, *, clock: DropoutClock, dropout: float = 0.0) -> None:
        super().__init__()
        config = model.config
        if config.is_decoder:
            raise ModelError(f"{config.model_type}: a decoder; an encoder with attention in both directions is needed")
        self.points = points_of(config.model_type)
        self.model = model
        self.model.pooler = None  # type: ignore[assignment]
        self.clock = clock
        self.layers: Sequence[nn.Module] = list(model.get_submodule(self.points.layers).children())
        self.hidden_size: int = config.hidden_size
        self.num_layers = len(self.layers)
        self.shape = Shape(config.hidden_size, config.intermediate_size, self.num_layers)
        self.max_length = self.points.longest_input(config.max_position_embeddings, config.pad_token_id)
        """Longest input in tokens."""
        self.first = sum(isinstance(layer, Absent) for layer in self.layers)
        """The lowest layer that is there; from 1 on the embeddings are not, either."""
        self._dropouts = replace_dropouts(model, self.points, self.num_layers, dropout, clock, self.first)
        self._running = [
            None if isinstance(layer, Absent) else Layer(layer, self.points, config.num_attention_heads, clock)
            for layer in self.layers
        ]
        self._checkpointing = False
        self._hooks: list[RemovableHandle] = []
        self._own_changed = False
        self._folded = Folded()
        self._folded_layers: tuple[int, ...] = ()
        self._drop = AdapterDrop()
        self.watch = Watch()
        """Tells how much is taken of each member of a mix."""
        self.pieces = nn.ModuleList()
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

        This one is of no use afterwards. None when a `full` part has changed the model's own weights.
        """
        self._folded.undo()
        self._let_act([])
        model = self.model
        del self.model
        return None if self._own_changed else model

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
    def whole(self) -> bool:
        """Whether all its own weights train."""
        return any(isinstance(one, Attached) and one.part.trainable and one.part.module.whole for one in self.pieces)

    @property
    def words_there(self) -> int | None:
        """Word embeddings in memory; None for the whole table."""
        words = None if self.first else self.model.get_input_embeddings()
        return len(words.weight) if isinstance(words, Words) else None

    def need(self, ids: npt.NDArray[np.generic]) -> None:
        """Have the word embeddings of these tokens in memory.

        Raises:
            ModelError: there is no such token.
        """
        words = None if self.first else self.model.get_input_embeddings()
        if isinstance(words, Words):
            words.need(ids)

    def train(self, mode: bool = True) -> Encoder:
        """Switch our dropouts; transformers' modules stay in eval mode, so that nothing else ever drops anything."""
        super().train(mode)
        self.model.train(mode=False)
        for dropouts in self._dropouts.values():
            for dropout in dropouts:
                dropout.train(mode)
        return self

    def attach(self, pieces: Sequence[Piece], *, seed: int) -> None:
        """Replace what is attached, and what was folded in.

        Args:
            pieces: In the order of application; what is folded in goes first, wherever it stands.
            seed: Fresh weights depend on it, on the piece's position and on the names of its sites only.

        Raises:
            ModelError: weights do not fit, two pieces have one name, layers are out of range, a `full` part has
                changed the encoder's own weights and nothing replaces them, or its weights are quantised and a piece
                would change them.
        """
        parts = parts_of(pieces)
        check_pieces(pieces, self.quantisation)
        if self._own_changed and not any(part.module.whole and part.weights is not None for part in parts):
            raise ModelError("the pretrained weights are gone, a full part has replaced them: load the encoder again")
        self._folded.undo()
        self._folded.fold([piece for piece in pieces if isinstance(piece, Fold)], self._frozen)
        device = self._any.device
        attached: list[Attached | Mixed] = []
        for position, piece in enumerate(pieces):
            place = Place(self.shape, self._frozen, seed, str(position), device, self.watch)
            if isinstance(piece, Part):
                attached.append(Attached(piece, place))
            elif isinstance(piece, Mix):
                attached.append(Mixed(piece, place))
        for part in parts:
            if part.module.whole:
                self._take_own_weights(part)
        self._folded_layers = tuple(site.layer for piece in pieces if isinstance(piece, Fold) for site in piece.sites)
        self._let_act(attached)

    def set_language(self, part: Part | None) -> None:
        """Let the adapter of a language act before all that is attached, in place of another's; None takes it away.

        Nothing else is touched, so that languages change in the middle of a training, and between two predictions.

        Raises:
            ModelError: its weights do not fit, or it has none.
        """
        attached = [one for one in self._attached() if not (isinstance(one, Attached) and one.part.name == LANGUAGE)]
        if part is not None:
            if not part.weights:
                raise ModelError(f"{part.name}: the adapter of a language has no weights; train it first")
            place = Place(self.shape, self._frozen, 0, LANGUAGE, self._any.device, self.watch)
            attached.insert(0, Attached(replace(part, name=LANGUAGE, trainable=False), place))
        self._let_act(attached)

    def _let_act(self, attached: Sequence[Attached | Mixed]) -> None:
        for hook in self._hooks:
            hook.remove()
        self.pieces = nn.ModuleList(attached)
        self._hooks = place_hooks(self.model, self.layers, self.points, attached, self.skipped)
        self._decide_what_trains()

    def drop(self, drop: AdapterDrop) -> None:
        """Let what is attached act in all layers but the lowest, from now on."""
        self._drop = drop
        self._decide_what_trains()

    def skipped(self) -> int:
        """Return how many of the lowest layers go without modules now: in this step, or in predictions."""
        if not self.training:
            return self._drop.predicting
        return self.clock.draw(self._drop.train + 1) if self._drop.random else self._drop.train

    @property
    def mixes(self) -> bool:
        """Whether a mix is attached, whose shares may be asked for."""
        return any(isinstance(piece, Mixed) for piece in self.pieces)

    @property
    def drops_at_random(self) -> bool:
        """Whether the layers without modules differ from step to step."""
        return self._drop.random

    @property
    def lowest(self) -> int:
        """The lowest layer that is ever changed, in this mode (training or not).

        `num_layers` when nothing is attached, 0 when the encoder's own weights train.
        """
        return self._lowest(self.training)

    def _lowest(self, training: bool) -> int:
        first = self._drop.always_training if training else self._drop.predicting
        changed = {layer for piece in self._attached() for layer in piece.changes(first)}
        return min((*changed, *self._folded_layers), default=self.num_layers)

    def _frozen(self, site: Site) -> nn.Module:
        return frozen_at(self.model, self.layers, self.points, site)

    def _take_own_weights(self, part: Part) -> None:
        own = dict(self.model.named_parameters())
        if part.weights is not None:
            check_weights(
                part.weights, {name: tuple(value.shape) for name, value in own.items()}, f"part {part.name!r}"
            )
            with torch.no_grad():
                for name, value in own.items():
                    value.copy_(part.weights[name])
        self._own_changed = True

    def _decide_what_trains(self) -> None:
        """Set `requires_grad` of every weight, and from it where the trunk ends; no other place does."""
        training = {id(weight) for weights in self.trained().values() for weight in weights.values()}
        for weight in self.parameters():
            weight.requires_grad_(id(weight) in training)
            weight.grad = None
        lowest = self._lowest(training=True)
        for layer, dropouts in self._dropouts.items():
            for dropout in dropouts:
                dropout.enabled = lowest == 0 or layer >= lowest

    def _attached(self) -> list[Attached | Mixed]:
        return [piece for piece in self.pieces if isinstance(piece, (Attached, Mixed))]

    def _named(self, first: int = 0) -> Iterator[tuple[str, bool, dict[str, nn.Parameter]]]:
        """Yield of every part and mixer the name, whether it trains, and its weights from layer `first` up."""
        for piece in self._attached():
            if isinstance(piece, Mixed):
                yield piece.mix.name, piece.mix.trainable, piece.weights.named(first)
            for one in piece.members if isinstance(piece, Mixed) else [piece]:
                if isinstance(one, Attached):
                    whole = one.part.module.whole
                    weights = dict(self.model.named_parameters()) if whole else one.weights.named(first)
                    yield one.part.name, one.part.trainable, weights

    def trained(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return what trains: name of the part or mix -> canonical weight name -> parameter."""
        first = self._drop.always_training
        return {name: weights for name, trainable, weights in self._named(first) if trainable}

    def state(self, name: str) -> dict[str, Tensor]:
        """Return a copy of the weights of a part or a mixer on the CPU, by canonical name: what `attach` takes back.

        Raises:
            ModelError: nothing is called so.
        """
        known = {part: weights for part, _, weights in self._named()}
        if name not in known:
            raise ModelError(f"no part {name!r} is attached; {nearest(name, known)}")
        return {one: value.detach().to("cpu", copy=True).contiguous() for one, value in known[name].items()}

    def forward(self, ids: Tensor, lengths: Tensor, segments: Tensor | None = None, *, first: bool = False) -> Tensor:
        """Return the last hidden states, (B, T, H) or, of the first token of each row alone, (B, 1, H).

        See `trunk` and `top`; padding is zero in what is returned.
        """
        packing = self._packing(lengths, ids.shape[1], ids.device)
        return self._ended(self._trunk(ids, packing, segments), packing, first=first)

    def after(
        self, layers: Sequence[int], ids: Tensor, lengths: Tensor, segments: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Yield the hidden states after so many layers, (B, T, H), for each of `layers`; those above do not run.

        Args:
            layers: From the lowest up; 0 are the embeddings.
            ids: See `trunk`, as the rest.
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

    def trunk(self, ids: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Return the hidden states that enter the lowest adapted layer, (1, N, H): all rows' tokens without padding.

        Args:
            ids: (B, T) int64, padded on the right.
            lengths: (B,) int64, on any device; on the CPU it saves a wait for the accelerator.
            segments: (B, T) int64 token type ids; None = all 0.

        Raises:
            ModelError: the input is longer than the encoder's positions.
        """
        packing = self._packing(lengths, ids.shape[1], ids.device)
        return self._trunk(ids, packing, segments)[:, : packing.count]

    def below(self, layer: int, ids: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Return the hidden states that enter a layer of the trunk, (1, N, H), or leave it; see `trunk`.

        Raises:
            ModelError: what is attached changes a layer below.
        """
        self._check_trunk(layer)
        packing = self._packing(lengths, ids.shape[1], ids.device)
        with torch.no_grad():
            return self._run(self._embedded(ids, packing, segments), packing, 0, layer)[:, : packing.count]

    def top(self, hidden: Tensor, lengths: Tensor, layer: int | None = None, *, first: bool = False) -> Tensor:
        """Return the last hidden states, (B, T, H) or (B, 1, H), from what `trunk`, or `below` of a layer, gave.

        T is the longest row's.

        Raises:
            ModelError: what is attached changes a layer below that one.
        """
        packing = self._packing(lengths, int(lengths.max()), hidden.device)
        hidden = packing.filled(hidden)
        if layer is not None:
            self._check_trunk(layer)
            with torch.no_grad():
                hidden = self._run(hidden, packing, layer, self.lowest)
        return self._ended(hidden, packing, first=first)

    def _check_trunk(self, layer: int) -> None:
        if not 0 <= layer <= self.lowest:
            raise ModelError(
                f"hidden states that enter layer {layer} do not belong to a trunk of {self.lowest} layers: what is "
                "attached changes them"
            )

    def _packing(self, lengths: Tensor, longest: int, device: torch.device) -> Packing:
        return Packing.of(lengths, longest, device, rounded=rounds(device, self.dtype))

    def _trunk(self, ids: Tensor, packing: Packing, segments: Tensor | None) -> Tensor:
        with torch.no_grad() if self.lowest > 0 else nullcontext():
            return self._run(self._embedded(ids, packing, segments), packing, 0, self.lowest)

    def _embedded(self, ids: Tensor, packing: Packing, segments: Tensor | None) -> Tensor:
        """Return what enters the first layer, (1, N, H)."""
        if ids.shape[1] > self.max_length:
            raise ModelError(
                f"an input of {ids.shape[1]} tokens, but this encoder has {self.max_length} positions: "
                "set max_length lower"
            )
        packed = packing.pack_padded(ids)
        positions = packing.positions + self.points.first_position(self.model.config.pad_token_id)
        embeddings = self.model.get_submodule(self.points.embeddings)
        with packing.told(self.clock):
            hidden: Tensor = embeddings(
                input_ids=packed,
                # given, for the tables of transformers that they are else taken from end at the longest input
                token_type_ids=torch.zeros_like(packed) if segments is None else packing.pack_padded(segments),
                position_ids=positions[None],
            )
        return hidden

    def _ended(self, hidden: Tensor, packing: Packing, *, first: bool) -> Tensor:
        """Return the last hidden states from those that enter the lowest adapted layer."""
        if not first or (self.mixes and self.watch.on):  # shares are told of all tokens
            return packing.padded(self._run(hidden, packing, self.lowest, self.num_layers))
        if self.lowest == self.num_layers:
            return hidden[0, packing.first_places()][:, None]
        hidden = self._run(hidden, packing, self.lowest, self.num_layers - 1)
        return self._run(hidden, packing, self.num_layers - 1, self.num_layers, packing.firsts())[0][:, None]

    def undone(self, hidden: Tensor) -> Tensor:
        """Return hidden states as they are without what parts changed of the embeddings, (..., H).

        For a head that compares them with the word embeddings, which know nothing of that change.
        """
        for piece in reversed(self._attached()):
            if isinstance(piece, Attached):
                hidden = piece.undone(hidden)
        return hidden

    def gradient_checkpointing(self, on: bool) -> None:
        """Keep only the input of each layer and compute the layer again in the backward; the result is the same."""
        self._checkpointing = on

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
                hidden = checkpoint(
                    layer, hidden, packing, wanted or packing, use_reentrant=False, preserve_rng_state=False
                )
            else:
                hidden = layer(hidden, packing, wanted or packing)
        return hidden
