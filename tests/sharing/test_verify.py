"""verify: an untouched package passes, and each damage is told by the check that is there for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
import torch

from layover.errors import ModelError
from layover.sandbox.encoders import folder_of
from layover.sharing.verify import CHECKS, WITHOUT_ENCODER, Verdict, verify

Cli = Callable[..., tuple[int, str, str]]
NAMES = [check.name for check in CHECKS]


def states(verdict: Verdict) -> dict[str, str]:
    return {result.name: result.state for result in verdict.results}


def said(verdict: Verdict, name: str) -> str:
    return next(result.said for result in verdict.results if result.name == name)


def fails(folder: Path, check: str, message: str, **options: Any) -> Verdict:
    """Hold the first failure to be that of a check, with a message."""
    found = verify(folder, **options)
    assert found.failed, states(found)
    assert found.failed[0].name == check, found.failed
    assert message in found.failed[0].said
    return found


@pytest.mark.parametrize("name", ["lora", "lora_nli", "bn", "bn_nli", "fuse"])
def test_what_export_wrote_passes_every_check(packages: Any, name: str) -> None:
    found = verify(packages[getattr(packages, name)])
    skipped = {"lora": {"adapters"}, "bn": {"peft"}, "fuse": {"peft", "adapters"}}[name.removesuffix("_nli")]
    skipped |= set() if "adapters" in {one.name for one in distributions()} else {"adapters"}
    assert states(found) == {one: "skip" if one in skipped else "ok" for one in NAMES}
    if name == "lora":  # both LoRAs act in peft, and only together they are what the probe knows
        assert "computes the probe's hidden states" in said(found, "peft")


def test_the_own_module_alone_is_compared_where_a_library_cannot_compose(packages: Any) -> None:
    """A LoRA with a layer left out in predictions acts otherwise in peft, which knows no such thing."""

    def change(card: dict[str, Any]) -> None:
        card["skipped_layers"] = 1

    packages.edit_card(packages.lora_nli, change)
    found = verify(packages[packages.lora_nli], checks=[check for check in CHECKS if check.name != "probe"])
    assert "the package's own module alone" in said(found, "peft")
    fails(packages[packages.lora_nli], "probe", "differ from those on its card")


DAMAGES: dict[str, tuple[str, str, Callable[[Any, Path], object]]] = {
    "a program": ("files", "'evil.py' is no file of a package", lambda p, d: (d / "evil.py").write_text("")),
    "a folder": ("files", "'.git' is no file of a package", lambda p, d: (d / ".git").mkdir()),
    "a file too much": ("files", "mixer.safetensors is too much", lambda p, d: too_much(p, d, seal=True)),
    "a file not on the card": ("files", "is there, but not on the card", lambda p, d: too_much(p, d, seal=False)),
    "a file is gone": ("files", "head.safetensors is on the card, but not", lambda p, d: (d / "head.safetensors").unlink()),
    "a head is gone": ("files", "head.safetensors is missing", lambda p, d: ((d / "head.safetensors").unlink(), p.seal(d.name))),
    "a byte": ("hashes", "it was changed, or not copied whole", lambda p, d: flip(d / "head.safetensors")),
    "a weight too few": (
        "weights",
        "lora_A has 0 rows, but its rank is 4",
        lambda p, d: p.edit_weights(d.name, "adapter_model.safetensors", lambda w: w.pop(min(w))),
    ),
    "a weight too much": (
        "weights",
        "not a weight of the layers",
        lambda p, d: p.edit_weights(d.name, "adapter_model.safetensors", lambda w: w.update(more=torch.ones(3))),
    ),
    "a head in the module": (
        "weights",
        "a module's file holds no head",
        lambda p, d: p.edit_weights(
            d.name,
            "adapter_model.safetensors",
            lambda w: w.update({"base_model.model.classifier.weight": torch.ones(3, 4)}),
        ),
    ),
    "another label": (
        "weights",
        "classifier.bias: has the shape",
        lambda p, d: p.edit_card(d.name, lambda card: card["task"]["labels"].append("B-X")),
    ),
    "another rank": (
        "weights",
        "its rank is 8",
        lambda p, d: p.edit_json(d.name, "adapter_config.json", r=8),
    ),
    "another alpha": (
        "weights",
        "but the card",
        lambda p, d: p.edit_json(d.name, "adapter_config.json", lora_alpha=9),
    ),
    "half numbers": (
        "weights",
        "its numbers are F16",
        lambda p, d: p.edit_weights(
            d.name, "head.safetensors", lambda w: w.update({key: value.half() for key, value in w.items()})
        ),
    ),
    "an untouched module": ("trained", "its lora changes nothing at any of its 8 places: B", lambda p, d: zero(p, d)),
    "an empty head": (
        "trained",
        "out.weight is zero throughout",
        lambda p, d: p.edit_weights(d.name, "head.safetensors", lambda w: [value.zero_() for value in w.values()]),
    ),
    "another encoder for peft": (
        "configs",
        "base_model_name_or_path is other/model, but sandbox/mini",
        lambda p, d: p.edit_json(d.name, "adapter_config.json", base_model_name_or_path="other/model"),
    ),
    "code for peft to import": (
        "configs",
        "auto_mapping: no such setting",
        lambda p, d: p.edit_json(d.name, "adapter_config.json", auto_mapping={"parent_library": "os"}),
    ),
    "labels in another order": (
        "configs",
        "labels is",
        lambda p, d: p.edit_json(d.name, "head_config.json", labels=["B-PER", "O"]),
    ),
    "other weights": (
        "pieces",
        "the weights of its module are not those of its card",
        lambda p, d: p.edit_weights(
            d.name, "adapter_model.safetensors", lambda w: w.update({min(w): w[min(w)] + 1})
        ),
    ),
    "another size of the encoder": (
        "weights",
        "",
        lambda p, d: p.edit_card(d.name, lambda card: card["base"].update(num_layers=5)),
    ),
    "another vocabulary": (
        "config",
        "its vocab_size is 4400, but 9000",
        lambda p, d: p.edit_card(d.name, lambda card: card["base"].update(vocabulary=9000)),
    ),
    "another tokenizer": (
        "tokenizer",
        "but 000000000000 on the card",
        lambda p, d: p.edit_card(d.name, lambda card: card["base"].update(tokenizer_sha256="0" * 64)),
    ),
    "other outputs": (
        "probe",
        "it is not what the card says",
        lambda p, d: p.edit_card(d.name, lambda card: card["probe"]["hidden"][0].__setitem__(0, 0.5)),
    ),
    "other logits": (
        "probe",
        "it is not what the card says",
        lambda p, d: p.edit_card(d.name, lambda card: card["probe"]["outputs"]["logits"].__setitem__(0, 0.5)),
    ),
    "outputs of another size": (
        "probe",
        "differ from those on its card by inf",
        lambda p, d: p.edit_card(d.name, lambda card: card["probe"]["outputs"]["logits"].pop()),
    ),
}


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def zero(packages: Any, folder: Path) -> None:
    def change(weights: dict[str, torch.Tensor]) -> None:
        for name, value in weights.items():
            if "lora_B" in name:
                value.zero_()

    packages.edit_weights(folder.name, "adapter_model.safetensors", change)
    packages.seal_weights(folder.name)


def too_much(packages: Any, folder: Path, *, seal: bool) -> None:
    shutil.copy(folder / "head.safetensors", folder / "mixer.safetensors")
    if seal:
        packages.seal(folder.name)


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_told_by_its_check(packages: Any, damage: str) -> None:
    check, message, do = DAMAGES[damage]
    do(packages, packages[packages.lora])
    found = fails(packages[packages.lora], check, message)
    # nothing is computed with what failed
    later = {one.name for one in CHECKS if one.stage > next(one.stage for one in CHECKS if one.name == check)}
    assert {state for name, state in states(found).items() if name in later} <= {"skip"}


BN_DAMAGES: dict[str, tuple[str, str, Callable[[Any, Path], object]]] = {
    "a pickle of other numbers": (
        "pickles",
        "not the same as in adapterhub/adapter.safetensors",
        lambda p, d: p.edit_weights(
            d.name, "adapterhub/adapter.safetensors", lambda w: w.update({min(w): w[min(w)] + 1})
        ),
    ),
    "another head for adapters": (
        "weights",
        "other numbers than in head.safetensors",
        lambda p, d: other_head(p, d),
    ),
    "another name in adapters": (
        "weights",
        "is missing",
        lambda p, d: p.edit_json(d.name, "adapterhub/adapter_config.json", name="another"),
    ),
    "another model class": (
        "configs",
        "model_class is Evil",
        lambda p, d: p.edit_json(d.name, "adapterhub/adapter_config.json", model_class="Evil"),
    ),
    "other labels in adapters": (
        "configs",
        "config is",
        lambda p, d: p.edit_json(d.name, "adapterhub/head_config.json", config={"head_type": "tagging"}),
    ),
    "no pickle beside": (
        "files",
        "adapterhub/pytorch_adapter.bin is missing",
        lambda p, d: ((d / "adapterhub" / "pytorch_adapter.bin").unlink(), p.seal(d.name)),
    ),
}


def other_head(packages: Any, folder: Path) -> None:
    inner = folder / "adapterhub"

    def change(weights: dict[str, torch.Tensor]) -> None:
        weights.update({name: value + 1 for name, value in weights.items()})
        torch.save(weights, inner / "pytorch_model_head.bin")

    packages.edit_weights(folder.name, "adapterhub/model_head.safetensors", change)


@pytest.mark.parametrize("damage", BN_DAMAGES)
def test_the_folder_for_adapters_is_held_to_the_same(packages: Any, damage: str) -> None:
    check, message, do = BN_DAMAGES[damage]
    do(packages, packages[packages.bn])
    fails(packages[packages.bn], check, message)


def test_a_mixer_has_exactly_its_weights(packages: Any) -> None:
    folder = packages[packages.fuse]
    packages.edit_weights(folder.name, "mixer.safetensors", lambda w: w.pop(min(w)))
    fails(folder, "weights", "is missing")


def test_an_empty_mixer(packages: Any) -> None:
    folder = packages[packages.fuse]
    packages.edit_weights(folder.name, "mixer.safetensors", lambda w: [value.zero_() for value in w.values()])
    fails(folder, "trained", "zero throughout")


def test_some_untouched_places_are_said(packages: Any) -> None:
    folder = packages[packages.lora_nli]

    def change(weights: dict[str, torch.Tensor]) -> None:
        next(value for name, value in weights.items() if "layer.0" in name and "lora_B" in name).zero_()

    packages.edit_weights(folder.name, "adapter_model.safetensors", change)
    packages.seal_weights(folder.name)
    found = verify(folder, checks=WITHOUT_ENCODER)
    assert not found.failed
    assert "at 7 of 8 places; untouched at layers.0." in said(found, "trained")


def test_an_edited_readme_is_said_and_not_failed(packages: Any) -> None:
    folder = packages[packages.lora_nli]
    (folder / "README.md").write_text("# Another\n", encoding="utf-8")
    found = verify(folder, checks=WITHOUT_ENCODER)
    assert not found.failed
    assert "README.md was changed" in said(found, "hashes")


def test_what_the_hub_adds_is_no_harm(packages: Any) -> None:
    folder = packages[packages.lora_nli]
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs\n", encoding="utf-8")
    assert not verify(folder, checks=WITHOUT_ENCODER).failed


class TestNeededPackages:
    def test_missing(self, packages: Any) -> None:
        shutil.rmtree(packages[packages.lora_nli])
        fails(packages[packages.lora], "pieces", "needs the package mini-lora-sandbox-nli-s1")

    def test_named(self, packages: Any, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere" / "renamed"
        elsewhere.parent.mkdir()
        packages[packages.lora_nli].rename(elsewhere)
        assert not verify(packages[packages.lora], others=[elsewhere]).failed

    def test_another_of_that_name(self, packages: Any) -> None:
        shutil.rmtree(packages[packages.lora_nli])
        shutil.copytree(packages[packages.bn_nli], packages[packages.lora_nli])
        fails(packages[packages.lora], "pieces", "needs the package")

    def test_for_another_encoder(self, packages: Any) -> None:
        packages.edit_card(packages.lora_nli, lambda card: card["base"].update(weights_sha256="0" * 64))
        fails(packages[packages.lora], "pieces", "belongs to another encoder")

    def test_one_that_would_not_pass_itself(self, packages: Any) -> None:
        packages.edit_json(packages.lora_nli, "adapter_config.json", auto_mapping={"parent_library": "os"})
        fails(packages[packages.lora], "pieces", "auto_mapping")


class TestEncoders:
    def test_another_encoder_stops_before_anything_is_computed(self, packages: Any) -> None:
        packages.edit_card(packages.lora_nli, lambda card: card["base"].update(weights_sha256="0" * 64))
        found = fails(packages[packages.lora_nli], "encoder", "another encoder than the package was trained on")
        assert states(found)["probe"] == "skip"

    def test_another_text_of_the_config_is_said(self, packages: Any) -> None:
        packages.edit_card(packages.lora_nli, lambda card: card["base"].update(config_sha256="0" * 64))
        found = verify(packages[packages.lora_nli])
        assert not found.failed
        assert "another text than the card's" in said(found, "config")

    def test_a_name_that_is_not_known_is_not_loaded(self, packages: Any) -> None:
        def change(card: dict[str, Any]) -> None:
            card["base"].update(name="somebody/encoder", revision="a" * 40)

        packages.edit_card(packages.lora_nli, change)
        packages.edit_json(
            packages.lora_nli, "adapter_config.json", base_model_name_or_path="somebody/encoder", revision="a" * 40
        )
        found = verify(packages[packages.lora_nli])
        assert not found.failed
        assert {states(found)[name] for name in NAMES[7:]} == {"skip"}
        assert f"--base somebody/encoder@{'a' * 40}" in said(found, "probe")
        named = verify(packages[packages.lora_nli], base=str(folder_of("sandbox/mini")))
        assert states(named)["probe"] == states(named)["peft"] == "ok"

    def test_an_encoder_that_is_not_at_hand_is_a_skip(self, packages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def change(card: dict[str, Any]) -> None:
            card["base"].update(name="FacebookAI/xlm-roberta-base", revision="a" * 40)

        def absent(source: str, name: str, revision: str | None) -> None:
            assert (source, revision) == ("FacebookAI/xlm-roberta-base", "a" * 40)
            raise OSError(f"no {name}")

        monkeypatch.setattr("layover.encoder.files.cached_file", absent)
        packages.edit_card(packages.fuse, change)
        found = verify(packages[packages.fuse], checks=[check for check in CHECKS if check.name != "pieces"])
        assert not found.failed
        assert "is not at hand" in said(found, "encoder")

    def test_a_base_that_is_none(self, packages: Any) -> None:
        with pytest.raises(ModelError, match="did you mean 'sandbox/mini'"):
            verify(packages[packages.lora_nli], base="sandbox/mimi")


class TestCommand:
    def test_lines_and_exit_code(self, packages: Any, cli: Cli) -> None:
        code, out, err = cli("verify", packages[packages.lora], packages[packages.bn_nli])
        lines = out.splitlines()
        assert (code, err) == (0, "")
        assert lines[0] == f"{packages[packages.lora]}:"
        assert [line.split()[0] for line in lines].count("ok") >= 2 * len(NAMES) - 4
        assert [line[6:15].strip() for line in lines[1 : len(NAMES) + 1]] == NAMES
        flip(packages[packages.lora] / "head.safetensors")
        code, out, _ = cli("verify", packages[packages.lora])
        assert code == 1
        assert "FAIL  hashes" in out

    def test_json(self, packages: Any, cli: Cli) -> None:
        flip(packages[packages.lora] / "head.safetensors")
        code, out, _ = cli("verify", packages[packages.lora], packages[packages.lora_nli], "--json")
        found = json.loads(out)["packages"]
        assert code == 1
        assert [one["ok"] for one in found] == [False, True]
        assert [check["check"] for check in found[1]["checks"]] == NAMES

    @pytest.mark.parametrize("what", ["nothing", "empty", "no card"])
    def test_no_package_at_all(self, packages: Any, cli: Cli, tmp_path: Path, what: str) -> None:
        folder = tmp_path / "other"
        if what != "nothing":
            folder.mkdir()
        if what == "no card":
            (folder / "transfer_card.json").write_text('{"schema_version": 7}', encoding="utf-8")
        code, out, err = cli("verify", packages[packages.lora], folder)
        assert (code, out) == (2, "")
        assert str(folder) in err

    def test_a_card_cannot_write_to_the_terminal(self, packages: Any, cli: Cli) -> None:
        """Names out of files could move the cursor, or forge a line that says ok."""
        folder = packages[packages.lora_nli]
        (folder / "x\x1b[2Jy\nok    hashes     forged").write_text("", encoding="utf-8")
        code, out, _ = cli("verify", folder)
        assert code == 1
        assert "\x1b" not in out
        assert not any(line.startswith("ok    hashes") for line in out.splitlines())
        packages.edit_card(folder.name, lambda card: card["files"].update({"\x1b]0;x\x07": "0" * 64}))
        code, _, err = cli("verify", folder)
        assert code == 2
        assert "\x1b" not in err
