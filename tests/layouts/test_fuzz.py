"""Files that are broken at random: either they are refused in one sentence, or what is read is what the libraries read.

A few examples, the same in every run. With LAYOVER_FUZZ_SECONDS each test goes on with new ones for so long, in seconds
of the processor, and leaves the smallest input that breaks it in LAYOVER_FUZZ_FOUND. What such runs found lies in
`corpus`, and is tried every time.
"""

from __future__ import annotations

import copy
import json
import math
import os
import random
import signal
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save_file
from tests.thorough import count

from layover import layouts, modules
from layover.errors import MOST_MISTAKES, MistakesError, ModelError
from layover.files.safe import header, parse_json, tensors
from layover.layouts import CONFIG, Base, StoredModule
from layover.modules import INNER, LINEARS

try:
    import adapters
except ImportError:
    adapters = None

SECONDS = float(os.environ.get("LAYOVER_FUZZ_SECONDS", "0"))
FOUND = Path(os.environ.get("LAYOVER_FUZZ_FOUND", "fuzz-found"))
CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = count(60, 1_000)
LONGEST = 20
"""Seconds of the processor that one example may take."""

LORA, DORA, IA3, BOTTLENECK = (modules.get(name) for name in ("lora", "dora", "ia3", "bottleneck"))
EVERYWHERE = tuple(LINEARS)
PATTERNS = ({"target": ("query",), "layers": (1,), "rank": 3, "alpha": 2.0},)
MODULES = {
    "lora": ("peft", LORA(rank=2, alpha=4.0)),
    "patterns": ("peft", LORA(rank=2, target=EVERYWHERE, patterns=PATTERNS)),
    "some": ("peft", LORA(rank=2, target=("output",), layers=(1,), rslora=True)),
    "dora": ("peft", DORA(rank=2, target=("key", "output"))),
    "ia3": ("peft", IA3()),
    "pfeiffer": ("adapterhub", BOTTLENECK(reduction=4)),
    "houlsby": ("adapterhub", BOTTLENECK(placement="houlsby", reduction=2, activation="swish", layers=(0,))),
    "parallel": ("adapterhub", BOTTLENECK(placement="parallel", reduction=4)),
    "hub-lora": ("adapterhub", LORA(rank=2, alpha=4.0, target=("query", "output"))),
}


def fuzzed(check: Callable[..., None], record: Callable[[str, object], None], **strategies: Any) -> None:
    """Try a check on examples: a few that are always the same, or new ones for as long as was asked for."""
    count = 0

    def counted(**drawn: Any) -> None:
        nonlocal count
        count += 1
        with in_time():
            check(**drawn)

    usual = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
    if not SECONDS:
        same = settings(max_examples=EXAMPLES, derandomize=True, phases=[Phase.generate, Phase.shrink], **usual)
        same(given(**strategies)(counted))()
    until = time.process_time() + SECONDS
    while time.process_time() < until:
        new = settings(max_examples=500, **usual)
        # hypothesis marks what it is given, and takes nothing twice
        seed(random.getrandbits(64))(new(given(**strategies)(lambda **drawn: counted(**drawn))))()  # noqa: PLW0108
    record("examples", count)


@contextmanager
def in_time() -> Iterator[None]:
    """Break off what hangs."""

    def told(*_: object) -> None:
        raise AssertionError(f"it took more than {LONGEST} seconds")

    before = signal.signal(signal.SIGPROF, told)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def kept(name: str, **files: bytes) -> Iterator[None]:
    """Leave the files that break something; of several the last, which is the smallest."""
    try:
        yield
    except Exception:
        if SECONDS:
            for file, content in files.items():
                (FOUND / name).mkdir(parents=True, exist_ok=True)
                (FOUND / name / file).write_bytes(content)
        raise


# what is broken


def bits(draw: Any, content: bytes) -> bytes:
    """Flip bits, cut, repeat, or put other bytes in."""
    if not content:
        return content
    at = draw(st.integers(0, len(content) - 1))
    kind = draw(st.sampled_from(["flip", "cut", "drop", "repeat", "insert", "swap"]))
    end = draw(st.integers(at, min(len(content), at + 40)))
    made = {
        "flip": lambda: content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :],
        "cut": lambda: content[:at],
        "drop": lambda: content[:at] + content[end:],
        "repeat": lambda: content[:end] + content[at:],
        "insert": lambda: content[:at] + draw(st.binary(max_size=9)) + content[at:],
        "swap": lambda: content[end:] + content[:end],
    }
    return made[kind]()


VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 0.5, 2.0, -0.0, 1e308, 5e-324, 2**31, 2**63, 10**400),
    *("", "x", ".*", "(", "\\", "{}", "a" * 5000, "\ud800", "é\n", [], {}, [0], [0, 1], [1, 1], [[]], [{}], [None]),
    *("query", "dense", "output.dense", "all-linear", "none", "default", "(.|.)*!", ["query", "value"], ["dense"]),
    *(
        {"": 1},
        {"query": 2},
        {"query": None},
        {"default": 4},
        ["q", "k", "v"],
        ["classifier"],
        r".*\.(key|output\.dense)",
    ),
    *("relu", "swish", "pfeiffer", "lora", "LORA", "IA3", "xlm-roberta", "adapters.1.0.1", 4, 8, 16, 1.0, 4.0),
]
NAMES = [
    *("r", "lora_alpha", "rank_pattern", "alpha_pattern", "target_modules", "exclude_modules", "use_dora", "bias"),
    *("use_rslora", "peft_type", "layers_to_transform", "layers_pattern", "modules_to_save", "feedforward_modules"),
    *("init_lora_weights", "fan_in_fan_out", "model_type", "model_class", "hidden_size", "name", "version", "config"),
    *("reduction_factor", "non_linearity", "scaling", "mh_adapter", "is_parallel", "original_ln_before", "alpha"),
    *("attn_matrices", "selfattn_lora", "output_lora", "intermediate_lora", "architecture", "phm_layer", "leave_out"),
    *("", "é", "not_yet_invented"),
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container of a document, with every key in it."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += [(value, key), *places(inner)]
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += [(value, index), *places(inner)]
    return found


def edited(draw: Any, text: bytes) -> bytes:
    """Edit a JSON document as a document."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    there = places(document)
    if not there:
        return text
    container, key = draw(st.sampled_from(there))
    kind = draw(st.sampled_from(["value", "other", "drop", "rename", "add", "number", "twice"]))
    if kind == "value":
        container[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    elif kind == "other":
        other, inner = draw(st.sampled_from(there))
        container[key] = other[inner]
        if container[key] is container:
            return text
    elif kind == "drop":
        del container[key]
    elif kind == "number" and isinstance(container[key], (int, float)):
        container[key] = draw(st.sampled_from([container[key] * 2, container[key] + 1, -container[key], 1.5]))
    elif isinstance(container, dict) and kind == "rename":
        container[draw(st.sampled_from(NAMES))] = container.pop(key)
    elif isinstance(container, dict) and kind == "add":
        container[draw(st.sampled_from(NAMES))] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    try:
        changed = json.dumps(document).encode()
    except ValueError:  # it holds itself
        return text
    return changed[:-1] + b', "r": 2}' if kind == "twice" else changed


PIECES = [
    *("query", "key", "value", "output", "attention", "intermediate", "dense", "layer.0", "layer.1", "layer.2"),
    *("roberta.", "bert.", "base_model.model.", "encoder.", "lora_A", "lora_B", "lora_magnitude_vector", "ia3_l"),
    *("weight", "bias", "loras", "adapters", "one", "two", "adapter_up", "adapter_down.0", "classifier", "pooler"),
    *("layer.01", "self.", "", "."),
]


def reheaded(draw: Any, content: bytes) -> bytes:
    """Edit the header of a safetensors file, and leave it a header."""
    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= len(content) - 8:
        return content
    try:
        entries = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError):
        return content
    if not isinstance(entries, dict) or not entries:
        return content
    kind = draw(st.sampled_from(["rename", "rename-all", "json", "swap", "drop", "dtype", "reshape"]))
    name, other = (draw(st.sampled_from(sorted(entries))) for _ in range(2))
    old, new = draw(st.sampled_from(PIECES[:-2])), draw(st.sampled_from(PIECES))
    data = content[8 + length :]
    if kind == "rename":
        entries[name.replace(old, new)] = entries.pop(name)
    elif kind == "rename-all":
        entries = {one.replace(old, new): entry for one, entry in entries.items()}
    elif kind == "swap":
        entries[name], entries[other] = entries[other], entries[name]
    elif kind == "json":
        entries = json.loads(edited(draw, json.dumps(entries).encode()))
    else:
        entry = entries[name]
        if not isinstance(entry, dict) or not isinstance(entry.get("shape"), list):
            return content
        if kind == "drop":
            del entries[name]
        elif kind == "dtype":
            entry["dtype"] = draw(st.sampled_from(["F32", "F16", "BF16", "F64", "I32", "f32", ""]))
        else:
            entry["shape"] = draw(
                st.sampled_from([entry["shape"][::-1], [*entry["shape"], 1], entry["shape"][:1], [1, 8]])
            )
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


def grown(draw: Any, content: bytes) -> bytes:
    """Write other tensors, so that the file is a whole one."""
    try:
        found = torch_read(content)
    except (SafetensorError, ValueError):
        return content
    if not found:
        return content
    name = draw(st.sampled_from(sorted(found)))
    kind = draw(st.sampled_from(["drop", "add", "transpose", "half", "nan", "wider", "copy"]))
    value = found[name]
    if kind == "drop":
        del found[name]
    elif kind == "add":
        found[name + draw(st.sampled_from(["2", ".weight", ".default"]))] = value
    elif kind == "transpose" and value.dim() == 2:
        found[name] = value.t()
    elif kind == "half":
        found = {one: other.to(draw(st.sampled_from([torch.float16, torch.bfloat16]))) for one, other in found.items()}
    elif kind == "nan":
        found[name] = torch.full(value.shape, draw(st.sampled_from([math.nan, math.inf, 1e-3])))
    elif kind == "wider":
        found[name] = torch.cat((value, value))
    else:
        old, new = draw(st.sampled_from(PIECES[:-2])), draw(st.sampled_from(PIECES))
        found |= {one.replace(old, new): other for one, other in found.items()}
    return torch_written(found)


def torch_read(content: bytes) -> dict[str, torch.Tensor]:
    from safetensors.torch import load

    return dict(sorted(load(content).items()))  # it gives them in any order


def torch_written(values: dict[str, torch.Tensor]) -> bytes:
    from safetensors.torch import save

    return save({name: value.contiguous().clone() for name, value in values.items()})


@st.composite
def broken(draw: Any, config: bytes, weights: bytes) -> tuple[bytes, bytes]:
    """Return a config and a file of weights with something wrong in either, or in both."""
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["edit", "edit", "config-bits", "head", "head", "grow", "bits"]))
        if kind == "edit":
            config = edited(draw, config)
        elif kind == "config-bits":
            config = bits(draw, config)
        elif kind == "head":
            weights = reheaded(draw, weights)
        elif kind == "grow":
            weights = grown(draw, weights)
        else:
            weights = bits(draw, weights)
    return config, weights


# what is held against it


def refused_or(read: Callable[[], Any]) -> Any:
    """Return what comes of it, None when it is refused as it should be."""
    try:
        return read()
    except ModelError as error:
        told, whole = error.mistakes if isinstance(error, MistakesError) else (str(error),), str(error)
        assert whole == "\n".join(told)
        assert len(told) <= MOST_MISTAKES + 1
        for message in told:
            assert "\n" not in message
            assert message.encode("utf-8")
            assert len(message) < 1500
        return None


def same_weights(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name].float().reshape(value.shape)), name


def check_header(content: bytes, folder: Path) -> None:
    file = folder / "x"
    file.write_bytes(content)
    with kept("header", bytes=content):
        entries, found = refused_or(lambda: header(file)), refused_or(lambda: tensors(file))
        assert entries is not None or found is None
        if found is not None:
            theirs = load_file(file)
            assert {name: entry.shape for name, entry in entries.items()} == {
                name: tuple(value.shape) for name, value in theirs.items()
            }
            same_weights(found, theirs)


def check_json(content: bytes) -> None:
    with kept("json", bytes=content):
        found = refused_or(lambda: parse_json(content, "here"))
        if found is not None:
            assert json.loads(content) == found
            assert json.dumps(found, allow_nan=False)


def check_folder(name: str, files: tuple[bytes, bytes], folder: Path, sample: Any, originals: dict[str, Any]) -> None:
    layout, original, (config, weights) = MODULES[name][0], originals[name], files
    (folder / CONFIG).write_bytes(config)
    (folder / layouts.get(layout).file).write_bytes(weights)
    with kept(name, config=config, weights=weights):
        found = refused_or(lambda: layouts.read(folder, sample.base))
        values = None if found is None else refused_or(found.weights)
        if values is not None:
            mine = meaning(found, values, sample.base)
            if mine != original and layout in JUDGES:
                assert mine == JUDGES[layout](folder, found, sample)


Meaning = dict[str, tuple[object, ...]]


def meaning(found: StoredModule, values: dict[str, torch.Tensor], base: Base) -> Meaning:
    """Return of every weight the place, how it acts, and its numbers, however the settings are written."""
    meant: Meaning = {}
    module, sites = found.module, found.module.sites(base.shape)
    assert found.names.keys() == values.keys()
    for site in sites:
        acts = how(module, site)
        for name, size in module.weights(site).items():
            value = values[f"{site.name}.{name}"]
            assert tuple(value.shape) == size
            assert bool(value.isfinite().all())
            meant[f"{site.name}.{name}"] = (*acts, value.numpy().tobytes())
    assert meant.keys() == values.keys()
    return meant


def how(module: Any, site: Any) -> tuple[object, ...]:
    if module.name == "bottleneck":
        return (module.name, module.placement, module.activation)
    return (module.name,) if module.name == "ia3" else (module.name, module.scale(site))


NOTHING = {
    *("auto_mapping", "base_model_name_or_path", "ensure_weight_tying", "eva_config", "inference_mode", "peft_version"),
    *(
        "init_ia3_weights",
        "lora_dropout",
        "megatron_core",
        "qalora_group_size",
        "revision",
        "runtime_config",
        "task_type",
    ),
}
"""Settings that decide nothing about finished weights, and at which peft may break off."""
NOTHING_INSIDE = {
    "dropout",
    "init_weights",
    "init_weights_seed",
    "stochastic_depth",
    *modules.get("bottleneck").in_adapters.meaningless,
}


def in_peft(folder: Path, found: StoredModule, sample: Any) -> Meaning:
    """Return what peft makes of a folder."""
    config = json.loads((folder / CONFIG).read_bytes())
    (folder / CONFIG).write_text(json.dumps({name: value for name, value in config.items() if name not in NOTHING}))
    from peft import PeftModel
    from peft.tuners.ia3 import IA3Layer
    from peft.tuners.lora import LoraLayer

    short = not any(".roberta." in theirs for theirs in found.names.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PeftModel.from_pretrained(sample.encoder() if short else sample.with_head(), str(folder))
    named, meant = {path: place for place, path in sample.base.family.linears.items()}, {}
    for path, layer in model.named_modules():
        if not isinstance(layer, (LoraLayer, IA3Layer)):
            continue
        split = sample.base.split(path.removeprefix("base_model.model."))
        assert split is not None, f"peft changes {path}, too"
        place = named[split[1]]
        if isinstance(layer, IA3Layer):
            value = layer.ia3_l["default"].detach()
            place = INNER if layer.is_feedforward else place
            meant[f"layers.{split[0]}.{place}.scale"] = ("ia3", value.numpy().tobytes())
            continue
        weights = {"A": layer.lora_A["default"].weight, "B": layer.lora_B["default"].weight}
        if layer.use_dora["default"]:
            weights["magnitude"] = layer.lora_magnitude_vector["default"].weight
        acts = ("dora" if layer.use_dora["default"] else "lora", layer.scaling["default"])
        for name, value in weights.items():
            meant[f"layers.{split[0]}.{place}.{name}"] = (*acts, value.detach().numpy().tobytes())
    return meant


def in_adapters(folder: Path, found: StoredModule, sample: Any) -> Meaning:
    """Return what adapters makes of a folder; how it acts is seen in the outputs, where numbers are not too large."""
    config = json.loads((folder / CONFIG).read_bytes())
    inside = {name: value for name, value in config["config"].items() if name not in NOTHING_INSIDE}
    (folder / CONFIG).write_text(json.dumps({**config, "config": inside}))
    short = not any(theirs.startswith("roberta.") for theirs in found.names.values())
    model = sample.encoder() if short else sample.with_head()
    adapters.init(model)
    told: dict[str, Any] = {}
    model.load_adapter(str(folder), set_active=True, loading_info=told, use_safetensors=True)
    assert not told["missing_keys"]
    assert not told.get("unexpected_keys")
    values, state = found.weights(), model.eval().state_dict()
    if all(float(value.abs().max()) < 100 for value in values.values()):
        ours = sample.ours(found.module, values)
        torch.testing.assert_close(sample.hidden(model), ours, atol=1e-4, rtol=1e-3)
    read = {own: state[theirs] for own, theirs in found.names.items()}
    return meaning(found, read, sample.base)


JUDGES = {"peft": in_peft} | ({} if adapters is None else {"adapterhub": in_adapters})
"""What says what a folder means; the extra `adapterhub` may not be installed."""


# the tests


@pytest.fixture(scope="module")
def sample(sample_of: Callable[..., Any]) -> Any:
    return sample_of(
        hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=20
    )


@pytest.fixture(scope="module")
def written(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, bytes]]:
    """Name -> config and weights as they are when nothing is wrong."""
    found = {}
    for name, (layout, module) in MODULES.items():
        folder = sample.write(tmp_path_factory.mktemp(name), layout, module, sample.random(module))
        file = folder / layouts.get(layout).file
        if name in {"lora", "pfeiffer"}:  # as they are saved of an encoder without a head
            save_file({key.replace("roberta.", "", 1): value for key, value in load(file.read_bytes()).items()}, file)
        found[name] = ((folder / CONFIG).read_bytes(), file.read_bytes())
    return found


@pytest.fixture(scope="module")
def originals(
    sample: Any, written: dict[str, tuple[bytes, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Meaning]:
    found = {}
    for name, (config, weights) in written.items():
        folder, layout = tmp_path_factory.mktemp(name), MODULES[name][0]
        (folder / CONFIG).write_bytes(config)
        (folder / layouts.get(layout).file).write_bytes(weights)
        read = layouts.read(folder, sample.base)
        found[name] = meaning(read, read.weights(), sample.base)
        assert found[name] == meaning(read, sample.random(MODULES[name][1]), sample.base)
    return found


@pytest.mark.parametrize("name", [name for name, (layout, _) in MODULES.items() if layout == "peft"])
def test_this_is_what_peft_reads(
    name: str, sample: Any, written: dict[str, tuple[bytes, bytes]], originals: dict[str, Meaning], tmp_path: Path
) -> None:
    """The judge of the tests below is right about what is not broken."""
    for file, content in zip((CONFIG, "adapter_model.safetensors"), written[name], strict=True):
        (tmp_path / file).write_bytes(content)
    assert in_peft(tmp_path, layouts.read(tmp_path, sample.base), sample) == originals[name]


@pytest.mark.parametrize("name", [name for name, (layout, _) in MODULES.items() if layout == "adapterhub"])
@pytest.mark.skipif("adapterhub" not in JUDGES, reason="the extra `adapterhub` is not installed")
def test_this_is_what_adapters_reads(
    name: str, sample: Any, written: dict[str, tuple[bytes, bytes]], originals: dict[str, Meaning], tmp_path: Path
) -> None:
    for file, content in zip((CONFIG, "adapter.safetensors"), written[name], strict=True):
        (tmp_path / file).write_bytes(content)
    assert in_adapters(tmp_path, layouts.read(tmp_path, sample.base), sample) == originals[name]


def test_broken_headers(
    written: dict[str, tuple[bytes, bytes]], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    contents = [weights for _, weights in written.values()]

    @st.composite
    def drawn(draw: Any) -> bytes:
        content: bytes = draw(st.sampled_from(contents))
        for _ in range(draw(st.integers(1, 4))):
            content = draw(st.sampled_from([bits, reheaded, grown]))(draw, content)
        return content

    def check(content: bytes) -> None:
        check_header(content, tmp_path)

    fuzzed(check, record_property, content=st.one_of(drawn(), st.binary(max_size=60)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def test_broken_json(written: dict[str, tuple[bytes, bytes]], record_property: Callable[[str, object], None]) -> None:
    contents = [config for config, _ in written.values()]

    @st.composite
    def drawn(draw: Any) -> bytes:
        content: bytes = draw(st.sampled_from(contents) | JSON.map(lambda value: json.dumps({"a": value}).encode()))
        for _ in range(draw(st.integers(0, 4))):
            content = draw(st.sampled_from([bits, edited]))(draw, content)
        return content

    fuzzed(check_json, record_property, content=st.one_of(drawn(), st.binary(max_size=40)))


@pytest.mark.parametrize("name", MODULES)
def test_broken_folders(
    name: str,
    sample: Any,
    written: dict[str, tuple[bytes, bytes]],
    originals: dict[str, Meaning],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    def check(files: tuple[bytes, bytes]) -> None:
        check_folder(name, files, tmp_path, sample, originals)

    fuzzed(check, record_property, files=broken(*written[name]))


@pytest.mark.parametrize("place", sorted(CORPUS.glob("*/*")), ids=lambda place: f"{place.parent.name}-{place.name}")
def test_what_was_found_once(place: Path, sample: Any, originals: dict[str, Meaning], tmp_path: Path) -> None:
    if place.parent.name == "header":
        check_header(place.read_bytes(), tmp_path)
    elif place.parent.name == "json":
        check_json(place.read_bytes())
    else:
        files = ((place / "config").read_bytes(), (place / "weights").read_bytes())
        check_folder(place.parent.name, files, tmp_path, sample, originals)
