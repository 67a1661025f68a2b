"""What peft and adapters take in half, wrongly or without a word is refused here, in one sentence that says what."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from layover import layouts, modules
from layover.errors import ModelError
from layover.layouts import CONFIG
from layover.modules import LINEARS

LORA, DORA, IA3, BOTTLENECK = (modules.get(name) for name in ("lora", "dora", "ia3", "bottleneck"))


EVERY = {
    "peft": (LORA(rank=4), "peft"),
    "pattern": (LORA(rank=4, target=("output",)), "peft"),
    "dora": (DORA(rank=4), "peft"),
    "ia3": (IA3(), "peft"),
    "hub": (BOTTLENECK(reduction=4), "adapterhub"),
    "hub-lora": (LORA(rank=4), "adapterhub"),
}
PREFIXED = {"peft": "base_model.model.", "adapterhub": ""}


@pytest.mark.parametrize("name", EVERY)
def test_either_prefix_is_read_and_no_mixture(
    folder_of: Callable[..., Any], sample: Any, tmp_path: Path, name: str
) -> None:
    """peft loads nothing, or half, from the other prefix, and warns; here both are the same module."""
    module, layout = EVERY[name]
    folder, before = folder_of(sample, tmp_path / "one", layout, module), PREFIXED[layout]
    expected = folder.read().weights()
    folder.change(
        lambda weights: {key.replace(f"{before}roberta.", before, 1): value for key, value in weights.items()}
    )
    found = folder.read()
    assert not any("roberta" in theirs for theirs in found.names.values())
    assert found.weights().keys() == expected.keys()
    assert all(torch.equal(value, expected[own]) for own, value in found.weights().items())
    key = max(load(folder.file.read_bytes()))
    folder.change(
        lambda weights: {
            **{one: value for one, value in weights.items() if one != key},
            key.replace(f"{before}encoder", f"{before}roberta.encoder", 1): weights[key],
        }
    )
    folder.refused("is missing|not ask for|no weights for it")


@pytest.mark.parametrize("name", EVERY)
def test_an_encoder_of_another_depth_is_refused(
    folder_of: Callable[..., Any], sample_of: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    """peft warns at the one, and says nothing at the other; adapters says nothing at all."""
    module, layout = EVERY[name]
    folder = folder_of(sample_of(), tmp_path / "one", layout, module)
    folder.refused("has weights for layer [23], but the encoder has 2 layers", sample_of(num_hidden_layers=2).base)
    deeper = sample_of(num_hidden_layers=6).base
    folder.refused("has fewer layers than the 6 of this encoder|does not cover this encoder", deeper)


@pytest.mark.parametrize("name", EVERY)
def test_an_encoder_of_another_size_is_refused(
    folder_of: Callable[..., Any], sample_of: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    module, layout = EVERY[name]
    folder = folder_of(sample_of(), tmp_path / "one", layout, module)
    wider = sample_of(hidden_size=48, intermediate_size=96).base
    folder.refused("has the shape|hidden_size is 32, but the encoder has 48", wider)


@pytest.mark.parametrize("name", EVERY)
def test_another_family_is_refused(
    folder_of: Callable[..., Any], sample_of: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    module, layout = EVERY[name]
    folder = folder_of(sample_of(), tmp_path / "one", layout, module)
    folder.refused("not a weight of the layers of bert|model_type is", sample_of("bert").base)


@pytest.mark.parametrize("name", EVERY)
def test_a_weight_too_few_is_refused(folder_of: Callable[..., Any], sample: Any, tmp_path: Path, name: str) -> None:
    module, layout = EVERY[name]
    folder = folder_of(sample, tmp_path / "one", layout, module)
    whole = load(folder.file.read_bytes())
    for key in whole:
        folder.change(lambda _, key=key: {one: value for one, value in whole.items() if one != key})
        folder.refused("is missing|no lora_A|no weights for it")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(
    folder_of: Callable[..., Any], sample: Any, tmp_path: Path, name: str, number: float
) -> None:
    module, layout = EVERY[name]
    folder = folder_of(sample, tmp_path / "one", layout, module)

    def spoilt(weights: dict[str, Any]) -> dict[str, Any]:
        weights[max(weights)].view(-1)[-1] = number
        return weights

    folder.change(spoilt)
    folder.refused("holds NaN or infinity")


class Program:
    """What a pickle can do to whoever opens it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self._file), "w")


