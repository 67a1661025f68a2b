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
from layover.hub.verify import CHECKS, WITHOUT_ENCODER, Verdict, verify
from layover_sandbox.encoders import folder_of

Cli = Callable[..., tuple[int, str, str]]
NAMES = [check.name for check in CHECKS]


def states(verdict: Verdict) -> dict[str, str]:
    return {result.name: result.state for result in verdict.results}


def said(verdict: Verdict, name: str) -> str:
    return next(result.message for result in verdict.results if result.name == name)


def fails(folder: Path, check: str, message: str, **options: Any) -> Verdict:
    """Hold the first failure to be that of a check, with a message."""
    found = verify(folder, **options)
    assert found.failed, states(found)
    assert found.failed[0].name == check, found.failed
    assert message in found.failed[0].message
    return found


@pytest.mark.parametrize("name", ["lora", "lora_nli", "bn", "bn_nli", "par", "fuse", "head"])
def test_what_export_wrote_passes_every_check(packages: Any, name: str) -> None:
    found = verify(packages[getattr(packages, name)])
    neither = {"peft", "adapters"}
    skipped = {"lora": {"adapters"}, "bn": {"peft"}, "par": {"peft"}, "fuse": neither, "head": {"modules", *neither}}[
        name.removesuffix("_nli")
    ]
    skipped |= set() if "adapters" in {one.name for one in distributions()} else {"adapters"}
    assert states(found) == {one: "skip" if one in skipped else "ok" for one in NAMES}
    if name == "lora":  # both LoRAs act in peft, and only together they are what the probe knows
        assert "computes the probe's hidden states" in said(found, "peft")
    if name == "par" and "adapters" not in skipped:  # a stack of parallel ones is another thing in adapters
        assert "the package's own module alone" in said(found, "adapters")


def test_the_own_module_alone_is_compared_where_a_library_cannot_compose(packages: Any) -> None:
    """A LoRA with a layer left out in predictions acts otherwise in peft, which knows no such thing."""

    def change(card: dict[str, Any]) -> None:
        card["skipped_layers"] = 1

    packages.edit_card(packages.lora_nli, change)
    found = verify(packages[packages.lora_nli], checks=[check for check in CHECKS if check.name != "probe"])
    assert "the package's own module alone" in said(found, "peft")
    fails(packages[packages.lora_nli], "probe", "differ from the outputs on its card")


Do = Callable[[Any, Path], object]
DAMAGES: dict[str, tuple[str, str, Do]] = {}
BN_DAMAGES: dict[str, tuple[str, str, Do]] = {}


def told(check: str, message: str, of: dict[str, tuple[str, str, Do]] = DAMAGES) -> Callable[[Do], Do]:
    """Say by which check a damage is told, and how."""

    def keep(do: Do) -> Do:
        of[do.__name__] = (check, message, do)
        return do

    return keep


def card(change: Callable[[dict[str, Any]], object]) -> Do:
    return lambda packages, folder: packages.edit_card(folder.name, change)


