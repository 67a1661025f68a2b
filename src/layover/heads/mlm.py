"""mlm: one logit per token of the vocabulary, at the hidden tokens only."""

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

    The decoder is the encoder's table of word embeddings and a bias; the table is not among the head's weights, so
    it trains, or stays as it is, with the encoder. What a language's adapter changed of the embeddings is undone before
    it, as in adapters. It has no dropout, as there.
    """

    def _build(self, hidden_size: int, size: int) -> None:
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.layer_norm = nn.LayerNorm(hidden_size)
        self.bias = nn.Parameter(torch.zeros(size))
        self._tied: tuple[Encoder, ...] = ()  # in a tuple: no submodule, so it is neither saved nor moved twice

    def logits_per_token(self, features: Features) -> float:
        return features.hidden_percent / 100 * self.size

    def tie(self, encoder: Encoder) -> None:
        """Take the encoder's word embeddings as decoder."""
        embeddings = encoder.word_embeddings
        if embeddings.num_embeddings != self.size:
            raise ModelError(
                f"a head of {self.size} tokens does not fit the encoder's {embeddings.num_embeddings} word embeddings"
            )
        self.layer_norm.eps = encoder.model.config.layer_norm_eps
        self._tied = (encoder,)

    def start_from(self, source: str, revision: str | None) -> bool:
        """Take over the masked-language-modelling head that the encoder was pretrained with, if it is there."""
        weights = read_lm_head(source, revision)
        if weights:
            self.load_weights(weights, f"{source}: its head")
        return bool(weights)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits of the hidden tokens, (M, vocabulary); `targets["places"]` (M,) says where they are."""
        if not self._tied:
            raise ModelError("an mlm head has no decoder before it is tied to an encoder")
        if "places" not in targets:
            raise ModelError("an mlm head needs masked rows; the features were encoded for another kind")
        found = hidden.flatten(0, 1)[targets["places"]]
        (encoder,) = self._tied
        found = encoder.undone(self.layer_norm(functional.gelu(self.dense(found))))
        table = encoder.word_embeddings.weight
        return functional.linear(found.to(table.dtype), table, self.bias.to(table.dtype))

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the cross-entropy of `targets["masked"]` (M,), the tokens that stood at the places."""
        return functional.cross_entropy(logits.float(), targets["masked"], reduction="sum")

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        return summed_divergence(logits, other)

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of hidden tokens, the same at every step."""
        return hidden_tokens(features, units)

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:
        """Return sums over the hidden tokens of each row, (B,): `nats` float32, `masked` and `correct` int64."""
        truth = targets["masked"]
        nats = functional.cross_entropy(logits.detach().float(), truth, reduction="none").cpu()
        correct = (logits.detach().argmax(-1) == truth).cpu()
        rows = targets["places"].cpu() // int(lengths.max())
        empty = torch.zeros(len(lengths), dtype=torch.int64)
        return {
            "nats": empty.float().index_add(0, rows, nats),
            "masked": empty.index_add(0, rows, torch.ones_like(rows)),
            "correct": empty.index_add(0, rows, correct.long()),
        }


HEAD = MlmHead