@pytest.mark.parametrize("name", ["peft", "hub"])
def test_a_pickle_is_never_opened(folder_of: Callable[..., Any], sample: Any, tmp_path: Path, name: str) -> None:
    module, layout = EVERY[name]
    folder, trace = folder_of(sample, tmp_path / "one", layout, module), tmp_path / "it-ran"
    program = pickle.dumps(Program(trace))
    pickle.loads(program).close()  # noqa: S301 - it does run
    trace.unlink()
    planted = folder.path / layouts.get(layout).pickle
    planted.write_bytes(program)
    folder.read().weights()  # the other file is there, and is the one that is read
    assert not trace.exists()
    folder.file.unlink()
    folder.refused("a pickle. Opening a pickle can run any program, so it is not read")
    assert not trace.exists()
    # nor under the name of the other file
    folder.file.write_bytes(program)
    folder.refused("not a safetensors file")
    torch.save({"a": torch.ones(1)}, folder.file)
    folder.refused("not a safetensors file")
    (folder.path / CONFIG).write_bytes(program)
    folder.refused("not plain JSON")
    assert not trace.exists()


def test_what_is_no_module_is_told(sample: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no module that Layover can read; Layover reads AdapterHub's .*, peft's"):
        layouts.read(tmp_path, sample.base)
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(ModelError, match="has no module that Layover can read"):
        layouts.read(tmp_path, sample.base)
    with pytest.raises(ModelError, match="has no module that Layover can read"):
        layouts.read(tmp_path / "nowhere", sample.base)


def test_a_module_further_down_is_named(folder_of: Any, sample: Any, tmp_path: Path) -> None:
    """peft saves under the name of an adapter, a trainer its checkpoints."""
    for name in ("run/checkpoint-9", "run/checkpoint-10", "run/checkpoint-100/mine", "run/checkpoint-8"):
        folder_of(sample, tmp_path / name, "peft", modules.get("lora")())
    first = tmp_path / "run"
    with pytest.raises(ModelError) as error:
        layouts.read(first, sample.base)
    named = f"{first / 'checkpoint-100' / 'mine'} or {first / 'checkpoint-10'} or {first / 'checkpoint-9'} and 1 more"
    assert str(error.value).endswith(f"modules are in subfolders: name {named}")
    with pytest.raises(ModelError, match=rf"name {first / 'checkpoint-100' / 'mine'}$"):
        layouts.read(first / "checkpoint-100", sample.base)


def test_what_lies_there_instead_of_a_module_is_told(folder_of: Any, sample: Any, tmp_path: Path) -> None:
    folder = folder_of(sample, tmp_path / "one", "peft", modules.get("lora")())
    (folder.path / CONFIG).unlink()
    with pytest.raises(ModelError, match=rf"it has adapter_model.safetensors without its {CONFIG}; copy both files"):
        layouts.read(folder.path, sample.base)
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="is a whole model; name the folder under models"):
        layouts.read(tmp_path / "whole", sample.base)


@pytest.mark.parametrize("name", ["peft", "hub"])
def test_links_and_missing_files_are_told(
    folder_of: Callable[..., Any], sample: Any, tmp_path: Path, name: str
) -> None:
    module, layout = EVERY[name]
    folder = folder_of(sample, tmp_path / "one", layout, module)
    for file in (folder.file, folder.path / CONFIG):
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
        folder.refused("it is a link, or is not an ordinary file")
        file.unlink()
        file.mkdir()
        folder.refused("it is a link, or is not an ordinary file")
        file.rmdir()
        (tmp_path / "elsewhere").rename(file)
    folder.file.unlink()
    (folder.path / layouts.get(layout).pickle).unlink(missing_ok=True)
    folder.refused("is missing")


def test_a_file_that_changes_after_the_look_is_told(lora: Any) -> None:
    found = lora.read()
    lora.change(lambda weights: {key: value[:, :2] if "lora_A" in key else value for key, value in weights.items()})
    with pytest.raises(ModelError, match="its shape has changed while the file was read"):
        found.weights()
    lora.change(lambda weights: {f"{key}x": value for key, value in weights.items()})
    with pytest.raises(ModelError, match="is missing"):
        found.weights()


def test_what_a_file_calls_its_encoder_is_for_people(lora: Any, sample: Any) -> None:
    assert lora.read().model is None
    for name, known in (("a/b", "a/b"), ("/tmp/x", "/tmp/x"), (7, None), ("", None), ("a\nb", None), ("x" * 201, None)):  # noqa: S108
        lora.configure(base_model_name_or_path=name)
        assert lora.read().model == known


def test_every_linear_map_has_a_place(folder_of: Callable[..., Any], sample: Any, tmp_path: Path) -> None:
    module = LORA(rank=2, target=tuple(LINEARS))
    found = folder_of(sample, tmp_path / "one", "peft", module).read()
    assert {site.place for site in found.module.sites(sample.base.shape)} == set(LINEARS)
