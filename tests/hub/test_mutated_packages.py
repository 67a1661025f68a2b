"""Packages that somebody changed at random: every verb that opens them answers, and no more than that.

LAYOVER_MUTATIONS_SEED says which are tried.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pickle
import random
import shutil
import signal
import struct
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.quick import assert_quick
from tests.thorough import count

from layover.cli.main import main

SHIPPED = Path(__file__).resolve().parents[2] / "adapters_hub_export"
NAMES = sorted(path.parent.name for path in SHIPPED.glob("*/transfer_card.json"))
COUNT = count(30, 1_000)
SEED = int(os.environ.get("LAYOVER_MUTATIONS_SEED", "0"))
CARD = "transfer_card.json"
STACKED, BELOW = "mini-stack-sandbox-nli-sandbox-paraphrase-s1", "mini-stack-sandbox-nli-s1"
MOST_SECONDS, HANGS_SECONDS = 5.0, 120
"""Of processor time, and of the clock: others may use the machine, too."""
MOST_SAID = 20_000
"""Characters of an answer: no stranger's text comes whole to the terminal."""

TEXTS = (
    *("", "\x1b[2J\x1b]0;x\x07", "\x9b31m", "a\rb\x08", "x\u202etxt.exe", "\u2066\u2028\u2029", "\ud800", "[red]x[/]"),
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../b",
        "C:\\x",
        "CON",
        "~/x",
        "$(id)",
        "=1+1",
        "---\nx: 1",
        "x" * 100_000,
    ),
    *("peft", "lora", "sandbox/mini", "org/name", "0" * 64, "no\0byte", "(a+)+$", "😀", "e\u0301", "nan", "None"),
)
VALUES: tuple[object, ...] = (
    *TEXTS,
    *(None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e308, 1e-308, 2**31, 2**63, -(2**63), 10**400),
    *([], {}, [[]], [None], {"a": {"b": {}}}, ["x"] * 1000, {str(number): number for number in range(1000)}),
)


def deep(levels: int) -> object:
    found: object = 1
    for _ in range(levels):
        found = [found]
    return found


