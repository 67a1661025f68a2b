"""check: check a recipe."""

from __future__ import annotations

from layover.cli.console import answer, say
from layover.cli.shared import JsonOption, Overrides, RecipeArgument

ORDER = 10


def command(recipe: RecipeArgument, overrides: Overrides = None, *, json: JsonOption = False) -> None:
    """Check a recipe and report all problems at once, each with file, line and the nearest valid name."""
    from layover.cli.device import unseen
    from layover.cli.trackers import check_tracker
    from layover.recipe import load
    from layover.recipe.language_checks import languages_of, unsaid
    from layover.recipe.unused_settings import unread_strides

    checked = load(recipe, overrides or [])
    check_tracker(checked)
    document, sweep = checked.document, checked.document.sweep
    notes = unsaid(document.swept(), checked.tasks, languages_of(document, checked.tasks))
    notes += unread_strides(checked) + unseen(checked)
    counts = {
        "models": len(sweep.model),
        "methods": len(sweep.method),
        "intermediates": len(sweep.intermediate),
        "targets": len(sweep.target),
        "seeds": len(sweep.seed),
    }
    if json:
        answer({"recipe": str(recipe), "valid": True, **counts, "notes": notes})
    else:
        say(
            f"{recipe}: valid; "
            + ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in counts.items())
        )
        for note in notes:
            say(f"note: {note}")
