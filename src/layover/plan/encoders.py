"""Reads the identity, the tokenizer identity and the shape of an encoder without loading it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from layover.errors import ModelError, StoreError, nearest
from layover.families import family_of
from layover.files.checkpoints import SHARDS, WEIGHTS, local_weights
from layover.files.hub_cache import cached_file, check, expected_hash
from layover.files.safe import MOST_JSON
from layover.plan import tokenizers
from layover.plan.hub import Revisions
from layover.recipe.schema import ModelSource
from layover.shape import Shape
from layover.specs import EncoderSpec, TokenizerSpec
from layover.store import Memory, read_json
from layover_sandbox import encoders

XLM_R_VOCABULARY = 250_002

SIZES = ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
"""Names of the fields of a `Shape` in a config, in the same order."""

KNOWN_SHAPES = {
    "FacebookAI/xlm-roberta-base": Shape(12, 768, 3072, XLM_R_VOCABULARY),
    "FacebookAI/xlm-roberta-large": Shape(24, 1024, 4096, XLM_R_VOCABULARY),
}
"""With these, a recipe for these models can be planned on a machine that does not have them."""

KNOWN_TYPE = "xlm-roberta"
"""`model_type` of the known models."""

KNOWN_LONGEST = 512
"""Tokens of their longest input."""

SHORT_NAMES = {"base": "FacebookAI/xlm-roberta-base", "large": "FacebookAI/xlm-roberta-large"}


def resolve(
    label: str, model: ModelSource, hash_file: Callable[[Path], str], revisions: Revisions, memory: Memory
) -> EncoderSpec:
    """Return the specification of a model of the recipe.

    Args:
        label: Its name in the recipe.
        model: Its entry in the recipe.
        hash_file: SHA-256 of a file.
        revisions: Resolver of hub revisions.
        memory: Forms of tokenizers from earlier plans.

    Raises:
        ModelError: the directory has no config, no safetensors weights or no readable tokenizer; the name is not of
            the sandbox, not a directory and not a hub id.
    """
    folder = encoders.folder_of(model.name) or Path(model.name)
    try:
        is_folder = folder.is_dir()
    except OSError as error:
        raise ModelError(f"{model.name!r:.100} cannot be used: {error.strerror}") from None
    if is_folder:
        return _local(label, folder, hash_file, memory)
    if model.name.startswith(encoders.PREFIX):
        raise ModelError(f"the sandbox has no {model.name!r}; {nearest(model.name, encoders.names())}")
    if model.name.startswith((".", "/", "~")) or model.name.count("/") != 1:
        raise ModelError(
            f"{model.name!r} is neither a local directory nor a hub id (org/name); "
            f"small models for tests: {', '.join(encoders.names())}"
        )
    commit = revisions.commit(model.name, model.revision, "model")
    named = None if commit else model.revision
    form = tokenizers.of_hub(model.name, commit, revisions, memory) if commit else None
    config = None
    if commit is not None:  # an imported module can be checked against the encoder only with its config
        config = revisions.file(model.name, commit, "config.json", MOST_JSON)
        if config is None and not revisions.offline:
            raise ModelError(f"{model.name}@{commit[:12]} has no config.json")
    if config is not None and expected_hash(config) is None:
        revisions.notes.append(
            f"{model.name}: the local cache of the hub has copies instead of links, so the files of the model cannot "
            "be checked against the commit"
        )
    known = KNOWN_SHAPES.get(model.name)
    shape = known if config is None else _read_shape(config)
    model_type = _read_type(config) if config is not None else KNOWN_TYPE if known is not None else None
    longest = _read_longest(config) if config is not None else KNOWN_LONGEST if known is not None else None
    return EncoderSpec(
        hub=model.name,
        commit=commit,
        unresolved=named,
        label=label,
        source=model.name,
        revision=commit or model.revision,
        tokenizer=TokenizerSpec(hub=model.name, commit=commit, unresolved=named, serialised=form),
        shape=shape,
        model_type=model_type,
        longest=longest,
    )


def shape_of(name: str) -> Shape:
    """Return the shape of an encoder by its name, without a network.

    Args:
        name: `base` or `large`, a directory, a name of the sandbox, or a hub id that is known or in the local cache.

    Raises:
        ModelError: the shape is unknown.
    """
    known = {**packaged_shapes(), **KNOWN_SHAPES, **{short: KNOWN_SHAPES[name] for short, name in SHORT_NAMES.items()}}
    if name in known:
        return known[name]
    if Path(name).is_dir():
        return _read_shape(Path(name) / "config.json")
    config = _cached_config(name, None) if name.count("/") == 1 and not name.startswith((".", "/", "~")) else None
    if config is None:
        raise ModelError(f"{name!r} is neither a folder with a config.json nor a known model; {nearest(name, known)}")
    return _read_shape(config)


def packaged_shapes() -> dict[str, Shape]:
    """Return name -> shape of the sandbox's encoders."""
    folders = {name: encoders.folder_of(name) for name in encoders.names()}
    return {name: _read_shape(folder / "config.json") for name, folder in folders.items() if folder is not None}


def _local(label: str, folder: Path, hash_file: Callable[[Path], str], memory: Memory) -> EncoderSpec:
    config, weights = folder / "config.json", local_weights(folder)
    for exists, name in ((config.is_file(), "config.json"), (weights, f"{WEIGHTS} or {SHARDS}")):
        if not exists:
            raise ModelError(f"{folder} has no {name}")
    return replace(
        in_folder(folder, hash_file),
        label=label,
        source=str(folder),
        tokenizer=TokenizerSpec(serialised=tokenizers.of_folder(folder, hash_file, memory)),
        shape=_read_shape(config),
        model_type=_read_type(config),
        longest=_read_longest(config),
    )


def in_folder(folder: Path, hash_file: Callable[[Path], str]) -> EncoderSpec:
    """Return the specification of an encoder in a directory: the SHA-256 of its config and its weights."""
    weights = tuple(hash_file(file) for file in local_weights(folder))
    return EncoderSpec(config=hash_file(folder / "config.json"), weights=weights)


def _read_shape(config: Path) -> Shape:
    values = _read(config)
    sizes = []
    for name in SIZES:
        size = values.get(name)
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            problem = "is missing" if name not in values else f"is {size!r:.60}"
            raise ModelError(
                f"{config}: not the config of an encoder: {name} {problem}, but must be a positive whole number"
            )
        sizes.append(size)
    return Shape(*sizes)


def _read_type(config: Path) -> str | None:
    """Return the `model_type` of a config; None if it is absent."""
    model_type = _read(config).get("model_type")
    return model_type if isinstance(model_type, str) else None


def _read_longest(config: Path) -> int | None:
    """Return the tokens of the longest input; None if the config lacks it, or if the family is not supported."""
    values = _read(config)
    positions, padding = values.get("max_position_embeddings"), values.get("pad_token_id")
    if not isinstance(positions, int) or isinstance(positions, bool) or not isinstance(padding, int | None):
        return None
    try:
        longest = family_of(str(values.get("model_type"))).longest_input(positions, padding)
    except ModelError:
        return None
    return longest if longest > 0 else None


def _read(config: Path) -> dict[str, Any]:
    try:
        return read_json(config)
    except StoreError as error:
        raise ModelError(f"{error}; it is not the config of an encoder") from None


def _cached_config(repository: str, commit: str | None) -> Path | None:
    """Return the checked config of the local cache; None if absent.

    Raises:
        ModelError: its bytes are not those of the commit.
    """
    config = cached_file(repository, commit or "main", "config.json")
    if not isinstance(config, Path):
        return None
    check(config, f"{repository}: config.json")
    return config
