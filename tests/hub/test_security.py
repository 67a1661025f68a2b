"""What a stranger may put into a package: each attack is refused with one error; none of it runs, none is followed."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.watching import Runs, watched
from tests.quick import quick

from layover.errors import LayoverError
from layover.hub.pull import pull
from layover.hub.verify import WITHOUT_ENCODER, verify
from layover.packages.package import open_package

Cli = Callable[..., tuple[int, str, str]]


def refused(folder: Path, cli: Cli, tmp_path: Path, message: str) -> None:
    """Hold verify and pull to refuse a package with one error that says why, and to keep nothing."""
    code, out, err = cli("verify", folder)
    first = next((line for line in out.splitlines() if line.startswith("FAIL")), "")
    assert code == (1 if first else 2)
    assert message in (first or err)
    code, out, err = cli("pull", folder, "--to", tmp_path / "pulled")
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "pulled").exists()


class TestPickles:
    @pytest.fixture
    def marker(self, tmp_path: Path) -> Path:
        return tmp_path / "ran"

    def test_the_danger_is_real(self, marker: Path, tmp_path: Path) -> None:
        torch.save({"a": Runs(marker)}, tmp_path / "x.bin")
        torch.load(tmp_path / "x.bin", weights_only=False)
        assert marker.exists()

    def test_in_the_place_of_peft_s(self, packages: Any, cli: Cli, tmp_path: Path, marker: Path) -> None:
        folder = packages[packages.lora_nli]
        torch.save({"a": Runs(marker)}, folder / "adapter_model.bin")
        packages.seal(folder.name)
        refused(folder, cli, tmp_path, "adapter_model.bin")
        (folder / "adapter_model.safetensors").unlink()
        packages.seal(folder.name)
        refused(folder, cli, tmp_path, "adapter_model.")
        assert not marker.exists()

    @pytest.mark.parametrize("how", ["torch", "pickle"])
    @pytest.mark.parametrize("name", ["adapter_model.safetensors", "head.safetensors"])
    def test_called_safetensors(
        self, packages: Any, cli: Cli, tmp_path: Path, marker: Path, name: str, how: str
    ) -> None:
        file = packages[packages.lora_nli] / name
        if how == "torch":
            torch.save({"a": Runs(marker)}, file)
        else:
            file.write_bytes(pickle.dumps(Runs(marker)))
        packages.seal(packages.lora_nli)
        refused(file.parent, cli, tmp_path, "not a safetensors file")
        assert not marker.exists()


class TestPathsInFiles:
    """No path, address or module that a file names is ever gone to."""

    @pytest.fixture
    def bait(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "bait"
        folder.mkdir()
        for name in ("config.json", "adapter_config.json", "model.safetensors", "evil_module.py", "evil.py"):
            (folder / name).write_text("raise SystemExit('imported')" if name.endswith(".py") else "{}")
        monkeypatch.syspath_prepend(str(folder))
        sys.path.remove(str(folder))  # its entry would be listed by every import
        monkeypatch.chdir(tmp_path)
        return folder

    def test_the_watch_sees(self, bait: Path) -> None:
        with watched(bait) as found:
            (bait / "config.json").read_text()
        assert found == [f"open {bait / 'config.json'}"]

    @pytest.mark.parametrize("form", ["{}", "file://{}", "bait", "./bait", "http://127.0.0.1:9/{}"])
    def test_the_encoder_of_a_config(self, packages: Any, cli: Cli, tmp_path: Path, bait: Path, form: str) -> None:
        name = form.format(bait)
        for package, file, setting in (
            (packages.lora_nli, "adapter_config.json", "base_model_name_or_path"),
            (packages.bn_nli, "adapterhub/adapter_config.json", "model_name"),
        ):
            packages.edit_json(package, file, **{setting: name})
            with watched(bait) as found:
                refused(packages[package], cli, tmp_path, f"{setting} is")
            assert found == []

    def test_the_encoder_of_a_module_without_a_card(self, packages: Any, tmp_path: Path, bait: Path) -> None:
        folder = packages[packages.lora_nli]
        packages.edit_json(packages.lora_nli, "adapter_config.json", base_model_name_or_path=str(bait))
        (folder / "transfer_card.json").unlink()
        with watched(bait) as found:
            (one,) = pull(str(folder), tmp_path / "pulled")
        assert found == []
        assert "by its own config" in one.description

    def test_the_encoder_of_a_card(self, packages: Any, cli: Cli, tmp_path: Path, bait: Path) -> None:
        """A card has no form for a path; and a folder of that name here is not taken for a repository."""
        for name in (str(bait), "file:///bait", "../bait", "bait", "."):
            packages.edit_card(packages.lora_nli, lambda card, name=name: card["base"].update(name=name))
            with watched(bait) as found:
                refused(packages[packages.lora_nli], cli, tmp_path, "base.name")
            assert found == []
        (tmp_path / "bait" / "inner").mkdir()
        packages.edit_card(packages.lora_nli, lambda card: card["base"].update(name="bait/inner"))
        packages.edit_json(packages.lora_nli, "adapter_config.json", base_model_name_or_path="bait/inner")
        with watched(bait) as found:
            verdict = verify(packages[packages.lora_nli])
        assert found == []
        assert [one.state for one in verdict.results if one.name == "encoder"] == ["skip"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"auto_map": {"AutoModel": "evil_module.Evil"}},
            {"auto_mapping": {"base_model_class": "Evil", "parent_library": "evil_module"}},
            {"trust_remote_code": True},
            {"custom_pipelines": {"x": {"impl": "evil_module.Evil"}}},
        ],
    )
    def test_code_that_a_config_names(
        self,
        packages: Any,
        cli: Cli,
        tmp_path: Path,
        bait: Path,
        changes: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.syspath_prepend(str(bait))
        package = packages.lora_nli
        packages.edit_json(package, "adapter_config.json", **changes)
        with watched(bait / "evil", Path("evil_module")) as found:
            refused(packages[package], cli, tmp_path, next(iter(changes)))
            packages.edit_json(packages.bn_nli, "adapterhub/adapter_config.json", **changes)
            refused(packages[packages.bn_nli], cli, tmp_path, next(iter(changes)))
            (packages[package] / "transfer_card.json").unlink()
            with contextlib.suppress(LayoverError):  # peft's own field is read as a word, others are not known
                pull(str(packages[package]), tmp_path / "module")
        assert found == []
        assert "evil_module" not in sys.modules

    @pytest.mark.parametrize(
        "changes",
        [
            {"target_modules": "(.*)*(.*)*(.*)*(.*)*(.*)*x"},
            {"target_modules": r".*\.(query|value)"},
            {"rank_pattern": {"(.*)*(.*)*x": 4}},
            {"alpha_pattern": {"((((.*)*)*)*)*x": 8}},
        ],
    )
    def test_patterns_that_peft_would_run(
        self, packages: Any, cli: Cli, tmp_path: Path, changes: dict[str, Any]
    ) -> None:
        packages.edit_json(packages.lora_nli, "adapter_config.json", **changes)
        refused(packages[packages.lora_nli], cli, tmp_path, "adapter_config.json")

    @pytest.mark.parametrize(
        "name",
        [
            "../outside",
            "/etc/passwd",
            "a/../../outside",
            "..",
            "adapterhub/../../outside",
            "a/b/c",
            "a\\b",
            "C:x",
            ".hidden",
            "adapterhub/.hidden",
            "x\0y",
            "x\ny",
            "",
            "x" * 300,
        ],
    )
    def test_file_names_on_the_card(self, packages: Any, cli: Cli, tmp_path: Path, name: str) -> None:
        outside = packages.root / "outside"
        outside.write_text("x")
        packages.edit_card(packages.lora_nli, lambda card: card["files"].update({name: "0" * 64}))
        with watched(outside, Path("/etc/passwd")) as found:
            refused(packages[packages.lora_nli], cli, tmp_path, "cannot be the name of a file")
            with pytest.raises(LayoverError):
                open_package(packages[packages.lora_nli])
        assert found == []

    @pytest.mark.parametrize("name", ["../x", "/x", "a/b", ".", "..", "", "x y", "ä"])
    def test_packages_that_a_card_needs(self, packages: Any, cli: Cli, tmp_path: Path, name: str) -> None:
        packages.edit_card(packages.lora, lambda card: card["pieces"][0].update(package=name))
        refused(packages[packages.lora], cli, tmp_path, "pieces.0.package")

    @pytest.mark.parametrize("name", ["../x", "/x", "a/b", "..", "", "x" * 100])
    def test_the_name_of_a_package(self, packages: Any, cli: Cli, tmp_path: Path, name: str) -> None:
        packages.edit_card(packages.lora_nli, lambda card: card.update(id=name))
        refused(packages[packages.lora_nli], cli, tmp_path, "id:")


class TestLinks:
    @pytest.mark.parametrize("name", ["head.safetensors", "adapter_config.json", "transfer_card.json", "README.md"])
    def test_a_file(self, packages: Any, cli: Cli, tmp_path: Path, name: str) -> None:
        file = packages[packages.lora_nli] / name
        file.rename(tmp_path / "real")
        file.symlink_to(tmp_path / "real")
        refused(file.parent, cli, tmp_path, "is not opened")

    def test_nowhere(self, packages: Any, cli: Cli, tmp_path: Path) -> None:
        file = packages[packages.lora_nli] / "README.md"
        file.unlink()
        file.symlink_to("README.md")
        refused(file.parent, cli, tmp_path, "is not opened")

    def test_devices_and_pipes_do_not_hang(self, packages: Any, cli: Cli, tmp_path: Path) -> None:
        file = packages[packages.lora_nli] / "head.safetensors"
        file.unlink()
        file.symlink_to("/dev/zero")
        refused(file.parent, cli, tmp_path, "is not opened")
        file.unlink()
        os.mkfifo(file)
        refused(file.parent, cli, tmp_path, "is not opened")


class TestSizes:
    def test_a_large_card(self, packages: Any, cli: Cli, tmp_path: Path) -> None:
        with (packages[packages.lora_nli] / "transfer_card.json").open("r+b") as stream:
            stream.truncate(2**33)
        refused(packages[packages.lora_nli], cli, tmp_path, "at most 4194304 are read")

    @pytest.mark.parametrize("name", ["adapter_config.json", "head_config.json", "adapter_model.safetensors"])
    def test_a_large_file(self, packages: Any, cli: Cli, tmp_path: Path, name: str) -> None:
        packages.seal(packages.lora_nli)
        with (packages[packages.lora_nli] / name).open("r+b") as stream:
            stream.truncate(2**40)
        refused(packages[packages.lora_nli], cli, tmp_path, "the limit for this file is")

    @pytest.mark.parametrize("length", [2**63, 2**40, 2**25, 3])
    def test_a_large_header(self, packages: Any, cli: Cli, tmp_path: Path, length: int) -> None:
        file = packages[packages.lora_nli] / "adapter_model.safetensors"
        with file.open("r+b") as stream:
            stream.write(struct.pack("<Q", length))
            stream.truncate(2**26)
        packages.seal(packages.lora_nli)
        refused(file.parent, cli, tmp_path, "adapter_model.safetensors")

    def test_deep_json(self, packages: Any, cli: Cli, tmp_path: Path) -> None:
        file = packages[packages.lora_nli] / "transfer_card.json"
        file.write_text('{"a":' * 200_000 + "1" + "}" * 200_000)
        refused(file.parent, cli, tmp_path, "not plain JSON")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"id": 1, "id": 2}', "appears twice"),
            ('{"tolerance": NaN}', "NaN is not a number"),
            ('{"tolerance": -Infinity}', "-Infinity is not a number"),
            ("[]", "not an object"),
            ('{"schema_version": ' + "9" * 5000 + "}", "not plain JSON"),
            ("\ufeff{}", "not plain JSON"),
        ],
    )
    def test_json_that_readers_differ_on(
        self, packages: Any, cli: Cli, tmp_path: Path, text: str, message: str
    ) -> None:
        file = packages[packages.lora_nli] / "transfer_card.json"
        file.write_text(text, encoding="utf-8")
        refused(file.parent, cli, tmp_path, message)

    @pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.bool, torch.float8_e4m3fn])
    def test_other_types_of_numbers(self, packages: Any, cli: Cli, tmp_path: Path, dtype: torch.dtype) -> None:
        def change(weights: dict[str, torch.Tensor]) -> None:
            weights[min(weights)] = weights[min(weights)].to(dtype)

        packages.edit_weights(packages.lora_nli, "adapter_model.safetensors", change)
        refused(packages[packages.lora_nli], cli, tmp_path, "but must be one of F32, F16, BF16")

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    @pytest.mark.parametrize("name", ["adapter_model.safetensors", "head.safetensors"])
    def test_numbers_that_are_none(self, packages: Any, cli: Cli, tmp_path: Path, name: str, value: float) -> None:
        packages.edit_weights(packages.lora_nli, name, lambda weights: weights[min(weights)].view(-1)[0].fill_(value))
        refused(packages[packages.lora_nli], cli, tmp_path, "holds NaN or infinity")


def base(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda card: card["base"].update(values)


def probe(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda card: card["probe"].update(values)


def own(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda card: card["pieces"][-1].update(values)


def module(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda card: card["pieces"][-1]["module"].update(values)


def task(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda card: card["task"].update(values)


def top(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda card: card.update(values)


ABSURD: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "10^9 layers": (base(num_layers=10**9), "base.num_layers"),
    "no layers": (base(num_layers=0), "base.num_layers"),
    "half a layer": (base(num_layers=1.5), "base.num_layers"),
    "10^9 features": (base(hidden_size=10**9), "base.hidden_size"),
    "10^9 inner features": (base(intermediate_size=10**9), "base.intermediate_size"),
    "10^18 words": (base(vocabulary=10**18), "base.vocabulary"),
    "another family": (base(model_type="llama"), "base.model_type"),
    "a row of 10^6 tokens": (probe(rows=[[5] * 10**6], hidden=[[0.0]]), "probe.rows"),
    "10^5 rows": (probe(rows=[[5]] * 10**5, hidden=[[0.0]] * 10**5), "probe.rows"),
    "no row": (probe(rows=[], hidden=[]), "probe.rows"),
    "an empty row": (probe(rows=[[]] * 4), "probe.rows"),
    "a token that is none": (
        probe(rows=[[0, 4400, 2]] * 4),
        "is outside the encoder's vocabulary of 4400",
    ),
    "a token below none": (probe(rows=[[-1]] * 4), "probe.rows"),
    "a row without hidden states": (probe(hidden=[[0.0]]), "the probe has 4 rows, but 1 hidden states"),
    "10^5 hidden numbers": (probe(hidden=[[0.0] * 10**5] * 4), "probe.hidden"),
    "other outputs": (probe(outputs={"evil": [1.0]}), "probe.outputs"),
    "no logits": (probe(outputs={}), "the outputs of the probe have no logits"),
    "any difference is rounding": (probe(tolerance=1.0), "probe.tolerance"),
    "no tolerance": (probe(tolerance=0), "probe.tolerance"),
    "an infinite number": (probe(tolerance=1e999), "not plain JSON"),
    "a rank of 10^6": (module(rank=10**6), "lora does not take rank: 1000000"),
    "a rank of 10^400": (module(rank=10**400), "is too large or too small for a setting"),
    "an alpha of 10^300": (module(alpha=1e300), "is too large or too small for a setting"),
    "a reduction of nothing": (
        module(name="bottleneck", reduction=1e-320),
        "is too large or too small for a setting",
    ),
    "10^5 patterns": (module(patterns=[{"rank": 1}] * 10**5), "has 100,000 entries, but may have at most 512"),
    "10^5 layers of a module": (module(layers=list(range(10**5))), "has 100,000 entries, but may have at most 512"),
    "10^5 entries in a rule": (module(patterns=[{"layers": [1] * 10**5}]), "but may have at most 512"),
    "200 layers of a module": (module(layers=list(range(200))), "layer 199 does not exist"),
    "a module that is none": (module(name="os.system"), "no module is called 'os.system'"),
    "a module outside": (module(name="../../evil"), "no module is called"),
    "the whole encoder": (top(pieces=[], layout=None), "is unexpected"),
    "all weights as a module": (
        lambda card: card["pieces"][-1].update(module={"name": "full"}),
        "is not a module for packages",
    ),
    "a role that is none": (own(role="../x"), "pieces.0.role"),
    "a role twice": (lambda card: card["pieces"].append(card["pieces"][0]), "two attachments have the same role"),
    "10^4 pieces": (lambda card: card["pieces"].extend(card["pieces"] * 10**4), "pieces"),
    "pieces without a composition": (own(role="intermediate"), "the card has no composition"),
    "a module without a layout": (top(layout=None), "layout is None"),
    "a layout that is none": (top(layout="../x"), "layout"),
    "a composition that is none": (top(composition={"name": "evil"}), "no composition is called 'evil'"),
    "10^9 labels": (task(labels=[f"x{number}" for number in range(10**5)]), "has the shape"),
    "a head of another kind": (task(kind="mlm", columns=None), "the card has no task whose head is shared"),
    "rows of 10^9 tokens": (task(max_length=10**9), "task.max_length"),
    "a stride of 10^9": (task(stride=10**9), "task.stride"),
    "10^9 skipped layers": (top(skipped_layers=10**9), "skipped_layers"),
    "more skipped than there are": (top(skipped_layers=5), "skipped_layers is 5, but the encoder has 4 layers"),
    "an unknown key": (top(evil=1), "evil"),
    "neither a task nor a training": (top(task=None, trainings=[]), "neither a task nor a training"),
    "a composition without a name": (top(composition={"seed": 1}), "need a name"),
    "text for a number": (base(num_layers="4; rm -rf /"), "base.num_layers"),
    "an escape sequence": (task(kind="\x1b[2J"), "task.kind"),
}


@contextmanager
def at_most(more: int) -> Iterator[None]:
    """Let this process take no more than so many bytes of address space on top of what it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.skipif(sys.platform != "linux", reason="the bound on memory is Linux's")
