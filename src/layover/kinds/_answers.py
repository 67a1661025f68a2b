"""What kinds share when a package answers: probabilities, and something to ask in a model card.

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
    """Return a list of texts as Python writes it, in double quotes."""
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def shown_pair(columns: Columns) -> str:
    """Return a text, or a pair of texts, as a row."""
    return f'{{"first": "{FIRST}"' + (f', "second": "{SECOND}"}}' if "second" in columns else "}")


def asked_pair(columns: Columns, cut: str) -> list[str]:
    """Return the lines that make `logits` of a text or a pair of texts; see `Kind.shown_program`."""
    pair = "second" in columns
    return [
        f'first, second = "{FIRST}", "{SECOND}"' if pair else f'first = "{FIRST}"',
        f'inputs = tokenizer(first{", second" if pair else ""}, {cut}, return_tensors="pt")',
        INFERENCE,
        "    logits = model(**inputs).logits",
    ]
