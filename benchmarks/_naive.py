"""One run of the loop that a user writes: a process that trains one task with the Trainer and predicts its languages.

    python benchmarks/_naive.py '{"folder": ..., "task": ..., ...}'

`sweep.py` starts it once per run. Nothing of Layover is imported. Prints the score of every language in percent.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import peft
import torch
from _grouped import GROUPED
from safetensors.torch import load_file
from transformers import (
    AutoModelForMultipleChoice,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForMultipleChoice,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

MODELS = {
    "classification": AutoModelForSequenceClassification,
    "choice": AutoModelForMultipleChoice,
    "tagging": AutoModelForTokenClassification,
}
COLLATORS = {
    "classification": DataCollatorWithPadding,
    "choice": DataCollatorForMultipleChoice,
    "tagging": DataCollatorForTokenClassification,
}
FRESH = {"classification": ["classifier"], "choice": ["classifier", "pooler"], "tagging": ["classifier"]}
"""What trains beside the LoRA."""
IGNORED = -100


def dataset(wanted: dict[str, Any], file: str, tokenizer: Any) -> Any:
    """Return tokenised rows of a file."""
    task, data = wanted["task"], Path(wanted["data"])
    rows = [json.loads(line) for line in (data / file).read_text(encoding="utf-8").splitlines()]
    length, padding = wanted["max_length"], "max_length" if wanted["padded"] else False
    settings = {"truncation": True, "max_length": length, "padding": padding}

    def pairs(batch: dict[str, Any]) -> Any:
        labels = [task["labels"].index(label) for label in batch["label"]]
        return {**tokenizer(batch["first"], batch["second"], **settings), "labels": labels}

    def choices(batch: dict[str, Any]) -> Any:
        counts = [len(each) for each in batch["choices"]]
        texts = [text for text, count in zip(batch["text"], counts, strict=True) for _ in range(count)]
        flat = tokenizer(texts, [choice for each in batch["choices"] for choice in each], **settings)
        cuts = np.cumsum(counts)[:-1]
        columns = {
            name: [part.tolist() for part in np.split(np.array(values, object), cuts)] for name, values in flat.items()
        }
        return {**columns, "labels": batch["label"]}

    def tags(batch: dict[str, Any]) -> Any:
        encoded = tokenizer(batch["tokens"], is_split_into_words=True, **settings)
        labels = []
        for place, own in enumerate(batch["tags"]):
            words = encoded.word_ids(place)
            first = [word is not None and word not in words[:index] for index, word in enumerate(words)]
            labels.append(
                [task["labels"].index(own[word]) if new else IGNORED for word, new in zip(words, first, strict=True)]
            )
        return {**encoded, "labels": labels}

    work = {"classification": pairs, "choice": choices, "tagging": tags}[task["kind"]]
    return datasets.Dataset.from_list(rows).map(work, batched=True, remove_columns=list(rows[0]))


def model_of(wanted: dict[str, Any]) -> Any:
    """Return the model with a LoRA: a fresh one, or the intermediate's under a fresh head."""
    kind, labels = wanted["task"]["kind"], wanted["task"]["labels"]
    size = {} if kind == "choice" else {"num_labels": len(labels)}
    rates = {"hidden_dropout_prob": wanted["dropout"], "attention_probs_dropout_prob": wanted["dropout"]}
    # transformers 5 would take the data type of the file
    model = MODELS[kind].from_pretrained(wanted["folder"], dtype=torch.float32, **size, **rates)
    config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"], modules_to_save=FRESH[kind])
    model = peft.get_peft_model(model, config)
    if wanted["start"]:
        weights = load_file(Path(wanted["start"]) / "adapter_model.safetensors")
        # the head that was saved beside it belongs to the other task
        lora = {name.replace(".weight", ".default.weight"): one for name, one in weights.items() if "lora_" in name}
        missed = model.load_state_dict(lora, strict=False).unexpected_keys
        if missed or not lora:
            raise SystemExit(f"{wanted['start']}: weights that the model does not take: {missed}")
    return model


def score(task: dict[str, Any], logits: Any, gold: Any) -> float:
    """Return accuracy, of tags on words; or the F1 of seqeval."""
    best = logits.argmax(-1)
    if task["metric"] != "seqeval_f1":
        counted = gold != IGNORED
        return 100 * float(np.mean(best[counted] == gold[counted]))
    from seqeval.metrics import f1_score

    labels = task["labels"]
    sides = [
        [
            [labels[tag] for tag, real in zip(row, own, strict=True) if real != IGNORED]
            for row, own in zip(rows, gold, strict=True)
        ]
        for rows in (gold, best)
    ]
    return 100 * float(f1_score(*sides))


def main() -> None:
    """Train, save, predict."""
    wanted = json.loads(sys.argv[1])
    datasets.disable_progress_bars()
    task = wanted["task"]
    tokenizer = AutoTokenizer.from_pretrained(wanted["folder"])
    set_seed(wanted["seed"])
    model = model_of(wanted)
    arguments = TrainingArguments(
        output_dir=wanted["out"],
        per_device_train_batch_size=wanted["batch"],
        num_train_epochs=wanted["epochs"],
        learning_rate=wanted["lr"],
        seed=wanted["seed"],
        use_cpu=wanted["device"] == "cpu",
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        **(GROUPED if wanted["grouped"] else {}),
        **wanted["arguments"],
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=dataset(wanted, task["train"], tokenizer),
        data_collator=default_data_collator if wanted["padded"] else COLLATORS[task["kind"]](tokenizer),
    )
    trainer.train()
    model.save_pretrained(wanted["out"])
    scores = {}
    for language, file in task["test"].items():
        predicted = trainer.predict(dataset(wanted, file, tokenizer))
        scores[language] = score(task, predicted.predictions, predicted.label_ids)
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