def test_the_bound_on_memory_holds() -> None:
    with at_most(2**29), pytest.raises(MemoryError):
        bytearray(2**30)


@pytest.mark.skipif(sys.platform != "linux", reason="the bound on memory is Linux's")
@pytest.mark.parametrize("what", ABSURD)
def test_a_card_with_absurd_numbers(packages: Any, cli: Cli, tmp_path: Path, what: str) -> None:
    """It is refused at once, and nothing is made as large as it says."""
    change, message = ABSURD[what]
    packages.edit_card(packages.lora_nli, change)
    if what == "an infinite number":
        text = (packages[packages.lora_nli] / "transfer_card.json").read_text()
        (packages[packages.lora_nli] / "transfer_card.json").write_text(text.replace("Infinity", "1e999"))
        message = "transfer_card.json"
    with at_most(2**29), quick(5):
        refused(packages[packages.lora_nli], cli, tmp_path, message)


def test_settings_without_a_seed(packages: Any, cli: Cli, tmp_path: Path) -> None:
    packages.edit_card(packages.lora, lambda card: card.update(settings={}))
    refused(packages[packages.lora], cli, tmp_path, "its settings have no seed")


def test_a_mixer_of_modules_that_are_not_there(packages: Any, cli: Cli, tmp_path: Path) -> None:
    packages.edit_card(packages.fuse, lambda card: card["composition"].update(mixer="low_rank", rank=10**9))
    refused(packages[packages.fuse], cli, tmp_path, "fuse does not take rank: 1000000000")