class Case:
    """One package, with those beside it, and what is done to it.

    Args:
        root: An empty folder.
        number: Of the case; decides all of it.
    """

    def __init__(self, root: Path, number: int) -> None:
        self.chance = random.Random(f"{SEED} {number}")  # noqa: S311
        self.root, self.name = root, self.chance.choice(NAMES)
        self.folder = root / "packages" / self.name
        card = json.loads((SHIPPED / self.name / CARD).read_text(encoding="utf-8"))
        needed = {piece["package"] for piece in card["pieces"]} - {None}
        for name in {self.name, *needed}:
            shutil.copytree(SHIPPED / name, root / "packages" / name)
        if (self.folder / "adapterhub").is_dir():
            self._add_pickles()
        for name in ("work", "outside"):
            (root / name).mkdir()
        (root / "outside" / "secret.json").write_text('{"secret": 1}', encoding="utf-8")
        self.told: list[str] = []

    def _add_pickles(self) -> None:
        """Make the package one of version 0.1."""
        card = json.loads((self.folder / CARD).read_text(encoding="utf-8"))
        for name in ("pytorch_adapter.bin", "pytorch_model_head.bin"):
            (self.folder / "adapterhub" / name).write_bytes(b"x" * 1000)
            card["files"][f"adapterhub/{name}"] = hashlib.sha256(b"x" * 1000).hexdigest()
        (self.folder / CARD).write_text(json.dumps(card), encoding="utf-8")

    def mutate(self) -> None:
        """Change something, and mostly make the hashes of the card those of the files, as a stranger would."""
        for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
            change = self.chance.choice(CHANGES)
            self.told.append(change.__name__)
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):  # an earlier change is in its way
                change(self)
        if self.chance.random() < 0.7:
            self.seal()

    def seal(self) -> None:
        """Make the hashes on the card those of the files."""
        self.told.append("sealed")
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            card = json.loads(text_of(self.folder / CARD))
            for name in card["files"]:
                file = self.folder / name
                if file.is_file() and not file.is_symlink():
                    card["files"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
            (self.folder / CARD).write_text(json.dumps(card), encoding="utf-8")

    def file(self, *endings: str) -> Path:
        """Return one of the package's files with such an ending."""
        every = sorted(path for path in self.folder.rglob("*") if path.is_file() or path.is_symlink())
        return self.chance.choice([path for path in every if path.name.endswith(endings)])


def text_of(file: Path) -> str:
    """Return what is in an ordinary file: nobody writes into a pipe that an earlier change made."""
    if not file.is_file():
        raise FileNotFoundError(file)
    return file.read_text(encoding="utf-8")


Change = Callable[[Case], object]
CHANGES: list[Change] = []


def change(function: Change) -> Change:
    CHANGES.append(function)
    return function


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from places(value[key])


def json_file(case: Case) -> tuple[Path, Any]:
    """Return one of its JSON files, mostly the card, with what is in it."""
    file = case.folder / CARD if case.chance.random() < 0.6 else case.file(".json")
    return file, json.loads(text_of(file))


def replaced(case: Case, edit: Callable[[Any, Any], None]) -> None:
    file, values = json_file(case)
    holder, key = case.chance.choice(list(places(values)))
    edit(holder, key)
    file.write_text(json.dumps(values), encoding="utf-8")


@change
def another_value(case: Case) -> None:
    replaced(case, lambda holder, key: holder.__setitem__(key, case.chance.choice(VALUES)))


@change
def a_value_like_it(case: Case) -> None:
    def edit(holder: Any, key: Any) -> None:
        value = holder[key]
        if isinstance(value, bool) or value is None:
            holder[key] = not value
        elif isinstance(value, int | float):
            holder[key] = case.chance.choice([value + 1, value - 1, value * 2, -value, value + 0.5, str(value)])
        elif isinstance(value, str):
            holder[key] = case.chance.choice([value + "\x1b[0m", value[:-1], value.upper(), [value], value * 2])
        elif isinstance(value, list):
            holder[key] = case.chance.choice([value[:-1], value * 2, value[::-1], {"a": value}])
        else:
            holder[key] = list(value.items())

    replaced(case, edit)


@change
def nothing_there(case: Case) -> None:
    replaced(case, lambda holder, key: holder.__delitem__(key))


@change
def one_more(case: Case) -> None:
    def edit(holder: Any, key: Any) -> None:
        value = case.chance.choice(VALUES)
        if isinstance(holder, dict):
            holder[case.chance.choice(TEXTS)] = value
        else:
            holder.append(value)

    replaced(case, edit)


@change
def nested_deeply(case: Case) -> None:
    replaced(case, lambda holder, key: holder.__setitem__(key, deep(case.chance.choice((40, 500)))))


@change
def no_json(case: Case) -> None:
    file, _ = json_file(case)
    text = file.read_bytes()
    at = case.chance.randrange(len(text))
    junk = (b"\xff\xfe", b"NaN", b"Infinity", b'"\\ud800"', b"\0", b"[" * 5000, b'{"a":1,"a":2}', b"1e999", b"9" * 5000)
    file.write_bytes(text[:at] + case.chance.choice(junk) + text[at + case.chance.choice((0, 1, 20)) :])


@change
def cut_off(case: Case) -> None:
    file = case.file(".json", ".safetensors", ".bin", ".md")
    content = file.read_bytes()
    file.write_bytes(content[: case.chance.randrange(len(content))])


@change
def bits_turned(case: Case) -> None:
    file = case.file(".safetensors", ".bin", ".png")
    content = bytearray(file.read_bytes())
    for _ in range(case.chance.choice((1, 3, 20))):
        content[case.chance.randrange(min(len(content), case.chance.choice((16, 2000, 10**9))))] ^= (
            1 << case.chance.randrange(8)
        )
    file.write_bytes(content)


@change
def another_header(case: Case) -> None:
    file = case.file(".safetensors")
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    name = case.chance.choice([one for one in header if one != "__metadata__"])
    entry = header[name]
    kind = case.chance.randrange(7)
    if kind == 0:
        entry["shape"] = case.chance.choice([[2**40], [2**40, 2**40], [0], [], [-1, 4], [1.5], ["4"], None, [4] * 40])
    elif kind == 1:
        entry["dtype"] = case.chance.choice(["F64", "I8", "BOOL", "F8_E4M3", "\x1b[2J", None, 4])
    elif kind == 2:
        entry["data_offsets"] = case.chance.choice([[0, 2**60], [-4, 0], [8, 4], [0], None, [0, 0], [2**62, 2**63]])
    elif kind == 3:
        header[case.chance.choice([*TEXTS[:8], "x" * 5000, name + "\u202e"])] = header.pop(name)
    elif kind == 4:
        del header[name]
    elif kind == 5:
        header["__metadata__"] = case.chance.choice([{"format": "\x1b[2J"}, {"a": 1}, [], "pt", {"x": "y" * 10**6}])
    else:
        other = case.chance.choice([one for one in header if one != "__metadata__"])
        header[name], header[other] = header[other], header[name]
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


@change
def a_wrong_length(case: Case) -> None:
    file = case.file(".safetensors")
    length = case.chance.choice((0, 1, 7, 2**32, 2**63, 2**64 - 1))
    file.write_bytes(struct.pack("<Q", length) + file.read_bytes()[8:])


@change
def numbers_that_are_none(case: Case) -> None:
    file = case.file(".safetensors")
    content = bytearray(file.read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    at = begin + 4 * case.chance.randrange((len(content) - begin) // 4)
    content[at : at + 4] = struct.pack("<f", case.chance.choice((float("nan"), float("inf"), -3e38, 1e-45)))
    file.write_bytes(content)


@change
def a_file_of_another(case: Case) -> None:
    file = case.file(".json", ".safetensors", ".bin")
    others = sorted(path for path in SHIPPED.glob(f"*/**/{file.name}") if path.parent.name != case.name)
    file.write_bytes(case.chance.choice(others).read_bytes())


@change
def files_exchanged(case: Case) -> None:
    one, other = case.file(".json", ".safetensors"), case.file(".json", ".safetensors", ".md")
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


@change
def another_page(case: Case) -> None:
    page = case.folder / "README.md"
    text = case.chance.choice((b"\xff\xfe\0", b"---\n&a [*a]\n---\n", b"\x1b[2J" * 100, b"x" * (3 * 2**20), b""))
    page.write_bytes(text)


@change
def another_kind_of_file(case: Case) -> None:
    file = case.file(".json", ".safetensors", ".bin", ".md", ".png")
    content = file.read_bytes()
    file.unlink()
    kind = case.chance.randrange(6)
    if kind == 0:
        file.symlink_to(case.root / "outside" / "secret.json")
    elif kind == 1:
        file.symlink_to("nowhere")
    elif kind == 2:
        os.mkfifo(file)
    elif kind == 3:
        file.mkdir()
    elif kind == 4:
        (case.root / "outside" / file.name).write_bytes(content)
        file.symlink_to(case.root / "outside" / file.name)
    else:
        file.symlink_to(file.name)


class Program:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


@change
def a_program(case: Case) -> None:
    content = pickle.dumps(Program(case.root / "outside" / "ran"))
    name = case.chance.choice(("adapter_model.bin", "pytorch_adapter.bin", "adapterhub/pytorch_adapter.bin", "x.pt"))
    target = case.folder / name if case.chance.random() < 0.7 else case.file(".safetensors", ".bin")
    target.write_bytes(content)


@change
def a_file_more(case: Case) -> None:
    name = case.chance.choice(
        ("x.py", "\x1b[2J.txt", "a\nb.json", "\u202egnp.exe", ".hidden", "config.json", "é", "__init__.py")
    )
    (case.folder / name).write_text("import os", encoding="utf-8")


@change
def a_folder_more(case: Case) -> None:
    name = case.chance.choice(("sub", "adapterhub", "__pycache__", "\x1b[1m", "checkpoint-1"))
    (case.folder / name).mkdir(exist_ok=True)
    (case.folder / name / "adapter_config.json").write_text("{}", encoding="utf-8")


@change
def a_file_less(case: Case) -> None:
    case.file(".json", ".safetensors", ".bin", ".md").unlink()


@change
def no_card(case: Case) -> None:
    (case.folder / CARD).unlink()


@change
def no_partner(case: Case) -> None:
    for other in (case.root / "packages").iterdir():
        if other.name != case.name:
            shutil.rmtree(other)


Verb = Callable[[Case], list[str]]

ROW = json.dumps(
    {
        "text": "a b",
        "first": "a",
        "second": "b",
        "tokens": ["a"],
        "choices": ["a", "b"],
        "question": "a",
        "context": "b",
    }
)


def verify(case: Case) -> list[str]:
    return ["verify", str(case.folder), *(["--json"] if case.chance.random() < 0.3 else [])]


def predict(case: Case) -> list[str]:
    return ["predict", ROW, "--package", str(case.folder), *(["--no-check"] if case.chance.random() < 0.3 else [])]


def pull(case: Case) -> list[str]:
    return [
        "pull",
        str(case.folder),
        "--to",
        str(case.root / "to"),
        *(["--json"] if case.chance.random() < 0.3 else []),
    ]


def pull_an_archive(case: Case) -> list[str]:
    archive = case.root / "packages" / "one.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in sorted(case.folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                stream.write(path, str(Path(case.name) / path.relative_to(case.folder)))
        for name in case.chance.sample(("../evil", "/evil", "a/../../evil", "\x1b[2J", "x\\y", "C:evil", "a" * 300), 2):
            if case.chance.random() < 0.3:
                stream.writestr(name, "evil")
    if case.chance.random() < 0.3:
        content = bytearray(archive.read_bytes())
        content[case.chance.randrange(len(content))] ^= 255
        archive.write_bytes(content)
    return ["pull", str(archive), "--to", str(case.root / "to")]


RECIPE = """\
schema: 1
name: imports
models: {mini: {name: sandbox/mini}}
methods: {stack: {module: lora, compose: stack}, warm: {module: bottleneck, compose: warm}}
modules: {theirs: {path: PATH}}
tasks: {sandbox/paraphrase: {limit: {train: 4, validation: 4, test: 4}}}
sweep: {model: [mini], method: [stack, warm], intermediate: [theirs], target: [sandbox/paraphrase], seed: [1]}
eval: {languages: [en]}
"""


def imported(case: Case) -> list[str]:
    recipe = case.root / "packages" / "recipe.yaml"
    inner = case.folder / "adapterhub"
    place = inner if inner.is_dir() and case.chance.random() < 0.5 else case.folder
    if place is case.folder and case.chance.random() < 0.4 and not (place / CARD).is_dir():
        (place / CARD).unlink(missing_ok=True)  # then it is a module of peft
    recipe.write_text(RECIPE.replace("PATH", json.dumps(str(place))), encoding="utf-8")
    return ["plan", str(recipe), "--store", str(case.root / "store")]


VERBS: tuple[Verb, ...] = (verify, predict, pull, pull_an_archive, imported)


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[object, str, float]:
    """Return exit code, all that was printed, and seconds of processor time."""
    monkeypatch.setattr(sys, "argv", ["layover", *arguments])
    out, err = io.StringIO(), io.StringIO()
    started, code = time.process_time(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return code, out.getvalue() + err.getvalue(), time.process_time() - started


def outside(root: Path) -> dict[str, str]:
    """Return what lies where nothing may be written, by path."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(("to/", "store/")):
            plain = path.is_file() and not path.is_symlink()
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if plain else str(path.lstat().st_mode)
    return found


@contextlib.contextmanager
def clock(seconds: int) -> Iterator[None]:
    """End what hangs."""

    def end(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"no answer in {seconds} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Import what the verbs import, so that no case pays for it."""
    with contextlib.redirect_stdout(io.StringIO()), pytest.MonkeyPatch.context() as patch:
        code, said, _ = run(["verify", str(SHIPPED / NAMES[0])], patch)
    assert code == 0, said


@pytest.mark.parametrize("number", range(COUNT))
def test_a_mutated_package_is_answered(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    case = Case(tmp_path, number)
    case.mutate()
    arguments = VERBS[number % len(VERBS)](case)
    (tmp_path / "to").mkdir()
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    before = outside(tmp_path)
    with clock(HANGS_SECONDS):
        code, said, seconds = run(arguments, monkeypatch)
    about = f"{case.name}: {' '.join(case.told)}: {arguments}\n{said[:2000]}"
    assert code in {0, 1, 2}, about
    assert "Traceback" not in said, about
    assert {one for one in said if not one.isprintable()} <= {"\n", "\u200c", "\u200d"}, about
    assert 0 < len(said) < MOST_SAID, about
    assert outside(tmp_path) == before, about
    assert_quick(seconds, MOST_SECONDS, about)
    if code and arguments[0] == "pull":
        assert list((tmp_path / "to").iterdir()) == [], about


def test_packages_as_they_were_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is mutated is whole before, so that a refusal is that of a mutation."""
    (tmp_path / "to").mkdir()
    (tmp_path / "store").mkdir()
    case = Case(tmp_path, 0)
    for verb in VERBS[:3]:
        arguments = verb(case)
        code, said, _ = run(arguments, monkeypatch)
        assert code == 0, said


def test_a_missing_partner_is_told_before_the_encoder_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from layover.inference import served

    def load(*_: object) -> None:
        raise AssertionError("the encoder was loaded")

    monkeypatch.setattr(served.BaseEncoder, "load", load)
    shutil.copytree(SHIPPED / STACKED, tmp_path / STACKED)
    code, said, _ = run(["predict", ROW, "--package", str(tmp_path / STACKED)], monkeypatch)
    assert code == 2
    assert f"needs the package {BELOW} (weights " in said
    assert "put its folder next to this one, or name it (--with, others)" in said


HUGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "title": lambda card: card.update(title="x" * 3_000_000),
    "task": lambda card: card["task"].update(name="x" * 500_000),
    "trained on": lambda card: [piece.update(trained_on=["a", "b" * 1000] * 10_000) for piece in card["pieces"]],
    "columns": lambda card: card["task"].update(columns={"first": ["x" * 1000] * 1000, "second": "y", "label": "z"}),
    "keys": lambda card: card.update({f"new {number}": 1 for number in range(60_000)}),
    "long keys": lambda card: card.update({f"{number}" + "k" * 100_000: 1 for number in range(20)}),
    "files": lambda card: card["files"].update({f"{number}.json": "0" * 64 for number in range(20_000)}),
    "needs": lambda card: card["files"].update({f"../{number}": number for number in range(20_000)}),
    "labels": lambda card: card["task"].update(labels=[f"label {number}" for number in range(50_000)]),
}


@pytest.mark.parametrize("what", HUGE)
def test_huge_texts_of_a_card_are_told_in_a_few_lines(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    shutil.copytree(SHIPPED / STACKED, tmp_path / STACKED)
    card = json.loads((tmp_path / STACKED / CARD).read_text(encoding="utf-8"))
    HUGE[what](card)
    (tmp_path / STACKED / CARD).write_text(json.dumps(card), encoding="utf-8")
    folder = str(tmp_path / STACKED)
    for arguments in (
        ["pull", folder, "--to", str(tmp_path / "to")],
        ["verify", folder],
        ["predict", '{"a": 1}', "--package", folder],
    ):
        code, said, seconds = run(arguments, monkeypatch)
        assert code in {1, 2}
        assert 0 < len(said) < MOST_SAID, (arguments, len(said))
        assert max(map(len, said.splitlines())) < 2000
        assert_quick(seconds, MOST_SECONDS)


@pytest.mark.parametrize("library", ["peft", "adapters"])
def test_a_config_of_a_library_with_very_many_keys(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module").mkdir()
    many = {f"new {number}": "x" * 30 for number in range(60_000)}
    of_adapters = {
        "config": many,
        "model_class": "XLMRobertaAdapterModel",
        "model_type": "roberta",
        "version": "adapters.1.3.0",
        "name": "one",
    }
    values = {"peft_type": "LORA", **many} if library == "peft" else of_adapters
    (tmp_path / "module" / "adapter_config.json").write_text(json.dumps(values), encoding="utf-8")
    name = "adapter_model.safetensors" if library == "peft" else "adapter.safetensors"
    shutil.copy(SHIPPED / STACKED / "adapter_model.safetensors", tmp_path / "module" / name)
    code, said, _ = run(["pull", str(tmp_path / "module"), "--to", str(tmp_path / "to")], monkeypatch)
    assert code == 2
    assert len(said) < MOST_SAID
    assert "and 59,9" in said or "and 60,0" in said
    assert len(said.splitlines()) < 20


def test_every_change_changes_something(tmp_path: Path) -> None:
    for place, change in enumerate(CHANGES):
        done = False
        for number in range(20):
            case = Case(tmp_path / f"{place}-{number}", number)
            before = outside(case.root)
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
                change(case)
            done = done or outside(case.root) != before
            if done:
                break
        assert done, change.__name__
