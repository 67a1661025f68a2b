"""Objectives with settings under which they differ from the plain loss from the first step on, in tiny models."""

from __future__ import annotations

from itertools import product

from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers, processors

from layover import objectives
from layover.data.tokenizer import Tokenizer
from layover.data.views import Rewriter, SubwordSampling
from layover.objectives import Objective

STRONG = {
    "fgm": {"radius": 0.5},
    "fgsm": {"radius": 0.01, "warmup_epochs": 0.0},
    "pgd": {"radius": 0.5, "step": 0.3},
    "freelb": {"radius": 0.5, "step": 0.3, "steps": 3},
    "smart": {"radius": 0.5, "sigma": 0.01, "step": 0.1, "weight": 100.0},
    "r3f": {"radius": 0.5, "weight": 100.0},
    "smoothing": {"radius": 0.5},
    "consistency": {"share": 0.9, "weight": 100.0},
}
"""Name -> settings; the other objectives act with their own."""


def acting(name: str, **settings: object) -> Objective:
    """Return an objective that changes the weights of a tiny model more than rounding does."""
    return objectives.get(name)(**{**STRONG.get(name, {}), **settings})


def others() -> list[str]:
    """Return the names of all objectives but the plain loss."""
    return [name for name in objectives.names() if name != "plain"]


def toy_tokenizer(size: int = 120) -> Tokenizer:
    """Return a unigram tokenizer with `size` tokens of one to three letters, which cut most words in several ways."""
    letters = "abcdef"
    words = ["".join(some) for count in (1, 2, 3) for some in product(letters, repeat=count)]
    texts = [mark + word for word in words for mark in ("", "▁")][: size - 5]
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = [(name, 0.0) for name in special] + [(text, -2.0 - 0.1 * len(text)) for text in texts]
    backend = Backend(models.Unigram([*vocabulary, ("<mask>", 0.0)], unk_id=3, byte_fallback=False))
    backend.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always")
    backend.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)]
    )
    backend.add_special_tokens([*special, "<mask>"])
    return Tokenizer(backend)


def toy_rewriter(size: int = 120, longest: int = 60, share: float = 0.9) -> Rewriter:
    """Return what makes views of rows of the toy tokenizer."""
    tokenizer = toy_tokenizer(size)
    return Rewriter(tokenizer, SubwordSampling(tokenizer, 0.3), share, longest)
