"""What the steps work on: encoders with random weights, rows of real lengths, and the sandbox's tasks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import memory_model
import numpy as np
import torch
from tokenizers import Tokenizer as Backend
from tokenizers import models as tokenizer_models
from transformers import PreTrainedTokenizerFast

from gpu_steps._record import Settings
from layover import kinds, tasks
from layover.data.features import Features
from layover.data.subset import limit
from layover.data.tokenizer import Tokenizer
from layover.encoder.in_transformers import quiet
from layover.shape import Shape
from layover_sandbox.encoders import folder_of

LENGTHS = {
    "sentences": (3, 7, 10, 13, 17, 20, 24, 28, 34, 43, 120),
    "pairs": (9, 21, 27, 31, 36, 41, 46, 52, 60, 70, 128),
    "paragraphs": (41, 90, 116, 133, 151, 169, 191, 213, 245, 298, 384),
}
"""Tokens of rows, the deciles from the least to the most: UD-POS in English, MultiNLI (at most 128), and SQuAD with
windows (at most 384), by XLM-R's tokenizer."""

HEAD_SIZE = 64
"""Features of an attention head of XLM-R."""


def size_of(settings: Settings, name: str) -> str:
    """Return the size in `memory_model.SHAPES` that stands for XLM-R base or large."""
    return "tiny" if settings.quick else f"{name}-32k"


def shape_of(settings: Settings, name: str) -> Shape:
    """Return the sizes of the encoder that stands for XLM-R base or large."""
    return memory_model.SHAPES[size_of(settings, name)]


def encoder_folder(settings: Settings, name: str) -> Path:
    """Return a folder with an encoder of the size of XLM-R base or large; the steps share it.

    Its vocabulary is cut to 32,000 tokens, so that it is drawn and written in seconds.
    """
    size = size_of(settings, name)
    folder = Path(settings.work) / size
    if not (folder / "tokenizer.json").is_file():
        torch.manual_seed(0)
        with quiet():
            memory_model.write_encoder(memory_model.SHAPES[size], folder)
        words = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
        backend = Backend(tokenizer_models.WordLevel(words, unk_token="<unk>"))  # noqa: S106 - a token of a text
        roles = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
        # the Trainer pads by it; nobody reads a text
        PreTrainedTokenizerFast(tokenizer_object=backend, **roles).save_pretrained(folder)
    return folder


def rows(kind: str, count: int, vocabulary: int, *, lengths: str = "pairs", seed: int = 0) -> Features:
    """Return made-up rows of the kind classification or span with real lengths."""
    random = np.random.default_rng(seed)
    levels = np.linspace(0.0, 1.0, len(LENGTHS[lengths]))
    sizes = np.interp(random.random(count), levels, LENGTHS[lengths]).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    ids = random.integers(4, vocabulary, offsets[-1]).astype(np.int32)
    ids[offsets[:-1]], ids[offsets[1:] - 1] = 0, 2
    arrays: dict[str, Any] = {"ids": ids, "offsets": offsets, "example": np.arange(count, dtype=np.int32)}
    if kind == "classification":
        arrays["label"] = random.integers(0, 3, count)
    else:
        arrays["start"] = random.integers(0, sizes - 1)
        arrays["end"] = np.minimum(arrays["start"] + 2, sizes - 1)
    return Features(arrays, columns=kinds.get(kind).columns)


def sandbox_task(kind: str) -> str | None:
    """Return the first task of the sandbox of a kind; None where the sandbox has none."""
    names = [name for name in tasks.names() if name.startswith("sandbox/") and tasks.get(name).kind == kind]
    return names[0] if names else None


@lru_cache
def sandbox_rows(task: str, count: int) -> Features:
    """Return encoded examples of a training file of the sandbox."""
    of = tasks.get(task)
    place = of.locate("train", of.languages_of("train")[0], root=None)
    if place is None:
        raise FileNotFoundError(f"{task} has no training data")
    examples = limit(of.read(place), count)
    tokenizer = Tokenizer.load(mini_folder())
    return kinds.get(of.kind).encode(examples, tokenizer, labels=of.labels or (), max_length=48, stride=8)


def mini_folder() -> Path:
    """Return the folder of the sandbox's encoder."""
    folder = folder_of("sandbox/mini")
    if folder is None:
        raise FileNotFoundError("the sandbox has no encoder called mini")
    return folder
