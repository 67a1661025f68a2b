"""Imports for the fork server, so that a worker starts in milliseconds instead of seconds."""

from __future__ import annotations

import torch  # noqa: F401

import layover.engine.worker
import layover.steps.predict
import layover.steps.score
import layover.steps.tokenize
import layover.steps.train  # noqa: F401
