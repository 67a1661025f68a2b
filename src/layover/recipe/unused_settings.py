"""Notes on harmless settings that have no effect."""

from __future__ import annotations

from layover import kinds
from layover.recipe.resolved import Recipe


def unread_strides(recipe: Recipe) -> list[str]:
    """Return a note for each `stride` that is written and has no effect."""
    document, known, source = recipe.document, recipe.tasks, recipe.source
    windowed = [name for name in document.swept() if known[name].of_kind.windowed]
    windowed_kinds = ", ".join(name for name in kinds.usable() if kinds.get(name).windowed)
    notes = []
    if "stride" in document.train.model_fields_set and not windowed:
        why = f"only tasks of kind {windowed_kinds} are read in windows, and the sweep has none"
        notes.append(str(source.problem(("train", "stride"), f"has no effect: {why}")))
    for name, settings in document.tasks.items():
        if settings.stride is not None and name in known and not known[name].of_kind.windowed:
            why = f"{name} is {known[name].kind}, and only tasks of kind {windowed_kinds} are read in windows"
            notes.append(str(source.problem(("tasks", name, "stride"), f"has no effect: {why}")))
    return notes


def uncounted_in_mixtures(recipe: Recipe) -> list[str]:
    """Return a note for each setting of a task that does not count in a mixture."""
    notes = []
    for name in recipe.document.sweep.learned():
        if name not in recipe.document.mixtures:
            continue
        for task in recipe.members(name):
            settings = recipe.settings(task)
            notes += _unselecting(recipe, name, task)
            given = (("epochs", settings.epochs), ("batch", settings.batch))
            notes += [
                f"{name}: tasks.{task}.{field} does not count in a mixture; mixtures.{name}.{field} does"
                for field, value in given
                if value is not None
            ]
    return notes


def _unselecting(recipe: Recipe, name: str, task: str) -> list[str]:
    """Return a note for each field of a task's `select` that does not count in a mixture.

    All tasks of a mixture are evaluated at the same steps.
    """
    select = recipe.settings(task).select
    given = [] if select is None else [field for field in ("every", "patience") if field in select.model_fields_set]
    shared = recipe.document.train.select is not None
    instead = "train.select.{} does" if shared else "the weights are scored after each epoch"
    return [
        f"{name}: tasks.{task}.select.{field} does not count in a mixture; {instead.format(field)}" for field in given
    ]
