"""consistency: the loss, and how far the answers for another view of each row are from its own, R1 of xTune.

Source: Zheng et al. 2021, Consistency Regularization for Cross-Lingual Fine-Tuning (arXiv:2106.08226).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from layover.objectives._base import B, Forward, Objective, StepPasses, View
from layover.objectives._perturbing import LossWeight
from layover.settings import Share

if TYPE_CHECKING:
    from torch import Tensor


DEFAULT_ALPHA = 0.3


class Consistency(Objective):
    """L(x) + weight * (KL(f(x) || f(v)) + KL(f(v) || f(x))) for a view v of the row; the first answers are fixed."""

    name = "consistency"
    graphs = 2
    planned = frozenset({"sha256"})
    weight: LossWeight = 5 / 3
    """Factor on the mean over rows. xTune's 5 is for a mean over rows and classes: 5 / 3 with the three classes of
    XNLI, 5 / 2 with the two of PAWS-X."""
    view: Literal["subwords", "dictionary"] = "subwords"
    """`subwords` cuts words into other tokens of a unigram tokenizer; `dictionary` replaces words by translations."""
    share: Share = 0.3
    """Share of the words that may change."""
    alpha: Share = DEFAULT_ALPHA
    """subwords: exponent of the probability of a cut; a small value gives many different cuts."""
    dictionary: str | None = Field(default=None, exclude=True)
    """dictionary: a file below `data_root` with lines of a word, white space and a translation."""
    sha256: str | None = None
    """SHA-256 of this file; the plan sets it."""

    @model_validator(mode="after")
    def _has_its_file(self) -> Self:
        if self.view == "dictionary" and self.dictionary is None and self.sha256 is None:
            raise ValueError("view: dictionary needs a file; set dictionary to a path below data_root")
        if self.view == "dictionary" and self.alpha != DEFAULT_ALPHA:
            raise ValueError("alpha has no effect with view: dictionary; remove it")
        if self.view == "subwords" and self.dictionary is not None:
            raise ValueError("dictionary has no effect with view: subwords; write view: dictionary, or remove it")
        return self

    @property
    def row_view(self) -> View | None:
        file = Path(self.dictionary) if self.dictionary is not None else None
        return View(self.share, None if self.view == "dictionary" else self.alpha, file, self.sha256)

    def with_files(self, locate: Callable[[str], tuple[Path, str]]) -> Objective:
        if self.dictionary is None:
            return self
        path, digest = locate(self.dictionary)
        return self.model_copy(update={"dictionary": str(path), "sha256": digest})

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:  # noqa: ARG002
        return (StepPasses(2),)

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        clean, other = forward(batch), forward.of_view(batch)
        apart = forward.divergence(clean.logits.detach(), other)
        apart = apart + forward.divergence(other.detach(), clean.logits)
        yield clean.loss + self.weight * apart


OBJECTIVE = Consistency
