"""mlm: one logit per token of the vocabulary, at the masked tokens only."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from layover.data.features import Features
from layover.data.masking import hidden_tokens
from layover.encoder import Encoder
from layover.encoder.lm_head import read_lm_head
from layover.errors import ModelError
from layover.heads._base import NOTHING, Head, Units, summed_divergence


class MlmHead(Head):
    """dense, gelu, layer norm, decoder: `XLMRobertaLMHead` of transformers.

    The decoder is the encoder's table of word embeddings and a bias. The table is not a weight of the head: it trains
    or stays frozen with the encoder. Before the decoder, the head undoes the change that a language adapter makes to
    the embeddings, as in adapters. The head has no dropout, as in transformers.
    """

    def _build(self, hidden_size: int, size: int) -> None:
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.layer_norm = nn.LayerNorm(hidden_size)
        self.bias = nn.Parameter(torch.zeros(size))
        self._tied: tuple[Encoder, ...] = ()  # a tuple hides it from torch, which would save and move it twice

    def logits_per_token(self, features: Features) -> float:
        return features.hidden_percent / 100 * self.size

    def tie(self, encoder: Encoder) -> None:
        """Use the encoder's word embeddings as the decoder."""
        embeddings = encoder.word_embeddings
        if embeddings.num_embeddings != self.size:
            raise ModelError(
                f"the head has {self.size} outputs, but the encoder has {embeddings.num_embeddings} word embeddings"
            )
        self.layer_norm.eps = encoder.model.config.layer_norm_eps
        self._tied = (encoder,)

    def start_from(self, source: str, revision: str | None) -> bool:
        """Copy the masked-language-modelling head of the encoder's pretraining, if the checkpoint contains it."""
        weights = read_lm_head(source, revision)
        if weights:
            self.load_weights(weights, f"{source}: its head")
        return bool(weights)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits of the masked tokens, (M, vocabulary); `targets["places"]` (M,) are their positions."""
        if not self._tied:
            raise ModelError("an mlm head has no decoder; tie it to an encoder first")
        if "places" not in targets:
            raise ModelError("an mlm head needs masked rows, but the features were encoded for another kind")
        masked = hidden.flatten(0, 1)[targets["places"]]
        (encoder,) = self._tied
        masked = encoder.undone(self.layer_norm(functional.gelu(self.dense(masked))))
        table = encoder.word_embeddings.weight
        return functional.linear(masked.to(table.dtype), table, self.bias.to(table.dtype))

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the cross-entropy of `targets["masked"]` (M,), the original tokens at these positions."""
        return functional.cross_entropy(logits.float(), targets["masked"], reduction="sum")

    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:
        each = functional.cross_entropy(logits.float(), targets["masked"], reduction="none")
        rows = targets["places"] // int(lengths.max())
        return torch.zeros(len(lengths), device=each.device).index_add(0, rows, each)

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        return summed_divergence(logits, other)

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of masked tokens, which is the same at every step."""
        return hidden_tokens(features, units)

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:
        """Return sums over the masked tokens of each row, (B,): `nats` float32, `masked` and `correct` int64."""
        truth = targets["masked"]
        nats = functional.cross_entropy(logits.detach().float(), truth, reduction="none")
        correct = logits.detach().argmax(-1) == truth
        rows = targets["places"] // int(lengths.max())
        empty = torch.zeros(len(lengths), dtype=torch.int64, device=rows.device)
        return {
            "nats": empty.float().index_add(0, rows, nats),
            "masked": empty.index_add(0, rows, torch.ones_like(rows)),
            "correct": empty.index_add(0, rows, correct.long()),
        }


HEAD = MlmHead
