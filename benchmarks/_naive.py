"""One run of the loop that a user writes: a process that trains one task with the Trainer and predicts its languages.

    python benchmarks/_naive.py '{"folder": ..., "task": ..., ...}'

`sweep.py` starts it once per run. The examples are those that `layover run` takes; tokenising is the user's, with
`datasets`, as is everything after it. Prints the accuracy of every language.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import _peers
import datasets
import numpy as np
import peft
from _common import BATCH, WIDTH, examples_of
from safetensors.torch import load_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

from layover import tasks


def dataset(task: str, examples: list[Any], tokenizer: Any, *, padded: bool) -> Any:
    """Return tokenised rows."""
    labels = tasks.get(task).labels
    columns = {
        "first": [one.first for one in examples],
        "second": [one.second for one in examples],
        "labels": [labels.index(one.label) for one in examples],
    }
    padding = "max_length" if padded else False

    def tokenise(batch: dict[str, list[str]]) -> Any:
        return tokenizer(
            batch["first"], batch["second"], truncation=True, max_length=WIDTH["classification"], padding=padding
        )

    return datasets.Dataset.from_dict(columns).map(tokenise, batched=True, remove_columns=["first", "second"])


def model_of(wanted: dict[str, Any]) -> Any:
    """Return the model with a LoRA: a fresh one, or the intermediate's under a fresh head."""
    model = AutoModelForSequenceClassification.from_pretrained(
        wanted["folder"], num_labels=len(tasks.get(wanted["task"]).labels)
    )
    config = peft.LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=["query", "value"])
    model = peft.get_peft_model(model, config)
    if wanted["start"]:
        weights = load_file(Path(wanted["start"]) / "adapter_model.safetensors")
        # the classifier that was saved beside it belongs to the other task
        lora = {name.replace(".weight", ".default.weight"): one for name, one in weights.items() if "lora_" in name}
        missed = model.load_state_dict(lora, strict=False).unexpected_keys
        if missed or not lora:
            raise SystemExit(f"{wanted['start']}: weights that the model does not take: {missed}")
    return model


def main() -> None:
    """Train, save, predict."""
    wanted = json.loads(sys.argv[1])
    datasets.disable_progress_bars()
    style = _peers.AS_AN_EXPERT if wanted["expert"] else _peers.AS_USERS_DO
    tokenizer = AutoTokenizer.from_pretrained(wanted["folder"])
    set_seed(wanted["seed"])
    model = model_of(wanted)
    arguments = TrainingArguments(
        output_dir=wanted["out"],
        per_device_train_batch_size=BATCH,
        num_train_epochs=wanted["epochs"],
        learning_rate=wanted["lr"],
        seed=wanted["seed"],
        use_cpu=wanted["device"] == "cpu",
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        **style.arguments,
    )
    train = examples_of(wanted["train_task"], "train", "en", limit=wanted["limit"], file=wanted["file"])
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=dataset(wanted["task"], train, tokenizer, padded=style.padded),
        data_collator=default_data_collator if style.padded else DataCollatorWithPadding(tokenizer),
    )
    trainer.train()
    model.save_pretrained(wanted["out"])
    scores = {}
    for language in wanted["languages"]:
        examples = examples_of(wanted["task"], "validation", language, limit=wanted["predicted"])
        found = trainer.predict(dataset(wanted["task"], examples, tokenizer, padded=style.padded))
        scores[language] = 100 * float(np.mean(found.predictions.argmax(-1) == found.label_ids))
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
