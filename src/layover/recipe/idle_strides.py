"""Settings of windows where nothing is read in windows: they do no harm, and a reader should know."""

from __future__ import annotations

from layover import kinds
from layover.recipe.resolved import Recipe


def idle_strides(recipe: Recipe) -> list[str]:
    """Return a note for each `stride` that is written and has no effect."""
    document, known, source = recipe.document, recipe.tasks, recipe.source
    windowed = [name for name in document.swept() if known[name].of_kind.windowed]
    windowed_kinds = ", ".join(name for name in kinds.names() if kinds.get(name).windowed)
    found = []
    if "stride" in document.train.model_fields_set and not windowed:
        why = f"only tasks of kind {windowed_kinds} are read in windows, and the sweep has none"
        found.append(str(source.problem(("train", "stride"), f"has no effect: {why}")))
    for name, settings in document.tasks.items():
        if settings.stride is not None and name in known and not known[name].of_kind.windowed:
            why = f"{name} is {known[name].kind}, and only tasks of kind {windowed_kinds} are read in windows"
            found.append(str(source.problem(("tasks", name, "stride"), f"has no effect: {why}")))
    return found
