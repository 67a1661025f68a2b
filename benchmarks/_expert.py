"""The best loop that an expert writes without Layover: one process for all runs, with transformers and peft.

    python benchmarks/_expert.py '{"folder": ..., "intermediates": [...], "targets": [...], ...}'

The encoder is loaded once and the rows are tokenised once. A run resets the LoRA and takes a fresh head. Batches are
grouped by length as transformers groups them, and padded to their longest row; AdamW is fused; in bf16 the frozen
weights are kept in bfloat16 and the rest is autocast. Predictions of all languages are sorted by length, 64 rows at
once. Prints for each target and seed the mean score over languages and intermediates, in percent.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import peft
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer
from transformers.trainer_pt_utils import get_length_grouped_indices

IGNORED, PREDICTED_AT_ONCE, CLIP = -100, 64, 1.0
Task = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Tokenised rows, in units: a row, or the rows of a question with choices."""

    ids: list[list[list[int]]]
    """Unit -> its rows -> tokens."""
    gold: list[Any]
    """Unit -> a label, or a label of each token."""

    def batch(self, units: Sequence[int], padding: int) -> tuple[Tensor, Tensor]:
        """Return tokens, (rows, longest), and the mask of those that are real."""
        rows = [row for unit in units for row in self.ids[unit]]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [padding] * (longest - len(row)) for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        return ids, (torch.arange(longest) < lengths[:, None]).long()

    def lengths(self) -> list[int]:
        """Return the length of the longest row of each unit."""
        return [max(map(len, rows)) for rows in self.ids]


