"""One run of the loop that a user writes, on rows that are tokenised already: a process with the Trainer and peft.

    python benchmarks/gpu_steps/_loop.py '{"folder": ..., "rows": ..., ...}'

The step sweep starts it once per training. The wish has `folder` (the encoder), `rows` and `predicted` (files of JSON),
`labels`, `start` (the folder of an intermediate, or null), `out`, `expert`, `device`, `epochs`, `lr`, `seed`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _peers
import numpy as np
import peft
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, set_seed

LONGEST, PADDING = 128, 1


def prepared(file: str, *, padded: bool) -> list[dict[str, Any]]:
    """Return rows as the Trainer takes them."""
    rows = json.loads(Path(file).read_text(encoding="utf-8"))
    found = []
    for row in rows:
        ids = row["input_ids"]
        missing = LONGEST - len(ids) if padded else 0
        mask = [1] * len(ids) + [0] * missing
        found.append({"input_ids": ids + [PADDING] * missing, "attention_mask": mask, "labels": row["label"]})
    return found


def model_of(wish: dict[str, Any]) -> Any:
    """Return the model with a LoRA: a fresh one, or the intermediate's under a fresh head."""
    model = AutoModelForSequenceClassification.from_pretrained(
        wish["folder"], num_labels=wish["labels"], dtype=torch.float32
    )
    config = peft.LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=["query", "value"])
    model = peft.get_peft_model(model, config)
    if wish["start"]:
        weights = load_file(Path(wish["start"]) / "adapter_model.safetensors")
        lora = {name.replace(".weight", ".default.weight"): value for name, value in weights.items() if "lora_" in name}
        if not lora or model.load_state_dict(lora, strict=False).unexpected_keys:
            raise SystemExit(f"{wish['start']}: its LoRA does not fit")
    return model


def main() -> None:
    """Train, save, predict."""
    wish = json.loads(sys.argv[1])
    style = _peers.AS_AN_EXPERT if wish["expert"] else _peers.AS_USERS_DO
    set_seed(wish["seed"])
    model = model_of(wish)
    rows = prepared(wish["rows"], padded=style.padded)
    folder, out = Path(wish["folder"]), Path(wish["out"])
    trainer = _peers.make_trainer(model, style, folder, wish["device"], out, rows)
    trainer.args.num_train_epochs, trainer.args.learning_rate = wish["epochs"], wish["lr"]
    trainer.train()
    model.save_pretrained(out)
    for file in wish["predicted"]:
        if not np.isfinite(trainer.predict(prepared(file, padded=style.padded)).predictions).all():
            raise SystemExit(f"{file}: an answer is not finite")


if __name__ == "__main__":
    main()
