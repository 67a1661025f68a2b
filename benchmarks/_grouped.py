"""The setting of the Trainer that puts rows of like lengths together, which transformers 5 renames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from transformers import TrainingArguments

GROUPED: Mapping[str, Any] = (
    {"group_by_length": True}
    if any(field.name == "group_by_length" for field in fields(TrainingArguments))
    else {"train_sampling_strategy": "group_by_length"}
)
"""Name of the setting -> its value."""
