"""Small files for the recipes of the golden keys: the same bytes on every machine, whatever libraries are there."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from layover.plan import Plan, build, surveys, tokenizers
from layover.plan.hub import Revisions
from layover.recipe import load
from layover.specs import StepSpec
from layover.store import FileHashes
from layover_sandbox import files, sets

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
WORLDS = sorted((HERE / "worlds").glob("*.yaml"))
PACKAGE = ROOT / "tests" / "packages" / "fixtures" / "layover-0.1.0" / "mini-stack-sandbox-nli-s1"
CARD = "transfer_card.json"
CONFIG = {
    "model_type": "xlm-roberta",
    "num_hidden_layers": 4,
    "hidden_size": 16,
    "intermediate_size": 32,
    "vocab_size": 100,
    "max_position_embeddings": 514,
    "pad_token_id": 1,
}
LORA = {
    "peft_type": "LORA",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["query", "value"],
    "bias": "none",
    "base_model_name_or_path": "sandbox/mini",
}
TASKS = ("claims", "news", "moods", "signs", "held", "pairs")
FILES = ("train.jsonl", "dev.jsonl", "en.jsonl", "sw.jsonl", "de.jsonl")
OTHER = (
    *(f"q/{name}.json" for name in ("train", "dev", "en", "sw")),
    *(f"p/{name}.txt" for name in ("de", "sw", "en")),
    *(f"m/{name}.tsv" for name in ("de", "sw", "en", "gold", "dev.de", "dev.en", "dev.gold")),
    *(f"tags/{name}.tsv" for name in ("train", "dev")),
    *(f"text/{name}.txt" for name in ("en", "sw")),
)


class KnownCommits(Revisions):
    """A hub that cannot be asked, and whose commits are known: each follows from the name alone."""

    def __init__(self) -> None:
        super().__init__()
        self.offline = True

    def commit(self, repository: str, revision: str, kind: str) -> str:
        return hashlib.sha1(f"{kind}/{repository}@{revision}".encode(), usedforsecurity=False).hexdigest()

    def file(self, repository: str, commit: str, name: str, most: int) -> None:
        """See `Revisions.file`: no copy of this machine is looked at."""

    def has(self, repository: str, commit: str, name: str) -> bool:  # noqa: ARG002
        """See `Revisions.has`: every tokenizer is read from its `tokenizer.json`."""
        return True


def form_of(folder: Path, *_: object) -> str:
    """Return the form of a directory's tokenizer: its bytes, for other versions of libraries may write another one."""
    return hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()


def write_sandbox(name: str, split: str, language: str, folder: Path, **_: object) -> Path:
    """Write the files of a data set of the sandbox with nothing but their names, since to make them takes minutes."""
    data = sets.get(name)
    for path in data.files([], split, language):
        _write(folder / path, f"{path}\n")
    return folder / data.path(split, language)


def write_world(root: Path) -> None:
    """Write all files that the recipes of `worlds` name; nobody reads them, but their bytes are in keys."""
    _write(root / "encoder" / "config.json", json.dumps(CONFIG))
    _write(root / "encoder" / "model.safetensors", "weights")
    _write(root / "encoder" / "tokenizer.json", "{}")
    for name in (*(f"{task}/{file}" for task in TASKS for file in FILES), *OTHER):
        _write(root / "data" / name, f"{name}\n")
    _write(root / "data" / "tags" / "open.tsv", "a\tB-PER\nb\tI-PER\nc\tO\n")
    _write(root / "modules" / "bare" / "adapter_config.json", json.dumps(LORA))
    (root / "modules" / "bare" / "adapter_model.safetensors").write_bytes(_lora())
    shutil.copytree(PACKAGE, root / "modules" / "headed")
    shutil.copytree(PACKAGE, root / "modules" / "silent")
    card = json.loads((PACKAGE / CARD).read_text(encoding="utf-8"))
    card["task"]["language"] = None
    _write(root / "modules" / "silent" / CARD, json.dumps(card))
    for recipe in (HERE / "worlds").glob("*.yaml"):
        shutil.copyfile(recipe, root / recipe.name)


@contextmanager
def at(folder: Path) -> Iterator[None]:
    """Make a folder the small world, in which recipes are planned for a while; no row is read there."""
    write_world(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tokenizers, "of_folder", form_of)
        patch.setenv("LAYOVER_CACHE", str(folder / "cache"))
        patch.setattr(files, "write", write_sandbox)
        patch.setattr(surveys.Surveys, "_take", lambda *_: None)
        yield


def write_official(root: Path, names: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    """Write the official files of tasks below a data root, each with nothing but its name."""
    from layover.tasks import get

    for name, splits in names:
        task = get(name)
        for split in splits:
            for language in task.languages.get(split, ()):
                path = task.candidates(split, language)[0]
                _write(root / path, f"{path}\n")


def plan_of(recipe: Path, *overrides: str) -> Plan:
    """Return the plan of a recipe on this hub."""
    return build(load(recipe, overrides), FileHashes(), KnownCommits())


def form_of_spec(spec: StepSpec) -> str:
    """Return the form of a specification: its kind, its fields, and which of them say nothing."""

    def form(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: form(one) for name, one in value.items()}
        if isinstance(value, (list, tuple)):
            return sorted({json.dumps(form(one), sort_keys=True) for one in value})
        return value is None

    return json.dumps([spec.kind_of_node, form(spec.canonical())], sort_keys=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def _lora() -> bytes:
    """Return a LoRA for sandbox/mini, of ones, as a safetensors file; its header is always the same."""
    tensors: dict[str, Any] = {}
    data = b""
    for layer in range(4):
        for place in ("query", "value"):
            for matrix, shape in (("A", [4, 128]), ("B", [128, 4])):
                name = f"base_model.model.encoder.layer.{layer}.attention.self.{place}.lora_{matrix}.weight"
                values = struct.pack("<512f", *[1.0] * 512)
                tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
                data += values
    header = json.dumps(tensors, sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data
