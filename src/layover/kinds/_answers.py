"""Probabilities for the answers of packages, and example inputs for model cards.

The texts are invented, in the words of the sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from layover.data.reading import Columns

FIRST = "Sofia washed the coat in summer."
SECOND = "The coat was washed."
INFERENCE = "with torch.inference_mode():"


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return probabilities over the last axis."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    summed: npt.NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return summed


def shown_list(texts: Sequence[str]) -> str:
    """Return a list of texts as Python code, in double quotes."""
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def shown_pair(columns: Columns) -> str:
    """Return a row with a text, or with a pair of texts, as Python code."""
    return f'{{"first": "{FIRST}"' + (f', "second": "{SECOND}"}}' if "second" in columns else "}")


def logits_program(columns: Columns, cut: str) -> list[str]:
    """Return the lines of a program that compute the `logits` of a text or of a pair of texts.

    Args:
        columns: Columns of the task.
        cut: Arguments of the tokenizer that cut a long text.
    """
    pair = "second" in columns
    return [
        f'first, second = "{FIRST}", "{SECOND}"' if pair else f'first = "{FIRST}"',
        f'inputs = tokenizer(first{", second" if pair else ""}, {cut}, return_tensors="pt")',
        INFERENCE,
        "    logits = model(**inputs).logits",
    ]