def weights(file: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Do:
    return lambda packages, folder: packages.edit_weights(folder.name, file, change)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


MODULE, HEAD = "adapter_model.safetensors", "head.safetensors"


@told("files", "'evil.py' is not a file of a package")
def a_program(packages: Any, folder: Path) -> None:
    (folder / "evil.py").write_text("")


@told("files", "'.git' is not a file of a package")
def a_folder(packages: Any, folder: Path) -> None:
    (folder / ".git").mkdir()


@told("files", "it is a link, or is not an ordinary file")
def a_link(packages: Any, folder: Path) -> None:
    (folder / HEAD).rename(folder.parent / HEAD)
    (folder / HEAD).symlink_to(folder.parent / HEAD)


@told("files", "is in the folder, but not on the card")
def a_file_that_is_not_on_the_card(packages: Any, folder: Path) -> None:
    shutil.copy(folder / HEAD, folder / "mixer.safetensors")


@told("files", "mixer.safetensors is unexpected")
def a_file_too_much(packages: Any, folder: Path) -> None:
    a_file_that_is_not_on_the_card(packages, folder)
    packages.seal(folder.name)


@told("files", "head.safetensors is on the card, but not in the folder")
def a_file_is_gone(packages: Any, folder: Path) -> None:
    (folder / HEAD).unlink()


@told("files", "head.safetensors is missing")
def the_head_is_gone(packages: Any, folder: Path) -> None:
    a_file_is_gone(packages, folder)
    packages.seal(folder.name)


@told("hashes", "the file was changed, or not copied whole")
def a_byte(packages: Any, folder: Path) -> None:
    flip(folder / HEAD)


@told("weights", "lora_A")
def a_weight_too_few(packages: Any, folder: Path) -> None:
    weights(MODULE, lambda found: found.pop(min(found)))(packages, folder)


@told("weights", "not a weight of the layers")
def a_weight_too_many(packages: Any, folder: Path) -> None:
    weights(MODULE, lambda found: found.update(more=torch.ones(3)))(packages, folder)


@told("weights", "the file of a module must not have a head")
def a_head_in_the_module(packages: Any, folder: Path) -> None:
    name = "base_model.model.classifier.weight"
    weights(MODULE, lambda found: found.update({name: torch.ones(3, 4)}))(packages, folder)


@told("weights", "classifier.bias: has the shape")
def a_label_more(packages: Any, folder: Path) -> None:
    card(lambda found: found["task"]["labels"].append("B-X"))(packages, folder)


@told("weights", "the rank is 8")
def another_rank(packages: Any, folder: Path) -> None:
    packages.edit_json(folder.name, "adapter_config.json", r=8)


@told("weights", "but the card")
def another_alpha(packages: Any, folder: Path) -> None:
    packages.edit_json(folder.name, "adapter_config.json", lora_alpha=9)


@told("weights", "its dtype is F16")
def half_numbers(packages: Any, folder: Path) -> None:
    def change(found: dict[str, torch.Tensor]) -> None:
        found.update({name: value.half() for name, value in found.items()})

    weights(HEAD, change)(packages, folder)


@told("weights", "holds NaN or infinity")
def a_number_that_is_none(packages: Any, folder: Path) -> None:
    weights(HEAD, lambda found: found["classifier.weight"][0].fill_(float("nan")))(packages, folder)


@told("weights", "its encoder has fewer layers")
def another_depth(packages: Any, folder: Path) -> None:
    card(lambda found: found["base"].update(num_layers=5))(packages, folder)


@told(
    "trained",
    "its lora is untrained: B is zero at all 8 sites, as before the first step of training",
)
def an_untouched_module(packages: Any, folder: Path) -> None:
    def change(found: dict[str, torch.Tensor]) -> None:
        for name, value in found.items():
            if "lora_B" in name:
                value.zero_()

    weights(MODULE, change)(packages, folder)
    packages.seal_weights(folder.name)


@told("trained", "all numbers of out.weight are zero")
def an_empty_head(packages: Any, folder: Path) -> None:
    weights(HEAD, lambda found: [value.zero_() for value in found.values()])(packages, folder)


@told("configs", "base_model_name_or_path is other/model, but sandbox/mini")
def another_encoder_for_peft(packages: Any, folder: Path) -> None:
    packages.edit_json(folder.name, "adapter_config.json", base_model_name_or_path="other/model")


@told("configs", "auto_mapping: the module of the card does not have")
def code_for_peft_to_import(packages: Any, folder: Path) -> None:
    packages.edit_json(folder.name, "adapter_config.json", auto_mapping={"parent_library": "os"})


@told("configs", "labels is")
def labels_in_another_order(packages: Any, folder: Path) -> None:
    packages.edit_json(folder.name, "head_config.json", labels=["B-PER", "O"])


@told("modules", "the weights of its module do not match its card")
def other_weights(packages: Any, folder: Path) -> None:
    weights(MODULE, lambda found: found[min(found)].add_(1))(packages, folder)


@told("config", "its vocab_size is 4400, but 9000")
def another_vocabulary(packages: Any, folder: Path) -> None:
    card(lambda found: found["base"].update(vocabulary=9000))(packages, folder)


@told("tokenizer", "but 000000000000 on the card")
def another_tokenizer(packages: Any, folder: Path) -> None:
    card(lambda found: found["base"].update(tokenizer_sha256="0" * 64))(packages, folder)


@told("probe", "the package does not match its card")
def other_hidden_states(packages: Any, folder: Path) -> None:
    card(lambda found: found["probe"]["hidden"][0].__setitem__(0, 0.5))(packages, folder)


@told("probe", "the package does not match its card")
def other_logits(packages: Any, folder: Path) -> None:
    card(lambda found: found["probe"]["outputs"]["logits"].__setitem__(0, 0.5))(packages, folder)


@told("probe", "differ from the outputs on its card by inf")
def logits_of_another_size(packages: Any, folder: Path) -> None:
    card(lambda found: found["probe"]["outputs"]["logits"].pop())(packages, folder)


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_told_by_its_check(packages: Any, damage: str) -> None:
    check, message, do = DAMAGES[damage]
    do(packages, packages[packages.lora])
    found = fails(packages[packages.lora], check, message)
    # nothing is computed with what failed
    later = {one.name for one in CHECKS if one.stage > next(one.stage for one in CHECKS if one.name == check)}
    assert {state for name, state in states(found).items() if name in later} <= {"skip"}


@told("weights", "its numbers differ from head.safetensors", BN_DAMAGES)
def another_head_for_adapters(packages: Any, folder: Path) -> None:
    def change(found: dict[str, torch.Tensor]) -> None:
        found.update({name: value + 1 for name, value in found.items()})

    weights("adapterhub/model_head.safetensors", change)(packages, folder)


@told("weights", "is missing", BN_DAMAGES)
def another_name_in_adapters(packages: Any, folder: Path) -> None:
    packages.edit_json(folder.name, "adapterhub/adapter_config.json", name="another")


@told("configs", "model_class is Evil", BN_DAMAGES)
def another_class_for_adapters(packages: Any, folder: Path) -> None:
    packages.edit_json(folder.name, "adapterhub/adapter_config.json", model_class="Evil")


@told("configs", "config is", BN_DAMAGES)
def another_head_config_for_adapters(packages: Any, folder: Path) -> None:
    packages.edit_json(folder.name, "adapterhub/head_config.json", config={"head_type": "tagging"})


@told("files", "'adapterhub/pytorch_adapter.bin' is not a file of a package", BN_DAMAGES)
def a_pickle_that_is_not_on_the_card(packages: Any, folder: Path) -> None:
    packages.add_pickles(folder.name)
    packages.edit_card(folder.name, lambda card: card["files"].pop("adapterhub/pytorch_adapter.bin"))


@told("files", "'adapter_model.bin' is not a file of a package", BN_DAMAGES)
def a_pickle_that_no_package_had(packages: Any, folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"x")
    packages.seal(folder.name)


@told("files", "adapterhub/pytorch_adapter.bin: it is a link, or is not an ordinary file", BN_DAMAGES)
def a_link_in_the_place_of_a_pickle(packages: Any, folder: Path) -> None:
    file = packages.add_pickles(folder.name)[0]
    file.unlink()
    file.symlink_to("adapter.safetensors")


@told("files", "adapterhub/adapter.safetensors is missing", BN_DAMAGES)
def pickles_in_the_place_of_safetensors(packages: Any, folder: Path) -> None:
    packages.add_pickles(folder.name)
    (folder / "adapterhub" / "adapter.safetensors").unlink()
    packages.edit_card(folder.name, lambda card: card["files"].pop("adapterhub/adapter.safetensors"))


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
    fails(folder, "trained", "all numbers are zero")


def test_a_head_brings_no_module_for_adapters(packages: Any) -> None:
    """Nothing would hold it against anything."""
    folder = packages[packages.head]
    shutil.copytree(packages[packages.bn] / "adapterhub", folder / "adapterhub")
    packages.seal(folder.name)
    fails(folder, "files", "adapterhub/adapter.safetensors is unexpected")


def test_some_untouched_places_are_said(packages: Any) -> None:
    folder = packages[packages.lora_nli]

    def change(weights: dict[str, torch.Tensor]) -> None:
        next(value for name, value in weights.items() if "layer.0" in name and "lora_B" in name).zero_()

    packages.edit_weights(folder.name, "adapter_model.safetensors", change)
    packages.seal_weights(folder.name)
    found = verify(folder, checks=WITHOUT_ENCODER)
    assert not found.failed
    assert "at 7 of 8 sites; untrained at layers.0." in said(found, "trained")


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
        fails(packages[packages.lora], "modules", "needs the package mini-lora-sandbox-nli-s1")

    def test_named(self, packages: Any, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere" / "renamed"
        elsewhere.parent.mkdir()
        packages[packages.lora_nli].rename(elsewhere)
        assert not verify(packages[packages.lora], others=[elsewhere]).failed

    def test_another_of_that_name(self, packages: Any) -> None:
        shutil.rmtree(packages[packages.lora_nli])
        shutil.copytree(packages[packages.bn_nli], packages[packages.lora_nli])
        fails(packages[packages.lora], "modules", "needs the package")

    def test_for_another_encoder(self, packages: Any) -> None:
        packages.edit_card(packages.lora_nli, lambda card: card["base"].update(weights_sha256="0" * 64))
        fails(packages[packages.lora], "modules", "belongs to another encoder")

    def test_one_that_would_not_pass_itself(self, packages: Any) -> None:
        packages.edit_json(packages.lora_nli, "adapter_config.json", auto_mapping={"parent_library": "os"})
        fails(packages[packages.lora], "modules", "auto_mapping")


class TestEncoders:
    def test_another_encoder_stops_before_anything_is_computed(self, packages: Any) -> None:
        packages.edit_card(packages.lora_nli, lambda card: card["base"].update(weights_sha256="0" * 64))
        found = fails(packages[packages.lora_nli], "encoder", "the package was trained on another encoder")
        assert states(found)["probe"] == "skip"

    def test_another_text_of_the_config_is_said(self, packages: Any) -> None:
        packages.edit_card(packages.lora_nli, lambda card: card["base"].update(config_sha256="0" * 64))
        found = verify(packages[packages.lora_nli])
        assert not found.failed
        assert "differs from the card's" in said(found, "config")

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
        found = verify(packages[packages.fuse], checks=[check for check in CHECKS if check.name != "modules"])
        assert not found.failed
        assert "is not available" in said(found, "encoder")

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
        expected = {
            "nothing": "there is no such folder",
            "empty": "no package",
            "no card": "schema_version is 7, but this version reads 1",
        }
        assert expected[what] in err
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


def test_what_is_computed_again_is_proved_and_the_rest_is_claimed(packages: Any, cli: Cli) -> None:
    found = verify(packages[packages.lora])
    proved = {
        "files",
        "probe",
        "layout",
        "pieces.module",
        "pieces.weights_sha256",
        "base.weights_sha256",
    }
    assert proved <= set(found.proved)
    assert {"scores", "data", "trainings", "cost", "task", "title", "base.name"} <= set(found.claimed)
    assert {"composition", "pieces.role", "pieces.package", "base.random", "flattened"} <= set(found.claimed)
    assert not set(found.proved) & set(found.claimed)
    code, out, _ = cli("verify", packages[packages.lora])
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.strip().startswith("claimed")]
    assert "scores" in line
    assert "probe" not in line
    code, out, _ = cli("verify", packages[packages.lora], "--json")
    (told,) = json.loads(out)["packages"]
    assert (tuple(told["proved"]), tuple(told["claimed"])) == (found.proved, found.claimed)


def test_false_scores_pass_and_are_called_a_claim(packages: Any) -> None:
    def change(card: dict[str, Any]) -> None:
        card["scores"]["languages"] = {"en": 99.9}

    packages.edit_card(packages.lora, change)
    found = verify(packages[packages.lora])
    assert not found.failed
    assert "scores" in found.claimed


def test_what_failed_or_was_not_looked_at_is_not_proved(packages: Any) -> None:
    def change(card: dict[str, Any]) -> None:
        card["base"]["weights_sha256"] = "0" * 64

    packages.edit_card(packages.lora_nli, change)
    found = verify(packages[packages.lora_nli])
    assert {"base.weights_sha256", "probe"} <= set(found.claimed)
    without = verify(packages[packages.lora_nli], checks=WITHOUT_ENCODER)
    assert {"base.weights_sha256", "probe", "base.model_type"} <= set(without.claimed)
    assert "files" in without.proved


def test_all_that_one_check_finds_is_told_in_a_line_each(packages: Any, cli: Cli) -> None:
    folder = packages[packages.lora]
    (folder / "evil.py").write_text("")
    (folder / "head.safetensors").unlink()
    code, out, _ = cli("verify", folder)
    assert code == 1
    lines = out.splitlines()
    assert lines[1].startswith("FAIL  files      'evil.py' is not a file of a package")
    assert lines[2] == f"{'':<17}head.safetensors is on the card, but not in the folder"
    (folder / "evil.py").unlink()
    shutil.copy(packages[packages.lora_nli] / "head.safetensors", folder)
    packages.edit_json(folder.name, "adapter_config.json", auto_mapping={"a": 1}, task_type="X")
    packages.edit_json(folder.name, "head_config.json", labels=["a"])
    found = verify(folder, checks=WITHOUT_ENCODER)
    assert [one.partition(": ")[::2] for one in said(found, "configs").splitlines()] == [
        ("adapter_config.json", "auto_mapping: the module of the card does not have this setting"),
        ("adapter_config.json", "task_type is X, but None on the card"),
        (
            "head_config.json",
            f"labels is ['a'], but {packages.card(folder.name)['task']['labels']!r} on the card"[:999],
        ),
    ]


@pytest.mark.parametrize("name", ["lora", "bn", "par", "fuse", "head"])
def test_every_field_that_has_a_value_is_proved_or_claimed(packages: Any, name: str) -> None:
    found = verify(packages[getattr(packages, name)], checks=WITHOUT_ENCODER)
    card = packages.card(getattr(packages, name))
    parts = {"base": [card.pop("base")], "pieces": card.pop("pieces")}
    inner = [(f"{part}.{field}", one[field]) for part, several in parts.items() for one in several for field in one]
    expected = {field for field, value in inner if value is not None}
    expected |= {field for field, value in card.items() if value not in (None, [], {})} - {"schema_version"}
    assert {*found.proved, *found.claimed} == expected
    assert len(found.proved) + len(found.claimed) == len(expected)


def exchange_roles(card: dict[str, Any]) -> None:
    first, second = card["pieces"]
    first["role"], second["role"] = second["role"], first["role"]


FALSE: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "own weights": ("pieces.weights_sha256", lambda card: card["pieces"][1].update(weights_sha256="0" * 64)),
    "weights of the other": ("pieces.weights_sha256", lambda card: card["pieces"][0].update(weights_sha256="0" * 64)),
    "rank of the other": ("pieces.module", lambda card: card["pieces"][0]["module"].update(rank=64)),
    "own rank": ("pieces.module", lambda card: card["pieces"][1]["module"].update(rank=64)),
    "name of the other": ("pieces.package", lambda card: card["pieces"][0].update(package="another")),
    "roles": ("pieces.role", exchange_roles),
    "composition": ("composition", lambda card: card.update(composition={"name": "merge"})),
    "skipped": ("skipped_layers", lambda card: card.update(skipped_layers=1)),
    "size": ("base.hidden_size", lambda card: card["base"].update(vocabulary=9000)),
    "encoder": ("base.num_layers", lambda card: card["base"].update(weights_sha256="0" * 64)),
    "file": ("files", lambda card: card["files"].update({"head.safetensors": "0" * 64})),
}


