"""Loading a pretrained encoder: safetensors only, complete or not at all, without foreign code."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils import logging as transformers_logging

from layover.encoder.points import points_of
from layover.errors import ModelError


def load_model(source: str | Path, revision: str | None) -> PreTrainedModel:
    """Return an encoder of transformers in float32, without pooler.

    Raises:
        ModelError: there is no such model, its type is not supported, it has no safetensors weights, or its
            weights do not fill the encoder that its config describes.
    """
    with quiet(), torch.random.fork_rng(devices=[]):  # transformers draws weights before it fills them
        try:
            config = AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
            points_of(config.model_type)
            model, report = AutoModel.from_pretrained(
                source,
                revision=revision,
                config=config,
                add_pooling_layer=False,
                attn_implementation="sdpa",
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except (OSError, ValueError, SafetensorError, RuntimeError) as error:
            place = f"{source} (revision {revision})" if revision else str(source)
            raise ModelError(
                f"{place}: cannot be loaded: {error} (a directory or hub id with config.json and model.safetensors "
                "is needed)"
            ) from error
    _check_report(str(source), model.base_model_prefix, report)
    encoder: PreTrainedModel = model
    return encoder


def _check_report(source: str, prefix: str, report: dict[str, object]) -> None:
    """Refuse weights that are missing, or that belong to an encoder other than the config's."""
    for problem in ("missing_keys", "mismatched_keys", "error_msgs"):
        names = report.get(problem)
        if names:
            raise ModelError(f"{source}: the weights do not fit config.json: {problem} {_some(names)}")
    unexpected = report.get("unexpected_keys")
    inner = [
        key
        for key in (unexpected if isinstance(unexpected, (list, set, tuple)) else ())
        # heads and poolers stay behind; the position ids are a table of old versions that nobody trained
        if str(key).removeprefix(f"{prefix}.").startswith(("embeddings.", "encoder."))
        and not str(key).endswith("position_ids")
    ]
    if inner:
        raise ModelError(f"{source}: the weights are of a larger encoder than config.json describes: {_some(inner)}")


def _some(names: object) -> str:
    listed = sorted(str(name) for name in names) if isinstance(names, (list, set, tuple)) else [str(names)]
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from writing to the terminal; what it would say is checked and said by us."""
    before, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
        if bar:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
