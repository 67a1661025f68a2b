"""AdamW over the trained parts, each with its own gradient norm; small weights are updated together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from layover.heads import Head
from layover.specs import Hyperparameters
from layover.training.adamw import AdamW, DecayGroup

HEAD = "head"
BETAS, EPS = (0.9, 0.999), 1e-8
"""Settings of AdamW, as in its paper and in common libraries."""
SMALL = 1 << 20
"""Size limit of weights in a shared buffer; larger weights gain nothing, and their gradients would exist twice."""

Parts = Mapping[str, Mapping[str, nn.Parameter]]


def head_parts(heads: Sequence[Head]) -> dict[str, dict[str, nn.Parameter]]:
    """Return the trained heads as parts: `head`, or `head.0`, `head.1` for several heads."""
    names = [HEAD] if len(heads) == 1 else [f"{HEAD}.{place}" for place in range(len(heads))]
    parts = {name: dict(head.named_parameters()) for name, head in zip(names, heads, strict=True)}
    trained = {
        name: {parameter: weight for parameter, weight in weights.items() if weight.requires_grad}
        for name, weights in parts.items()
    }
    return {name: weights for name, weights in trained.items() if weights}


class _Flat:
    """Weights of one part in one buffer, updated together; each weight becomes a view of its slice of the buffer.

    Without the buffer, a dozen matrices of a LoRA would need a dozen calls of a very short kernel.
    """

    def __init__(self, weights: Mapping[str, nn.Parameter]) -> None:
        self.weights = list(weights.values())
        self.places: dict[str, slice] = {}
        start = 0
        for name, weight in weights.items():
            self.places[name] = slice(start, start + weight.numel())
            start += weight.numel()
        if len(self.weights) == 1:
            self.buffer = self.weights[0]
            return
        with torch.no_grad():
            self.buffer = nn.Parameter(torch.cat([weight.detach().flatten() for weight in self.weights]))
            for weight, place in zip(self.weights, self.places.values(), strict=True):
                weight.data = self.buffer.data[place].view(weight.shape)

    def gather(self) -> bool:
        """Gather the gradients of the weights in the buffer; return whether there are any.

        If only some weights have a gradient, the gradient of the others counts as zero.
        """
        if all(weight.grad is None for weight in self.weights):
            return False
        if len(self.weights) > 1:
            gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in self.weights]
            self.buffer.grad = torch.cat([gradient.flatten() for gradient in gradients])
            for weight in self.weights:
                weight.grad = None
        return True


class Optimizer:
    """Decoupled weight decay on matrices; vectors (biases, layer norms) do not decay.

    Args:
        parts: Part name -> weight name -> parameter; each head is a part.
        hyperparameters: Weight decay, clip, peak learning rate.
        layers_rest: Whether some layers have no gradients in some steps; their weights then do not change.
    """

    def __init__(self, parts: Parts, hyperparameters: Hyperparameters, *, layers_rest: bool = False) -> None:
        self.clip = hyperparameters.clip
        self.parts = {part: list(weights.values()) for part, weights in parts.items()}
        self.named = {f"{part}/{name}": weight for part, weights in parts.items() for name, weight in weights.items()}
        self._zero = torch.zeros((), device=next(iter(self.named.values())).device)
        together: dict[tuple[str, ...], dict[str, nn.Parameter]] = {}
        for part, weights in parts.items():
            for name, weight in weights.items():
                apart = name if weight.numel() > SMALL else ""
                layer = ".".join(name.split(".")[:2]) if layers_rest else ""
                kind = "matrix" if weight.dim() > 1 else "vector"
                together.setdefault((part, kind, layer, apart), {})[f"{part}/{name}"] = weight
        self._flats = [(part, kind, _Flat(weights)) for (part, kind, *_), weights in together.items()]
        self._adam = AdamW(
            [
                DecayGroup([flat.buffer for _, own, flat in self._flats if own == kind], decay)
                for kind, decay in (("matrix", hyperparameters.weight_decay), ("vector", 0.0))
            ],
            BETAS,
            EPS,
        )

    def step(self, lr: float) -> list[Tensor]:
        """Clip, update, drop the gradients; return the gradient norm of each part, on the device.

        A part without gradients, such as the head of another task, does not change: its weights do not decay, and its
        moments stay the same. Its norm is 0.
        """
        updated = [(part, flat.buffer) for part, _, flat in self._flats if flat.gather()]
        norms = []
        for part in self.parts:
            buffers = [buffer for owner, buffer in updated if owner == part]
            gradients = [buffer.grad for buffer in buffers if buffer.grad is not None]
            norm = get_total_norm(gradients) if buffers else self._zero
            if self.clip is not None:
                clip_grads_with_norm_(buffers, self.clip, norm)
            norms.append(norm)
        self._adam.step(lr)
        self.drop_gradients()
        return norms

    def drop_gradients(self) -> None:
        """Drop the gradients of all weights."""
        for weight in (*self.named.values(), *(flat.buffer for _, _, flat in self._flats)):
            weight.grad = None

    def weights(self) -> dict[str, Tensor]:
        """Return copies of the trained weights on the CPU, `part/name`."""
        return {name: weight.detach().to("cpu", copy=True) for name, weight in self.named.items()}

    def set_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load the weights that `weights` returned."""
        with torch.no_grad():
            for name, weight in self.named.items():
                weight.copy_(weights[name])

    def state(self) -> dict[str, Tensor]:
        """Return copies of AdamW's moments and step counts on the CPU, `part/name:moment`."""
        state: dict[str, Tensor] = {}
        for _, _, flat in self._flats:
            for key, value in self._adam.state.get(flat.buffer, {}).items():
                for name, place in flat.places.items():
                    own = value if value.dim() == 0 else value.flatten()[place].view(self.named[name].shape)
                    state[f"{name}:{key}"] = own.detach().to("cpu", copy=True)
        return state

    def set_state(self, state: Mapping[str, Tensor]) -> None:
        """Load the state that `state` returned."""
        for _, _, flat in self._flats:
            names = list(flat.places)
            for key in {name.rpartition(":")[2] for name in state if name.rpartition(":")[0] == names[0]}:
                values = [state[f"{name}:{key}"] for name in names]
                whole = values[0] if values[0].dim() == 0 else torch.cat([value.flatten() for value in values])
                like = whole if whole.dim() == 0 else whole.view(flat.buffer.shape)
                self._adam.state.setdefault(flat.buffer, {})[key] = like.to(flat.buffer.device, copy=True)