def test_a_needed_package_that_needs_itself(packages: Any, cli: Cli, tmp_path: Path) -> None:
    def change(card: dict[str, Any]) -> None:
        card["pieces"][0]["package"] = packages.lora

    packages.edit_card(packages.lora, change)
    code, _, err = cli("pull", packages[packages.lora], "--to", tmp_path / "pulled")
    assert code == 2
    assert "needs itself" in err


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from texts(one)


def test_a_card_names_its_files_and_no_other_place(packages: Any) -> None:
    for name in (packages.lora, packages.bn, packages.fuse):
        folder = packages[name]
        card = json.loads((folder / "transfer_card.json").read_text())
        there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
        assert set(card["files"]) == there - {"transfer_card.json", "README.md"}
        slashed = {text for text in texts(card) if "/" in text or "\\" in text}
        assert {text for text in slashed if not text.startswith("sandbox/")} <= set(card["files"])


class TestFuzz:
    """Whatever a card, a config or a file says, verify says what is wrong with it, and nothing else happens."""

    @settings(max_examples=120)
    @given(data=st.data())
    def test_cards(self, fuzzed: Any, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([fuzzed.lora, fuzzed.bn, fuzzed.fuse]))
        card = fuzzed.card(name)
        for _ in range(data.draw(st.integers(1, 2))):
            change(card, data)
        with mended(fuzzed[name] / "transfer_card.json"):
            fuzzed.write_card(name, card)
            told(fuzzed[name])

    @settings(max_examples=120)
    @given(data=st.data())
    def test_configs(self, fuzzed: Any, data: st.DataObject) -> None:
        name, file = data.draw(
            st.sampled_from(
                [
                    (fuzzed.lora_nli, "adapter_config.json"),
                    (fuzzed.lora_nli, "head_config.json"),
                    (fuzzed.bn_nli, "adapterhub/adapter_config.json"),
                    (fuzzed.bn_nli, "adapterhub/head_config.json"),
                ]
            )
        )
        path = fuzzed[name] / file
        values = json.loads(path.read_text())
        change(values, data)
        with mended(path, fuzzed[name] / "transfer_card.json"):
            path.write_text(json.dumps(values))
            fuzzed.seal(name)
            told(fuzzed[name])


