"""Something to ask a model in the programs of a model card; invented, in the words of the sandbox."""

from __future__ import annotations

FIRST = "Sofia washed the coat in summer."
SECOND = "The coat was washed."
WORDS = ("Adam", "Weber", "danced", "in", "London", ".")
QUESTION = "Where did Adam Weber dance?"
CONTEXT = "Eva slept in Nairobi. Adam Weber danced in London."
OPENING = "Amina took the pill."
CHOICES = ("She was sick.", "The window was open.")
