"""A small sweep in a folder, its clean report, and faults to do to what it leaves on the disk."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.command import layover

RECIPE = """\
schema: 1
name: faults
models: {{mini: {{name: sandbox/mini}}, one: {{name: {root}/one}}, two: {{name: {root}/two}}}}
data_root: {root}/data
methods:
  stack: {{module: lora, compose: stack, lr: 3e-3, rank: 2}}
  fuse: {{module: lora, compose: {{name: fuse, mixer: gated}}, lr: 3e-3, rank: 2}}
train: {{batch: 8, epochs: 2, max_length: 24, stride: 4, select: null}}
tasks:
  claims: {{kind: classification, labels: [no, yes], text: [text], label: label, files: {{train: claims.jsonl}}}}
  moods: {{kind: classification, labels: [no, yes], text: [text], label: label,
          files: {{train: moods.jsonl, test: {{en: english.jsonl, de: german.jsonl}}}}}}
  tags: {{kind: tagging, labels: from training, files: {{train: tags.conll, test: {{en: tags-test.conll}}}}}}
sweep:
  model: [mini, one, two]
  method: [stack, fuse]
  intermediate: [claims]
  target: [moods, tags]
  seed: [1]
  exclude: [{{model: [one, two], method: fuse}}, {{model: [one, two], target: tags}}, {{method: fuse, target: tags}}]
