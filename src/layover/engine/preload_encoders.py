"""Imports for the fork server when a job runs an encoder: the classes of transformers, once for all workers."""

from __future__ import annotations

from transformers.models.xlm_roberta import modeling_xlm_roberta  # noqa: F401