class Head(nn.Module):
    """The head that transformers has for a kind."""

    def __init__(self, kind: str, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.kind = kind
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(hidden, hidden) if kind != "tagging" else None
        self.out = nn.Linear(hidden, outputs)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return logits: (rows, labels), (rows, 1) or (rows, tokens, labels)."""
        if self.dense is None:
            return self.out(self.dropout(hidden))
        first = self.dropout(hidden[:, 0]) if self.kind == "classification" else hidden[:, 0]
        return self.out(self.dropout(torch.tanh(self.dense(first))))


class Expert:
    """The encoder, the rows of all tasks, and the loop."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted
        self.tokenizer = AutoTokenizer.from_pretrained(wanted["folder"])
        rates = {"hidden_dropout_prob": wanted["dropout"], "attention_probs_dropout_prob": wanted["dropout"]}
        # transformers 5 would take the data type of the file
        encoder = AutoModel.from_pretrained(wanted["folder"], add_pooling_layer=False, dtype=torch.float32, **rates)
        self.hidden = encoder.config.hidden_size
        if wanted["precision"] == "bf16":
            encoder = encoder.to(torch.bfloat16)
        top = wanted["top"]
        count = encoder.config.num_hidden_layers
        layers = None if top is None else list(range(count - top, count))
        config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"], layers_to_transform=layers)
        self.encoder = peft.get_peft_model(encoder, config)
        self.lora = [weight for weight in self.encoder.parameters() if weight.requires_grad]
        self._rows: dict[str, Rows] = {}

    def rows(self, task: Task, file: str) -> Rows:
        """Return the rows of a file, tokenised once."""
        if file not in self._rows:
            text = (Path(self.wanted["data"]) / file).read_text(encoding="utf-8")
            self._rows[file] = self._tokenised(task, [json.loads(line) for line in text.splitlines()])
        return self._rows[file]

    def _tokenised(self, task: Task, rows: list[dict[str, Any]]) -> Rows:
        settings = {"truncation": True, "max_length": self.wanted["max_length"]}
        if task["kind"] == "classification":
            ids = self.tokenizer([row["first"] for row in rows], [row["second"] for row in rows], **settings)
            return Rows([[each] for each in ids["input_ids"]], [task["labels"].index(row["label"]) for row in rows])
        if task["kind"] == "choice":
            texts = [row["text"] for row in rows for _ in row["choices"]]
            ids = self.tokenizer(texts, [choice for row in rows for choice in row["choices"]], **settings)["input_ids"]
            ends = np.cumsum([len(row["choices"]) for row in rows]).tolist()
            units = [ids[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
            return Rows(units, [row["label"] for row in rows])
        encoded = self.tokenizer([row["tokens"] for row in rows], is_split_into_words=True, **settings)
        gold = []
        for place, row in enumerate(rows):
            words, before, labels = encoded.word_ids(place), None, []
            for word in words:
                labels.append(task["labels"].index(row["tags"][word]) if word not in {None, before} else IGNORED)
                before = word
            gold.append(labels)
        return Rows([[each] for each in encoded["input_ids"]], gold)

    def reset(self, seed: int, start: list[Tensor] | None) -> None:
        """Set the LoRA to fresh weights, or to those of an intermediate."""
        torch.manual_seed(seed)
        with torch.no_grad():
            for index, (name, weight) in enumerate(
                (name, weight) for name, weight in self.encoder.named_parameters() if weight.requires_grad
            ):
                if start is not None:
                    weight.copy_(start[index])
                elif "lora_A" in name:
                    nn.init.kaiming_uniform_(weight, a=5**0.5)
                else:
                    nn.init.zeros_(weight)

    def train(self, task: Task, seed: int, start: list[Tensor] | None) -> Head:
        """Train the LoRA and a fresh head; return the head."""
        self.reset(seed, start)
        head = Head(task["kind"], self.hidden, len(task["labels"]) or 1, self.wanted["dropout"])
        rows, batch, epochs = self.rows(task, task["train"]), self.wanted["batch"], self.wanted["epochs"]
        trained = [*self.lora, *head.parameters()]
        optimiser = torch.optim.AdamW(trained, lr=self.wanted["lr"], weight_decay=0.0, fused=True)
        total, step = epochs * -(-len(rows.ids) // batch), 0
        draws = torch.Generator().manual_seed(seed)
        self.encoder.train()
        for _ in range(epochs):
            order = get_length_grouped_indices(rows.lengths(), batch, generator=draws)
            for first in range(0, len(order), batch):
                units = order[first : first + batch]
                self.loss(head, rows, units).backward()
                nn.utils.clip_grad_norm_(trained, CLIP)
                for group in optimiser.param_groups:
                    group["lr"] = self.wanted["lr"] * (1 - step / total)
                optimiser.step()
                optimiser.zero_grad()
                step += 1
        return head

    def logits(self, head: Head, rows: Rows, units: Sequence[int]) -> Tensor:
        """Return the logits of units; of choices (units, choices)."""
        ids, mask = rows.batch(units, self.tokenizer.pad_token_id)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.wanted["precision"] == "bf16"):
            logits: Tensor = head(self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state)
        logits = logits.float()
        return logits.view(len(units), -1) if head.kind == "choice" else logits

    def loss(self, head: Head, rows: Rows, units: Sequence[int]) -> Tensor:
        """Return the mean cross-entropy."""
        logits, gold = self.logits(head, rows, units), [rows.gold[unit] for unit in units]
        if head.kind == "tagging":
            longest = logits.shape[1]
            gold = [each + [IGNORED] * (longest - len(each)) for each in gold]
        return functional.cross_entropy(logits.flatten(0, -2), torch.tensor(gold).flatten())

    def scores(self, task: Task, head: Head) -> dict[str, float]:
        """Return the score of each language in percent."""
        every = [(language, self.rows(task, file)) for language, file in task["test"].items()]
        together = Rows(
            [ids for _, rows in every for ids in rows.ids], [gold for _, rows in every for gold in rows.gold]
        )
        order = np.argsort(-np.array(together.lengths()), kind="stable")
        best: dict[int, list[int]] = {}
        self.encoder.eval()
        head.eval()
        with torch.inference_mode():
            for first in range(0, len(order), PREDICTED_AT_ONCE):
                units = order[first : first + PREDICTED_AT_ONCE].tolist()
                answers = self.logits(head, together, units).argmax(-1).tolist()
                best.update(zip(units, answers, strict=True))
        scores, start = {}, 0
        for language, rows in every:
            scores[language] = _score(task, [best[start + unit] for unit in range(len(rows.ids))], rows.gold)
            start += len(rows.ids)
        return scores


def _score(task: Task, best: list[Any], gold: list[Any]) -> float:
    if task["kind"] != "tagging":
        return 100 * fmean(answer == label for answer, label in zip(best, gold, strict=True))
    pairs = [
        [(answer, label) for answer, label in zip(answers, labels, strict=False) if label != IGNORED]
        for answers, labels in zip(best, gold, strict=True)
    ]
    if task["metric"] != "seqeval_f1":
        return 100 * fmean(answer == label for row in pairs for answer, label in row)
    from seqeval.metrics import f1_score

    names = task["labels"]
    sides = [[[names[pair[side]] for pair in row] for row in pairs] for side in (1, 0)]
    return 100 * float(f1_score(*sides))


def main() -> None:
    """Run the sweep."""
    wanted = json.loads(sys.argv[1])
    torch.set_num_threads(wanted["threads"])
    expert, means = Expert(wanted), defaultdict[tuple[str, int], list[float]](list)
    for seed in wanted["seeds"]:
        for intermediate in wanted["intermediates"]:
            expert.train(intermediate, seed, None)
            learned = [weight.detach().clone() for weight in expert.lora]
            for target in wanted["targets"]:
                head = expert.train(target, seed, learned)
                means[target["name"], seed].append(fmean(expert.scores(target, head).values()))
    for (target, seed), values in means.items():
        print(json.dumps({"target": target, "seed": seed, "score": fmean(values)}))


if __name__ == "__main__":
    main()