run: {{workers: 1, threads: 1, device: cpu}}
"""


def sentences(things: list[str], *, turned: bool = False) -> str:
    """Return JSON Lines of one sentence a thing, with a label that its word decides; `turned` gives the other one."""
    lines = []
    for number, thing in enumerate(things):
        good = (number % 2 == 0) != turned
        text = f"the {thing} number {number} is {'here' if number % 2 else 'gone'}"
        lines.append(json.dumps({"text": text, "label": "yes" if good else "no"}))
    return "\n".join(lines) + "\n"


def tagged(things: list[str]) -> str:
    """Return a CoNLL file in which every other word of a sentence is a thing."""
    return "".join(f"the\tO\n{thing}\tB-LOC\nand\tO\nit\tO\n\n" for thing in things)


STATES = ("whole", "unscored", "untrained", "stopped")
"""What of the sweep is there when a fault comes: all of it; not what is predicted and scored; no training of a target,
either; beginnings of those."""


class Sweep:
    """A working folder: data, two encoders that differ in their words, a recipe, and a store."""

    def __init__(self, root: Path) -> None:
        from layover.encoder.initialise import init_encoder

        self.root, self.store, self.recipe = root, root / "store", root / "recipe.yaml"
        data = root / "data"
        data.mkdir(parents=True)
        things = ["tree", "house", "river", "stone", "cat", "dog", "bird", "fish"]
        (data / "claims.jsonl").write_text(sentences(things * 4), encoding="utf-8")
        (data / "moods.jsonl").write_text(sentences(things[::-1] * 4), encoding="utf-8")
        (data / "english.jsonl").write_text(sentences(things[2:]), encoding="utf-8")
        (data / "german.jsonl").write_text(sentences(["Baum", "Haus", "Fluss", "Stein"]), encoding="utf-8")
        (data / "tags.conll").write_text(tagged(things * 2), encoding="utf-8")
        (data / "tags-test.conll").write_text(tagged(things[::2]), encoding="utf-8")
        others = root / "others"
        others.mkdir()
        (others / "words.jsonl").write_text(sentences(["forest", "castle", "horse", "eagle"] * 8), encoding="utf-8")
        for seed, (name, texts) in enumerate((("one", data), ("two", others))):
            init_encoder(root / name, layers=2, hidden=32, heads=2, vocab_from=texts, vocab_size=320, seed=seed)
        _exchangeable(root / "one", root / "two")
        self.recipe.write_text(RECIPE.format(root=root), encoding="utf-8")

    def layover(self, *arguments: str) -> tuple[int, str]:
        """Run `layover ARGUMENTS` on the store of the sweep."""
        return layover(*arguments, "--store", str(self.store))

    def run(self) -> tuple[int, str]:
        """Run the sweep."""
        return self.layover("run", str(self.recipe))

    def report(self) -> dict[str, str]:
        """Return the files of the report, without the seconds that its trainings took, and without its pictures."""
        out = self.root / "out"
        shutil.rmtree(out, ignore_errors=True)
        # drawing takes most of the time
        from layover.report.pictures import Picture

        with patch("layover.report.files.picture", lambda *_: Picture("<svg></svg>", b"", b"")):
            code, said = self.layover("report", str(self.recipe), "--out", str(out))
        assert code == 0, said
        return {file.name: _untimed(file) for file in sorted(out.iterdir()) if file.suffix in {".md", ".csv", ".jsonl"}}

    def plan(self) -> Any:
        """Return the plan beside the store."""
        from layover.cli.shared import planned

        with contextlib.redirect_stderr(io.StringIO()):
            return planned(self.recipe, [], self.store, computes=True)

    def put(self, state: str) -> None:
        """Put the store into one of its states."""
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(self.root / state, self.store, symlinks=True)

    def keep(self, state: str) -> None:
        """Keep the store as it is, to be put back later."""
        shutil.rmtree(self.root / state, ignore_errors=True)
        shutil.copytree(self.store, self.root / state, symlinks=True)

    def leave(self, kinds: set[str]) -> None:
        """Remove the nodes of some kinds, so that a run computes them anew from what is there."""
        for done in self.store.glob("nodes/*/*/done.json"):
            if json.loads(done.read_text(encoding="utf-8"))["kind"] in kinds:
                shutil.rmtree(done.parent)

    def stop_trainings(self) -> None:
        """Begin the trainings that are not there, and stop each after its first steps, which leaves a checkpoint."""
        from layover import steps
        from layover.steps.context import Context
        from layover.training import Stopped

        found = self.plan()
        finished = found.store.finished()
        for key, node in found.plan.nodes.items():
            if node.kind != "train" or key in finished or not finished.issuperset(node.needs):
                continue
            asked: list[int] = []

            def stopping(asked: list[int] = asked) -> bool:
                asked.append(0)
                return len(asked) > 2

            folder = self.root / "stopped"
            folder.mkdir(exist_ok=True)
            context = Context(found.store, found.plan.recipe.document.run, lambda _: None, stopping)
            with contextlib.suppress(Stopped):
                steps.get("train").run(node, folder, context)
            shutil.rmtree(folder)


def _exchangeable(*encoders: Path) -> None:
    """Give encoders room for each other's words, and their tokenizers the same size and time.

    Archives that are made to be reproducible give equal times.
    """
    from safetensors.torch import load_file, save_file

    name = "embeddings.word_embeddings.weight"
    weights = [load_file(folder / "model.safetensors") for folder in encoders]
    (key,) = (one for one in weights[0] if one.endswith(name))
    largest = max((found[key] for found in weights), key=len)
    for folder, found in zip(encoders, weights, strict=True):
        save_file({**found, key: largest.clone()}, folder / "model.safetensors", metadata={"format": "pt"})
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps({**config, "vocab_size": len(largest)}), encoding="utf-8")
    files = [folder / "tokenizer.json" for folder in encoders]
    size = max(file.stat().st_size for file in files)
    for file in files:
        file.write_bytes(file.read_bytes() + b" " * (size - file.stat().st_size))
        os.utime(file, ns=(10**18, 10**18))


def exchange(one: Path, other: Path) -> None:
    """Exchange two files or folders, sizes and times of modification included."""
    aside = one.with_name(f"{one.name}.aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def _untimed(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    if file.name == "costs.csv":
        return re.sub(r",[^,\n]*,[^,\n]*$", "", text, flags=re.MULTILINE)
    if file.name == "report.md":
        # the picture of costs is there only if every training's time is known
        text = re.sub(r"## Cost and score\n.*?cost\.png\)\n\n", "", text, flags=re.DOTALL)
        before, title, rest = text.partition("<summary>Costs</summary>")
        table, gap, after = rest.partition("\n\n</details>")
        return before + title + re.sub(r"\|[^|\n]*\|[^|\n]*\|$", "", table, flags=re.MULTILINE) + gap + after
    return text


# faults


def flip(file: Path, random: random.Random) -> None:
    """Change one bit."""
    data = bytearray(file.read_bytes())
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    file.write_bytes(bytes(data))


def digit(file: Path, random: random.Random) -> None:
    """Change one digit of a text; one bit where there is none."""
    data = file.read_bytes()
    places = [place for place, byte in enumerate(data) if 48 <= byte < 58]
    if not places:
        return flip(file, random)
    place = random.choice(places)
    other = random.choice([value for value in range(48, 58) if value != data[place]])
    file.write_bytes(data[:place] + bytes([other]) + data[place + 1 :])
    return None


def truncate(file: Path, random: random.Random) -> None:
    """Cut a file anywhere."""
    data = file.read_bytes()
    file.write_bytes(data[: random.randrange(len(data))] if data else b"")


def delete(file: Path, random: random.Random) -> None:
    """Remove a file."""
    file.unlink()


def blank(file: Path, random: random.Random) -> None:
    """Fill a file with zeros, as a power cut does."""
    file.write_bytes(bytes(file.stat().st_size))


def grow(file: Path, random: random.Random) -> None:
    """Append something."""
    with file.open("ab") as stream:
        stream.write(random.randbytes(random.randrange(1, 40)))


def into_folder(file: Path, random: random.Random) -> None:
    """Put a folder in its place."""
    file.unlink()
    file.mkdir()


def into_link(file: Path, random: random.Random) -> None:
    """Put a link that leads nowhere in its place."""
    file.unlink()
    file.symlink_to("nowhere")


def other_json(file: Path, random: random.Random) -> None:
    """Put other JSON in its place."""
    file.write_text('{"languages": {}, "kind": 3}', encoding="utf-8")


def stranger(file: Path, random: random.Random) -> None:
    """Put a file beside it that does not belong there."""
    (file.parent / random.choice(["mix.safetensors", "shares.json", "notes.txt"])).write_bytes(b"{}")


CORRUPTIONS = (flip, flip, digit, digit, truncate, delete, blank, grow, into_folder, into_link, other_json, stranger)


@dataclass(frozen=True)
class Fault:
    """What was done, for people, and where."""

    name: str
    place: str


def corrupt(sweep: Sweep, random: random.Random) -> Fault:
    """Do some damage to a file of the store: each sort of file is as likely as any other."""
    sorts: dict[str, list[Path]] = {}
    for file in sorted(path for path in sweep.store.rglob("*") if path.is_file()):
        if file.relative_to(sweep.store).parts[0] in {"nodes", "work", "failed"} or file.suffix == ".json":
            sorts.setdefault(file.name if len(file.stem) < 64 else "failure", []).append(file)
    file = random.choice(sorts[random.choice(sorted(sorts))])
    harm = random.choice(CORRUPTIONS)
    harm(file, random)
    return Fault(f"{harm.__name__} {file.name}", str(file.relative_to(sweep.store)))


def swap_nodes(sweep: Sweep, random: random.Random) -> Fault:
    """Exchange two folders of nodes of one kind."""
    one, other = _two_nodes(sweep, random, "done.json")
    exchange(one.parent, other.parent)
    return Fault("swap nodes", f"{one.parent.name[:12]} {other.parent.name[:12]}")


def swap_files(sweep: Sweep, random: random.Random) -> Fault:
    """Exchange the same file of two nodes of one kind."""
    name = random.choice(["record.json", "predictions.jsonl", "features.safetensors", "done.json", "examples.jsonl"])
    one, other = _two_nodes(sweep, random, name)
    exchange(one, other)
    return Fault(f"swap {name}", f"{one.parent.name[:12]} {other.parent.name[:12]}")


def swap_sealed(sweep: Sweep, random: random.Random) -> Fault:
    """Exchange the files of two nodes, and what `done.json` says of them, with a digest that fits."""
    from layover.store.files import sealed

    name = random.choice(["record.json", "predictions.jsonl", "head.safetensors"])
    one, other = _two_nodes(sweep, random, name)
    exchange(one.parent, other.parent)
    for folder in (one.parent, other.parent):
        done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
        done["key"] = folder.name
        del done["digest"]
        (folder / "done.json").write_text(json.dumps(sealed(done)), encoding="utf-8")
    return Fault("swap nodes, sealed", f"{one.parent.name[:12]} {other.parent.name[:12]}")


def copy_node(sweep: Sweep, random: random.Random) -> Fault:
    """Put a copy of another node in the place of one."""
    one, other = _two_nodes(sweep, random, "done.json")
    shutil.rmtree(other.parent)
    shutil.copytree(one.parent, other.parent)
    return Fault("copy of another node", f"{one.parent.name[:12]} {other.parent.name[:12]}")


def swap_remembered(sweep: Sweep, random: random.Random) -> Fault:
    """Exchange two remembered values."""
    name = "hashes.json"
    file = sweep.store / name
    known = json.loads(file.read_text(encoding="utf-8"))
    one, other = random.sample(sorted(known), 2)
    known[one], known[other] = known[other], known[one]
    file.write_text(json.dumps(known), encoding="utf-8")
    return Fault(f"swap in {name}", f"{Path(one).name} {Path(other).name}")


def swap_hashes(sweep: Sweep, random: random.Random) -> Fault:
    """Exchange two remembered hashes, and leave the states of the files as they are."""
    file = sweep.store / "hashes.json"
    known = json.loads(file.read_text(encoding="utf-8"))
    one, other = random.sample(sorted(known), 2)
    known[one]["value"], known[other]["value"] = known[other]["value"], known[one]["value"]
    file.write_text(json.dumps(known), encoding="utf-8")
    return Fault("swap hashes", f"{one[:12]} {other[:12]}")


def swap_checkpoints(sweep: Sweep, random: random.Random) -> Fault:
    """Exchange the checkpoints of two trainings; two nodes where there are none."""
    found = sorted(path for path in sweep.store.glob("work/*") if path.is_dir())
    if len(found) < 2:
        return swap_nodes(sweep, random)
    one, other = random.sample(found, 2)
    exchange(one, other)
    return Fault("swap checkpoints", f"{one.name[:12]} {other.name[:12]}")


def _two_nodes(sweep: Sweep, random: random.Random, name: str) -> tuple[Path, Path]:
    kinds: dict[str, list[Path]] = {}
    for file in sorted(sweep.store.glob(f"nodes/*/*/{name}")):
        kind = json.loads((file.parent / "done.json").read_text(encoding="utf-8"))["kind"]
        kinds.setdefault(kind, []).append(file)
    several = [files for files in kinds.values() if len(files) > 1]
    if not several:
        return _two_nodes(sweep, random, "done.json")
    one, other = random.sample(random.choice(several), 2)
    return one, other


SWAPS: tuple[Callable[[Sweep, random.Random], Fault], ...] = (
    swap_nodes, swap_files, swap_sealed, copy_node, swap_remembered, swap_hashes, swap_checkpoints,
)  # fmt: skip


@contextlib.contextmanager
def exchanged(one: Path, other: Path) -> Iterator[None]:
    """Exchange two files for a while."""
    exchange(one, other)
    try:
        yield
    finally:
        exchange(one, other)


def outcome(sweep: Sweep, clean: Mapping[str, str], attempts: int = 2) -> str:
    """Run the sweep after a fault, and say what became of it.

    Returns:
        `harmless`: nothing was said, the report is the clean one. `healed`: it was said or mended, and so it is.
        `told`: the command ended with an error that says what is wrong. `WRONG`: another report, or a crash.
    """
    for attempt in range(attempts):
        damaged = sorted(sweep.store.glob("damaged/*"))
        try:
            code, said = sweep.run()
        except Exception as error:  # noqa: BLE001  what is no `LayoverError` is a bug
            return f"WRONG {type(error).__name__}: {error}"
        if code == 0:
            try:
                same = sweep.report() == clean
            except Exception as error:  # noqa: BLE001
                return f"WRONG {type(error).__name__}: {error}"
            if not same:
                return f"WRONG report; {said}"
            mended = attempt or "damaged:" in said or damaged != sorted(sweep.store.glob("damaged/*"))
            return "healed" if mended else "harmless"
        if "layover: " not in said or "Traceback" in said or code not in {1, 2}:
            return f"WRONG exit code {code}: {said}"
    return "told"
