"""The plain loop of quality.py: transformers, peft and a DataLoader that shuffles; nothing of Layover trains in it.

Layover reads the examples and scores the answers, so that both sides are asked the same and marked alike. All the rest
is what the fine-tuning scripts of transformers do: its tokenizer and models, AdamW with decay on weight matrices only,
linear warm-up and decay, the gradient norm clipped over all weights together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    get_linear_schedule_with_warmup,
)

from layover import kinds, tasks

MODELS = {"classification": AutoModelForSequenceClassification, "tagging": AutoModelForTokenClassification}
TASK_TYPES = {"classification": "SEQ_CLS", "tagging": "TOKEN_CLS"}
IGNORED = -100
PREDICTED_AT_ONCE = 64

Row = dict[str, Any]


@dataclass(frozen=True)
class Numbers:
    """What decides a training; the same on both sides."""

    lr: float
    epochs: int
    batch: int
    max_length: int
    warmup: float
    weight_decay: float
    clip: float
    dropout: float


class Plain:
    """A task and an encoder; trains and scores as often as it is asked.

    Args:
        folder: Of the encoder.
        task: Name of a classification or tagging task.
        train: Examples.
        test: Examples with gold.
        max_length: Of a row in tokens.
    """

    def __init__(self, folder: Path, task: str, train: Sequence[Any], test: Sequence[Any], max_length: int) -> None:
        self.folder, self.task, self.test = folder, tasks.get(task), test
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        if self.task.kind == "tagging":
            whole = [(list(one.tokens), list(one.tags)) for one in test]
            parts = [part for one in train for part in self._parts(one.tokens, one.tags, max_length)]
            self.train, self.asked = self._tags(parts, max_length), self._tags(whole, max_length)
        else:
            self.train, self.asked = self._pairs(train, max_length), self._pairs(test, max_length)

    def _pairs(self, examples: Sequence[Any], max_length: int) -> list[Row]:
        first, second = [one.first for one in examples], [one.second for one in examples]
        found = self.tokenizer(first, second, truncation=True, max_length=max_length)
        labels = [self.task.labels.index(one.label) for one in examples]
        # which of the two texts a token belongs to, where the encoder's tokenizer says so
        sides = found.get("token_type_ids", [[0] * len(ids) for ids in found["input_ids"]])
        columns = zip(found["input_ids"], sides, labels, strict=True)
        return [{"input_ids": ids, "sides": each, "labels": label} for ids, each, label in columns]

    def _parts(self, words: Sequence[str], tags: Sequence[str], max_length: int) -> list[tuple[list[str], list[str]]]:
        """Cut a sentence that does not fit between words, as XTREME's scripts do."""
        pieces = self.tokenizer(list(words), add_special_tokens=False)["input_ids"]
        cuts, used = [0], 0
        for place, size in enumerate(len(one) for one in pieces):
            if used + size > max_length - 2:
                cuts.append(place)
                used = 0
            used += size
        ends = [*cuts[1:], len(words)]
        return [(list(words[a:b]), list(tags[a:b])) for a, b in zip(cuts, ends, strict=True)]

    def _tags(self, sentences: Sequence[tuple[list[str], list[str]]], max_length: int) -> list[Row]:
        """Return rows whose first subword of each word has its tag."""
        words = [one for one, _ in sentences]
        found = self.tokenizer(words, is_split_into_words=True, truncation=True, max_length=max_length)
        rows = []
        for place, (ids, (_, tags)) in enumerate(zip(found["input_ids"], sentences, strict=True)):
            owners, labels, before = found.word_ids(place), [], None
            for word in owners:
                fresh = word is not None and word != before
                labels.append(self.task.labels.index(tags[word]) if fresh else IGNORED)
                before = word
            if len(tags) != sum(label != IGNORED for label in labels):
                raise SystemExit(f"a sentence of {len(tags)} words does not fit into {max_length} tokens")
            rows.append({"input_ids": ids, "sides": [0] * len(ids), "labels": labels})
        return rows

    def _together(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """Pad rows to the longest."""
        longest = max(len(row["input_ids"]) for row in rows)

        def padded(lists: Sequence[list[int]], filler: int) -> Tensor:
            return torch.tensor([one + [filler] * (longest - len(one)) for one in lists])

        labels = [row["labels"] for row in rows]
        return {
            "input_ids": padded([row["input_ids"] for row in rows], self.tokenizer.pad_token_id),
            "token_type_ids": padded([row["sides"] for row in rows], 0),
            "attention_mask": padded([[1] * len(row["input_ids"]) for row in rows], 0),
            "labels": padded(labels, IGNORED) if self.task.kind == "tagging" else torch.tensor(labels),
        }

    def model(self, module: str, dropout: float) -> nn.Module:
        """Return the model with a fresh head; `lora` is Layover's default: rank 8 on queries and values of all layers.

        The pooler of a sentence classifier trains with the head, as it does in Layover.
        """
        kind, labels = self.task.kind, len(self.task.labels)
        rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        found: nn.Module = MODELS[kind].from_pretrained(self.folder, num_labels=labels, **rates)
        for name, weight in found.named_parameters():
            if "pooler" in name:  # fresh, as Layover's, whether the checkpoint has one or not
                nn.init.zeros_(weight) if name.endswith("bias") else nn.init.normal_(weight, std=0.02)
        if module == "full":
            return found
        fresh = ["classifier", "pooler"] if kind == "classification" else ["classifier"]
        config = peft.LoraConfig(
            task_type=TASK_TYPES[kind], r=8, lora_alpha=16, target_modules=["query", "value"], modules_to_save=fresh
        )
        adapted: nn.Module = peft.get_peft_model(found, config)
        return adapted

    def run(self, module: str, numbers: Numbers, seed: int) -> dict[str, float]:
        """Train from a seed; return the scores on the test examples, in percent."""
        torch.manual_seed(seed)
        model = self.model(module, numbers.dropout)
        loader = DataLoader(
            self.train,  # type: ignore[arg-type]
            batch_size=numbers.batch,
            shuffle=True,
            collate_fn=self._together,
            generator=torch.Generator().manual_seed(seed),
        )
        steps = numbers.epochs * len(loader)
        optimiser = torch.optim.AdamW(groups_of(model, numbers.weight_decay), lr=numbers.lr)
        warmup = -(-round(1e6 * numbers.warmup * steps) // 10**6)
        schedule = get_linear_schedule_with_warmup(optimiser, warmup, steps)
        model.train()
        for _ in range(numbers.epochs):
            for batch in loader:
                model(**batch).loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), numbers.clip)
                optimiser.step()
                schedule.step()
                optimiser.zero_grad()
        return self._score(model)

    def _score(self, model: nn.Module) -> dict[str, float]:
        model.eval()
        predictions: list[Any] = []
        for start in range(0, len(self.asked), PREDICTED_AT_ONCE):
            rows = self.asked[start : start + PREDICTED_AT_ONCE]
            with torch.inference_mode():
                best = model(**self._together(rows)).logits.argmax(-1)
            predictions += [self._answer(row, one) for row, one in zip(rows, best, strict=True)]
        kind = kinds.get(self.task.kind)
        return kind.score(predictions, self.test, metrics=self.task.metrics, language="en")

    def _answer(self, row: Row, best: Tensor) -> Any:
        """Return a label, or the tags of the words."""
        if self.task.kind == "classification":
            return self.task.labels[int(best)]
        tags = zip(best[: len(row["labels"])].tolist(), row["labels"], strict=True)
        return [self.task.labels[tag] for tag, gold in tags if gold != IGNORED]


def groups_of(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Return the weights that train, in the two groups of the fine-tuning scripts: no decay on biases and norms."""
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    bare = [weight for name, weight in trained if name.endswith("bias") or "LayerNorm" in name]
    others = [weight for name, weight in trained if not (name.endswith("bias") or "LayerNorm" in name)]
    return [{"params": others, "weight_decay": decay}, {"params": bare, "weight_decay": 0.0}]
