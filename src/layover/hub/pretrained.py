"""Export of a pretrained encoder from the store: an ordinary transformers directory with a card on its training."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from layover import __version__, kinds
from layover.encoder import DropoutClock, Encoder
from layover.encoder.lm_head import NAMES
from layover.errors import ModelError
from layover.execution import Execution
from layover.heads import build_head
from layover.identity import file_sha256
from layover.inference.predict import predict
from layover.plan import Cell, Plan
from layover.plan.nodes import of, spec_at
from layover.specs.score import ScoreSpec
from layover.specs.train import TrainSpec
from layover.steps.artifacts import HEAD, MEASURED, MODULE, TRAINING, load_examples, load_features
from layover.store import Store, read_json, write_json

CARD = "card.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
WEIGHTS = "model.safetensors"
KIND = "mlm"
MODEL_TYPE = "xlm-roberta"


def package_encoder(plan: Plan, store: Store, model: str, directory: Path) -> dict[str, Any]:
    """Write the encoder that a recipe pretrained, its weights rounded to float16, and return its card.

    The held-out losses on the card are losses of the rounded weights, read back from the directory.

    Args:
        plan: The plan of the recipe; one cell of the model trains all weights on masked language modelling.
        store: The store with the finished training.
        model: Label of the model in the recipe.
        directory: The new directory; it must not exist.

    Raises:
        ModelError: the recipe does not have exactly one such cell, its training is not finished, it did not begin with
            a directory of XLM-R, or the new directory exists.
    """
    cell, train = _cell(plan, model)
    if not store.has(train):
        raise ModelError(f"{cell.label}: its training is not finished; run the recipe first")
    if directory.exists():
        raise ModelError(f"{directory} already exists; name another folder, or remove this one first")
    source = _source(spec_at(plan.nodes, train, TrainSpec))
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".layover.") as temporary:
        work = Path(temporary) / "encoder"  # other users cannot read the temporary directory itself
        work.mkdir()
        _write_weights(store.path(train), work / WEIGHTS)
        _write_config(source / "config.json", work / "config.json")
        for name in TOKENIZER_FILES:
            shutil.copyfile(source / name, work / name)
        card = {
            **_origin(plan, train, store),
            "held_out": _held_out(plan, cell, store, work),
            "files": {file.name: file_sha256(file) for file in sorted(work.iterdir())},
        }
        write_json(work / CARD, card)
        for file in work.iterdir():
            file.chmod(0o644)
        work.rename(directory)
    return card


def _cell(plan: Plan, model: str) -> tuple[Cell, str]:
    """Return the cell of a model's pretraining, and the key of its training."""
    whole = {node.key: node.spec for node in of(plan.nodes, TrainSpec) if node.spec.module.whole}
    by_training = {}
    for cell in plan.cells:
        spec = whole.get(cell.train or "")
        if cell.model == model and spec is not None and spec.outputs()[0][0] == KIND and not spec.numbered:
            by_training[spec.key] = cell
    if not by_training:
        raise ModelError(f"no cell of the recipe trains all weights of {model!r} on masked language modelling")
    if len(by_training) > 1:
        cells = ", ".join(cell.label for cell in by_training.values())
        raise ModelError(f"several cells of the recipe match: {cells}; choose one with sweep.seed=[1]")
    ((train, cell),) = by_training.items()
    return cell, train


def _source(spec: TrainSpec) -> Path:
    """Return the directory that the training began with; the package copies its files."""
    source = Path(spec.encoder.source)
    for name in ("config.json", *TOKENIZER_FILES):
        if not (source / name).is_file():
            raise ModelError(f"{source}: {name} is missing; use a directory that `layover init-encoder` wrote")
    kind = read_json(source / "config.json").get("model_type")
    if kind != MODEL_TYPE:
        raise ModelError(f"{source}: its model_type is {kind!r}, but only {MODEL_TYPE!r} can be packaged")
    return source


def _write_weights(node: Path, file: Path) -> None:
    """Write encoder and head under the names of `XLMRobertaForMaskedLM`, in float16."""
    weights = {f"roberta.{name}": value for name, value in load_file(node / MODULE).items()}
    weights |= {NAMES[name][0]: value for name, value in load_file(node / HEAD).items()}
    save_file({name: _rounded(name, value) for name, value in weights.items()}, file, metadata={"format": "pt"})


def _rounded(name: str, value: Tensor) -> Tensor:
    rounded = value.to(torch.float16).contiguous()
    if not bool(rounded.isfinite().all()):
        raise ModelError(f"{name} has a weight that is too large for float16")
    return rounded


def _write_config(source: Path, target: Path) -> None:
    config = json.loads(source.read_text(encoding="utf-8"))
    # old and new transformers have different names for the type of the weights
    config |= {"architectures": ["XLMRobertaForMaskedLM"], "dtype": "float16", "torch_dtype": "float16"}
    target.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _origin(plan: Plan, train: str, store: Store) -> dict[str, Any]:
    """Return the recipe of the weights, and the course of the training."""
    spec, folder = spec_at(plan.nodes, train, TrainSpec), store.path(train)
    training, measured = read_json(folder / TRAINING), read_json(folder / MEASURED)
    return {
        "recipe": plan.recipe.document.name,
        "recipe_key": train,
        "identity": spec.canonical(),
        "seed": spec.hyperparameters.seed,
        "steps": training["steps"],
        "loss_curve": training["loss_curve"],
        "training_seconds": round(measured["seconds"]["training"]),
        "tokens": measured["tokens"],
        "layover": __version__,
    }


def _held_out(plan: Plan, cell: Cell, store: Store, directory: Path) -> dict[str, dict[str, float]]:
    """Return language -> metric -> value on the held-out text."""
    scored, kind = spec_at(plan.nodes, cell.score, ScoreSpec), kinds.get(KIND)
    encoder = Encoder.load(str(directory), None, clock=DropoutClock(0))
    head = build_head(KIND, (), encoder, 0.0)
    head.start_from(str(directory), None)
    losses = {}
    for language, (_, data) in sorted(scored.predictions.items()):
        features, examples = load_features(store, data, KIND), load_examples(store, data, KIND)
        outputs = predict(encoder, head, features, execution=Execution(device="cpu"))
        predictions = kind.decode(outputs, features, examples, labels=())
        scores = kind.score(predictions, examples, metrics=scored.metrics, language=language, rules=scored.rules)
        losses[language] = {name: round(value, 4) for name, value in scores.items()}
    return losses
