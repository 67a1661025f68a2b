"""Something to ask a model in the programs of a model card; invented, in the words of the sandbox."""

from __future__ import annotations

from layover.packages.sections import TaskFacts

FIRST = "Sofia washed the coat in summer."
SECOND = "The coat was washed."
WORDS = ("Adam", "Weber", "danced", "in", "London", ".")
QUESTION = "Where did Adam Weber dance?"
CONTEXT = "Eva slept in Nairobi. Adam Weber danced in London."
OPENING = "Amina took the pill."
CHOICES = ("She was sick.", "The window was open.")

_CAUSE_OR_EFFECT = "What was the {question}?"
"""As COPA's tasks ask, whose field `question` is `cause` or `effect`."""


def opening(task: TaskFacts) -> str:
    """Return what choices go with, in the form in which a task has it: with its question, where it asks one."""
    first = (task.columns or {}).get("first", "")
    columns = first if isinstance(first, str) else " ".join(first)
    if _CAUSE_OR_EFFECT in columns:
        return f"{OPENING} What was the cause?"
    return f"{OPENING} Why?" if "question" in columns else OPENING
