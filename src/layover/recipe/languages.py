"""Language adapters in the recipe: what learns a language, from which text."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from layover.settings import Count, Epochs, HiddenShare, LearningRate, Length, Seed


class LanguageSettings(BaseModel):
    """One module per language, learned by masked language modelling; the keys of the module stand beside these."""

    model_config = ConfigDict(extra="allow", frozen=True)

    module: str
    text: dict[str, str] = Field(min_length=1)
    """Language -> a file below `data_root`, one text per line or row; or a task of masked language modelling."""
    fallback: str | None = None
    """The language whose adapter takes the place of one that has no text; without it such a language is an error."""
    lr: LearningRate | None = None
    """Peak learning rate; the module's own default when not given."""
    epochs: Epochs | None = None
    """Those of `train` when not given, as the next two; without these the default of the module."""
    batch: Count | None = None
    max_length: Length | None = None
    mlm_probability: HiddenShare | None = None
    """Share of the tokens that are to be guessed, in whole percents; 0.15 when not given."""
    limit: Count | None = None
    """At most so many texts of each language."""
    seed: Seed = 1
    """An adapter is learned once, and used by all methods and seeds of the sweep."""

    def task_settings(self) -> dict[str, object]:
        """Return what holds for the training on a text as it does for a task's, what is not given left out."""
        names = ("epochs", "batch", "max_length", "mlm_probability")
        given = {name: value for name, value in self.model_dump(include={*names}).items() if value is not None}
        return given | ({"limit": {"train": self.limit}} if self.limit is not None else {})
