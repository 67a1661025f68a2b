"""Load a pretrained encoder: only from safetensors, only if complete, and without code from the checkpoint.

Weights are read one by one in their final data type, and only those that the encoder needs. So a run that reads hidden
states from the disk never has the lower layers or the table of word embeddings in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from layover.encoder.bert import BertEncoder
from layover.encoder.config import read_config
from layover.encoder.files import config_file, weight_files
from layover.encoder.quantising import Quantised, quantised
from layover.encoder.words import WordEmbeddings, WordTable
from layover.errors import ModelError
from layover.families import Family, family_of
from layover.numerics import Quantisation

OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


class Absent(nn.Module):
    """The placeholder for a part of the encoder that was not loaded.

    Args:
        dtype: The data type of the absent weights; an encoder without any weights still has a data type and a device.
        quantisation: The storage that its linear maps would have.
    """

    def __init__(self, dtype: torch.dtype, quantisation: Quantisation | None) -> None:
        super().__init__()
        self.quantisation = quantisation
        self.register_buffer("nothing", torch.empty(0, dtype=dtype), persistent=False)

    def forward(self, *_: object, **__: object) -> Tensor:
        """Refuse to run.

        Raises:
            ModelError: always.
        """
        raise ModelError("this part of the encoder was not loaded: the encoder runs from cached hidden states only")


def load_model(
    source: str | Path,
    revision: str | None,
    *,
    dtype: torch.dtype = torch.float32,
    quantisation: Quantisation | None = None,
    from_layer: int = 0,
    all_words: bool = True,
) -> BertEncoder:
    """Return an encoder without pooler.

    Args:
        source: Hub id or directory.
        revision: The revision on the hub.
        dtype: The data type of the weights.
        quantisation: The storage of the linear maps of the layers; None stores them as `dtype`.
        from_layer: The lowest layer to load; above 0, the embeddings are not loaded, either.
        all_words: False leaves the word embeddings on the disk, see `WordEmbeddings`.

    Raises:
        ModelError: the model does not exist, its type is not supported, it has no safetensors weights, its weights
            do not fit its config, or they cannot be quantised.
    """
    config_path, files = config_file(source, revision), weight_files(source, revision)
    try:
        config = read_config(config_path)
        family = family_of(config.model_type)
        with torch.device("meta"):  # shapes without numbers
            model = BertEncoder(config)
        whole = set(model.state_dict())
        _leave_out(model, family, from_layer, dtype, quantisation)
        foreign = _fill(model, files, family, dtype, quantisation, all_words=all_words) - whole
        _refuse_larger(foreign)
    except ModelError as error:
        raise ModelError(f"{_place(source, revision)}: {error}") from None
    except (OSError, ValueError, SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"{_place(source, revision)}: the encoder cannot be loaded: {error}; use a directory or hub id with "
            "config.json and model.safetensors"
        ) from error
    model.train(mode=False)
    return model


def _place(source: str | Path, revision: str | None) -> str:
    return f"{source} (revision {revision})" if revision else str(source)


def _leave_out(
    model: BertEncoder, family: Family, from_layer: int, dtype: torch.dtype, quantisation: Quantisation | None
) -> None:
    if from_layer:
        model.set_submodule(family.embeddings, Absent(dtype, quantisation))
    for layer in range(from_layer):
        model.set_submodule(f"{family.layers}.{layer}", Absent(dtype, quantisation))


def _make_room(model: BertEncoder, family: Family, dtype: torch.dtype, quantisation: Quantisation) -> set[str]:
    """Replace empty linear maps by empty quantised ones, and return the names of the weights of the linear maps."""
    names = set()
    for number, layer in enumerate(model.get_submodule(family.layers).children()):
        for path in () if isinstance(layer, Absent) else family.linears.values():
            old = layer.get_submodule(path)
            if not isinstance(old, nn.Linear):
                raise ModelError(f"{family.layers}.{number}.{path} is not a linear map, so it cannot be quantised")
            new = Quantised(old.in_features, old.out_features, quantisation, dtype=dtype, device=old.weight.device)
            layer.set_submodule(path, new)
            names.add(f"{family.layers}.{number}.{path}.weight")
    return names


def _fill(
    model: BertEncoder,
    files: list[Path],
    family: Family,
    dtype: torch.dtype,
    quantisation: Quantisation | None,
    *,
    all_words: bool,
) -> set[str]:
    """Load the weights of the files into the empty model, and return the names of the weights that it does not have.

    Raises:
        ModelError: a weight is missing or has another shape.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    wanted = [name for name, _ in model.named_parameters()]
    stored = _stored(files, family.prefix)
    there = {name: place for name, place in stored.items() if name in expected}
    for name, place in there.items():
        if place.size != expected[name]:
            raise ModelError(
                f"the weights do not fit config.json: {name} has the shape {place.size}, but {expected[name]} is "
                "expected"
            )
    missing = [name for name in wanted if name not in there]
    if missing:
        raise ModelError(f"the weights do not fit config.json: weights are missing: {_some(missing)}")
    smaller = set() if quantisation is None else _make_room(model, family, dtype, quantisation)
    words = f"{family.embeddings}.word_embeddings"
    weights: dict[str, Tensor] = {}
    for name, place in there.items():
        if name == f"{words}.weight" and not all_words:
            table = WordTable(place.file, place.key, *place.size)
            model.set_submodule(words, WordEmbeddings(table, dtype))
        elif quantisation is not None and name in smaller:
            parts = quantised(place.read(), quantisation)
            weights.update({f"{name.removesuffix('weight')}{part}": value for part, value in parts.items()})
        else:
            weights[name] = place.read().to(dtype, copy=True)
    model.load_state_dict(weights, strict=False, assign=True)
    return set(stored) - set(expected)


@dataclass(frozen=True)
class _Stored:
    """A weight in a file of a checkpoint."""

    file: Path
    key: str
    size: tuple[int, ...]

    def read(self) -> Tensor:
        """Return the weight; its part of the file is in memory only as long as the result.

        The file is opened for each weight: while it is open, all parts that were read count as memory of the process.
        """
        with safe_open(self.file, framework="pt") as stream:
            weight: Tensor = stream.get_tensor(self.key)
        return weight


def _stored(files: Iterable[Path], prefix: str) -> dict[str, _Stored]:
    """Return the weights of a checkpoint by their names in the encoder."""
    stored = {}
    for file in files:
        with safe_open(file, framework="pt") as stream:
            for key in stream.keys():  # noqa: SIM118  safe_open is not a mapping
                size = tuple(stream.get_slice(key).get_shape())
                stored[_own_name(key, prefix)] = _Stored(file, key, size)
    return stored


def _own_name(key: str, prefix: str) -> str:
    """Return the name in the encoder of a weight of a checkpoint."""
    name = key.removeprefix(f"{prefix}.")
    for old, new in OLD_NAMES.items():
        name = name.replace(old, new)
    return name


def _refuse_larger(foreign: Collection[str]) -> None:
    """Refuse weights of an encoder that is larger than its config.

    Heads and poolers are ignored, and so are position ids, an untrained table of old versions.
    """
    inner = [
        name for name in foreign if name.startswith(("embeddings.", "encoder.")) and not name.endswith("position_ids")
    ]
    if inner:
        raise ModelError(f"the weights belong to a larger encoder than config.json describes: {_some(inner)}")


def _some(names: Collection[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
