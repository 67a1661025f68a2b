"""Imports for the fork server, so that a worker starts in milliseconds instead of seconds."""

from __future__ import annotations

import accelerate  # noqa: F401
import torch  # noqa: F401
from transformers.models.xlm_roberta import modeling_xlm_roberta  # noqa: F401

import layover.engine.worker
import layover.steps.predict
import layover.steps.score
import layover.steps.tokenize
import layover.steps.train  # noqa: F401