@pytest.mark.parametrize("what", FALSE)
def test_nothing_false_is_called_proved(packages: Any, what: str) -> None:
    """Whether a check tells it, or none can."""
    field, change = FALSE[what]
    packages.edit_card(packages.lora, change)
    found = verify(packages[packages.lora])
    assert field in found.claimed
    failed = {one.name for one in found.failed}
    assert not {proof for check in CHECKS if check.name in failed for proof in check.proves} & set(found.proved)


def test_settings_that_the_files_repeat_are_proved_by_what_they_compute(packages: Any) -> None:
    def change(card: dict[str, Any]) -> None:
        card["pieces"][0]["module"]["alpha"] *= 2

    packages.edit_card(packages.lora_nli, change)
    alpha = packages.card(packages.lora_nli)["pieces"][0]["module"]["alpha"]
    packages.edit_json(packages.lora_nli, "adapter_config.json", lora_alpha=alpha)
    found = verify(packages[packages.lora_nli])
    assert [one.name for one in found.failed] == ["probe"]
    assert {"pieces.module", "probe"} <= set(found.claimed)
    assert "pieces.module" in verify(packages[packages.lora_nli], checks=WITHOUT_ENCODER).claimed


def test_every_proof_is_of_a_field_of_the_card() -> None:
    from layover.packages.card import Card
    from layover.packages.sections import AttachmentFacts, BaseModelFacts

    known = {
        *(field.alias or name for name, field in Card.model_fields.items()),
        *(f"base.{one}" for one in BaseModelFacts.model_fields),
    }
    known |= {f"pieces.{one}" for one in AttachmentFacts.model_fields}
    assert {field for check in CHECKS for field in check.proves} <= known
