"""An encoder as transformers has it, for the libraries that work on the models of transformers."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils import logging as transformers_logging

from layover.encoder.files import config_file
from layover.encoder.loading import load_model


def load_in_transformers(source: str | Path, revision: str | None) -> PreTrainedModel:
    """Return an encoder of transformers without pooler, with the weights that Layover loads.

    Raises:
        ModelError: the encoder cannot be loaded.
    """
    weights = load_model(source, revision).state_dict()
    values = json.loads(config_file(source, revision).read_text(encoding="utf-8"))
    with quiet(), torch.random.fork_rng(devices=[]):  # transformers draws random weights first
        # of this file alone: transformers itself could choose another file for its own version
        config = type(AutoConfig.for_model(values["model_type"])).from_dict(values)
        model: PreTrainedModel = AutoModel.from_config(  # type: ignore[no-untyped-call]
            config, add_pooling_layer=False, attn_implementation="sdpa", trust_remote_code=False
        )
    model.load_state_dict(weights, assign=True)  # the config may name half precision
    model.train(mode=False)
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """Stop transformers from writing to the terminal; Layover checks and reports these problems itself."""
    before, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
        if bar:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
