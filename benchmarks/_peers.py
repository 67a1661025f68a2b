"""The peers: transformers' Trainer with peft or adapters, as users run them and as an expert would."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from _common import BATCH, LR, WIDTH  # noqa: E402
from _grouped import GROUPED  # noqa: E402
from _ours import HEAD_SIZES, Stopwatch, kind_of  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    default_data_collator,
)
from transformers.utils import logging as of_transformers  # noqa: E402

from layover.data.features import Features  # noqa: E402

of_transformers.set_verbosity_error()
of_transformers.disable_progress_bar()
logging.getLogger("adapters").setLevel(logging.ERROR)

MODELS = {"classification": AutoModelForSequenceClassification, "span": AutoModelForQuestionAnswering}
TASK_TYPES = {"classification": "SEQ_CLS", "span": "QUESTION_ANS"}


@dataclass(frozen=True)
class Style:
    """How somebody runs the Trainer."""

    padded: bool
    """Everything to the longest input allowed; otherwise to the longest row of a batch."""
    arguments: Mapping[str, Any]


AS_USERS_DO = Style(True, {})
"""The Trainer's own defaults: fp32, 8 rows at once in predictions."""
AS_AN_EXPERT = Style(False, {"bf16": True, "optim": "adamw_torch_fused", **GROUPED, "per_device_eval_batch_size": 64})


def make_model(
    folder: Path,
    kind: str,
    method: str,
    *,
    head: Mapping[str, Tensor] | None = None,
    lora: Mapping[str, Tensor] | None = None,
    dropout: float = 0.1,
) -> nn.Module:
    """Return a model of transformers with what `method` trains on it.

    Args:
        folder: Of the encoder.
        kind: Of the task.
        method: `full`, `peft-lora`, `adapters-lora`, `adapters-seq_bn`.
        head: Weights of Layover's head, to start from the same.
        lora: Weights of Layover's LoRA, by canonical name.
        dropout: Of everything.
    """
    size = {"num_labels": HEAD_SIZES[kind]} if kind == "classification" else {}
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    torch.manual_seed(0)
    # transformers 5 would take the data type of the file
    model = MODELS[kind].from_pretrained(folder, dtype=torch.float32, **size, **rates)
    if head is not None:
        names = {"out": "out_proj"} if kind == "classification" else {"out": "qa_outputs"}
        prefix = "classifier." if kind == "classification" else ""
        renamed = {
            f"{prefix}{names.get(one.split('.')[0], one.split('.')[0])}.{one.split('.')[1]}": one for one in head
        }
        _copy(model, {theirs: head[ours] for theirs, ours in renamed.items()})
    if method == "peft-lora":
        import peft

        target = ["query", "value"]
        model = peft.get_peft_model(
            model, peft.LoraConfig(task_type=TASK_TYPES[kind], r=8, lora_alpha=16, target_modules=target)
        )
        _copy(model, _named(lora, "base_model.model.roberta.encoder.layer.{}.attention.self.{}.lora_{}.default.weight"))
    elif method.startswith("adapters-"):
        import adapters

        adapters.init(model)
        config = adapters.LoRAConfig(r=8, alpha=16) if method == "adapters-lora" else "seq_bn"
        model.add_adapter("benchmark", config=config)
        model.train_adapter("benchmark")
        if method == "adapters-lora":
            _copy(model, _named(lora, "roberta.encoder.layer.{}.attention.self.{}.loras.benchmark.lora_{}"))
    return model


def _named(lora: Mapping[str, Tensor] | None, pattern: str) -> dict[str, Tensor]:
    """Return LoRA weights under a peer's names."""
    found = {}
    for name, value in (lora or {}).items():
        _, layer, place, matrix = name.split(".")
        found[pattern.format(layer, place, matrix)] = value
    return found


def _copy(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            own[name].copy_(value)


def rows_of(features: Features, *, padded: bool) -> list[dict[str, Any]]:
    """Return the rows as the Trainer takes them."""
    kind, offsets, found = kind_of(features), features.arrays["offsets"], []
    for row in range(features.rows):
        ids = features.arrays["ids"][offsets[row] : offsets[row + 1]].tolist()
        missing = WIDTH[kind] - len(ids) if padded else 0
        one: dict[str, Any] = {"input_ids": ids + [1] * missing, "attention_mask": [1] * len(ids) + [0] * missing}
        if kind == "classification":
            one["labels"] = int(features.arrays["label"][row])
        else:
            one["start_positions"] = int(features.arrays["start"][row])
            one["end_positions"] = int(features.arrays["end"][row])
        found.append(one)
    return found


def make_trainer(
    model: nn.Module,
    style: Style,
    folder: Path,
    device: str,
    out: Path,
    rows: list[dict[str, Any]] | None = None,
    batch: int = BATCH,
) -> Trainer:
    """Return a Trainer for one epoch; AdapterTrainer where adapters made the model."""
    # TrainingArguments(bf16=True) leaves this behind, and every later Trainer of the process would run in bf16
    os.environ.pop("ACCELERATE_MIXED_PRECISION", None)
    arguments = TrainingArguments(
        output_dir=str(out),
        per_device_train_batch_size=batch,
        num_train_epochs=1,
        learning_rate=LR,
        use_cpu=device == "cpu",
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        logging_strategy="no",
        **style.arguments,
    )
    collator = default_data_collator
    if not style.padded:
        collator = DataCollatorWithPadding(AutoTokenizer.from_pretrained(folder))
    kind = Trainer
    if hasattr(model, "train_adapter"):
        from adapters import AdapterTrainer

        kind = AdapterTrainer
    trainer = kind(model=model, args=arguments, data_collator=collator, train_dataset=rows)
    wanted = "bf16" if style.arguments.get("bf16") else "no"
    if trainer.accelerator.mixed_precision != wanted:
        raise RuntimeError(f"the Trainer runs in {trainer.accelerator.mixed_precision}, not {wanted}")
    trainer.remove_callback(PrinterCallback)  # standard output is for the result
    return trainer


def train(
    model: nn.Module, style: Style, features: Features, folder: Path, device: str, out: Path, batch: int = BATCH
) -> tuple[float, float]:
    """Train for one epoch; return the seconds and the mean loss."""
    trainer = make_trainer(model, style, folder, device, out, rows_of(features, padded=style.padded), batch)
    took = Stopwatch(device)
    result = trainer.train()
    return took.seconds(), float(result.training_loss)


def predict(trainer: Trainer, rows: list[dict[str, Any]], features: Features) -> list[np.ndarray]:
    """Return per row the logits: (labels,), or for spans (2, tokens).

    With rows of like lengths together the Trainer would give predictions in the order of its sampler, which nobody
    could put back: whoever wants them so in a prediction sorts them.
    """
    lengths, settings = features.lengths, vars(trainer.args)
    ((name, grouped),) = GROUPED.items()
    before = settings[name]
    order = np.argsort(-lengths, kind="stable") if before == grouped else np.arange(features.rows)
    settings[name] = False if grouped is True else "random"
    found = trainer.predict([rows[row] for row in order]).predictions
    settings[name] = before
    place = np.argsort(order)
    if kind_of(features) == "classification":
        return list(found[place])
    start, end = found[0][place], found[1][place]
    return [np.stack([start[row, : lengths[row]], end[row, : lengths[row]]]) for row in range(features.rows)]