@contextmanager
def mended(*files: Path) -> Iterator[None]:
    """Give files back what they had before."""
    kept = [(file, file.read_bytes()) for file in files]
    try:
        yield
    finally:
        for file, content in kept:
            file.write_bytes(content)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.sampled_from([10**6, 10**9, 10**30, -(10**9), 2**63, 0.5, -1.5, 1e-9, 1e9, 1e300]),
    st.sampled_from(
        ["", "x", "target", "intermediate", "lora", "dora", "ia3", "bottleneck", "peft", "../x", "all", "top-9"]
    ),
    st.sampled_from(["stack", "merge", "fuse", "route", "warm", "phatgoose", "gated", "attention", "low_rank", "mlm"]),
    st.lists(st.integers(-1, 5), max_size=3),
    st.dictionaries(st.sampled_from(["name", "x", "rank", "B", "r", "q"]), st.integers(-1, 5), max_size=2),
)


def change(value: Any, data: st.DataObject) -> None:
    """Change something anywhere in a JSON value: replaced by something odd, removed, or a sibling's."""
    while True:
        names = sorted(value) if isinstance(value, dict) else list(range(len(value)))
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        inner = value[name]
        if isinstance(inner, (dict, list)) and inner and data.draw(st.integers(0, 5)):
            value = inner
            continue
        how = data.draw(st.sampled_from(["odd", "odd", "odd", "remove", "sibling"]))
        if how == "odd":
            value[name] = data.draw(ODD)
        elif how == "remove":
            del value[name]
        else:
            value[name] = value[data.draw(st.sampled_from(names))]
        return


def told(folder: Path) -> None:
    """Hold verify to say something."""
    try:
        verdict = verify(folder, checks=WITHOUT_ENCODER)
    except LayoverError:
        return
    assert len(verdict.results) == len(WITHOUT_ENCODER)
