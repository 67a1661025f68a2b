"""Labels and values as a recipe writes them: text, or the numbers and booleans that YAML makes of `0` and `true`."""

from __future__ import annotations

import json


def as_text(labels: object) -> object:
    """Return labels, or values by name, with numbers and booleans as JSON writes them (`1`, `true`); all else as it is.

    So `labels: [0, 1]` are the labels "0" and "1".

    Raises:
        ValueError: one is null, which is no text.
    """
    if labels is None:
        raise ValueError('null is no text; write "null" in quotes if the text is meant')
    if isinstance(labels, (list, tuple)):
        return [as_text(label) for label in labels]
    if isinstance(labels, dict):
        return {name: as_text(label) for name, label in labels.items()}
    return json.dumps(labels) if isinstance(labels, bool | int | float) else labels
