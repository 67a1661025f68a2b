"""Whether two checkouts of Layover compute the same: a recipe is run with each, and what they leave is compared.

python benchmarks/same_records.py BEFORE_SRC AFTER_SRC [--recipe recipes/quickstart.yaml] [--keep FOLDER] [OVERRIDE ...]
python benchmarks/same_records.py ../before/src src --recipe recipes/sandbox/size.yaml sweep.model=[mini]

BEFORE_SRC and AFTER_SRC are folders on PYTHONPATH, each with a package `layover`; the environment is this one's. Each
run has a fresh store. Compared byte by byte: records, predictions, training.json, weights, and every other file of a
node but the times (measured.json) and what names the node itself (done.json). Nodes are paired by their labels, since
keys may differ; a key in a file of text is read as the label of its node. The exit code is 1 at any difference.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ASIDE = {"measured.json", "done.json"}
"""Times; the identity and the hashes of the files."""
NAMED = ("record.json", "predictions.jsonl", "training.json", "module.safetensors")
"""The files that are always counted, though there may be none."""
KEY = re.compile(rb"[0-9a-f]{64}")
SHOWN = 20


def layover(source: Path, *arguments: str) -> str:
    """Return what the command line of a checkout answers.

    Raises:
        SystemExit: it fails.
    """
    environment = {**os.environ, "PYTHONPATH": str(source)}
    command = [sys.executable, "-P", "-m", "layover", *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise SystemExit(f"{source}: layover {' '.join(arguments)} ends with {done.returncode}")
    return done.stdout


def run(source: Path, recipe: Path, overrides: list[str], store: Path) -> list[dict[str, Any]]:
    """Run a recipe with a checkout; return the nodes of its plan: key, kind and label."""
    if not (source / "layover" / "__init__.py").is_file():
        raise SystemExit(f"{source}: there is no package layover in it; name the folder src of a checkout")
    given = (str(recipe), *overrides, "--store", str(store), "--json")
    layover(source, "run", *given)
    nodes: list[dict[str, Any]] = json.loads(layover(source, "plan", *given, "--nodes"))["nodes"]
    return nodes


def contents(store: Path, nodes: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Return label -> name of a file -> SHA-256; nodes of one label are numbered in the order of their contents."""
    labels = {node["key"].encode(): node["label"].encode() for node in nodes}
    found: dict[str, list[dict[str, str]]] = {}
    for node in nodes:
        folder = store / "nodes" / node["key"][:2] / node["key"]
        if not folder.is_dir():
            continue  # a node that nothing unfinished needs
        files = sorted(file for file in folder.iterdir() if file.name not in ASIDE)
        found.setdefault(node["label"], []).append({file.name: digest(file, labels) for file in files})
    numbered: dict[str, dict[str, str]] = {}
    for label, several in found.items():
        for number, files_of in enumerate(sorted(several, key=lambda one: sorted(one.items())), 1):
            numbered[label if len(several) == 1 else f"{label} #{number}"] = files_of
    return numbered


def digest(file: Path, labels: Mapping[bytes, bytes]) -> str:
    """Return the SHA-256 of a file, the keys in it read as labels."""
    data = file.read_bytes()
    if file.suffix in {".json", ".jsonl"}:
        data = KEY.sub(lambda match: labels.get(match.group(), match.group()), data)
    return hashlib.sha256(data).hexdigest()


def compare(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Print how many files are equal; return what differs."""
    equal, total, differences = Counter[str](), Counter[str](), list[str]()
    for label in sorted(before.keys() | after.keys()):
        one, other = before.get(label), after.get(label)
        if one is None or other is None:
            differences.append(f"{label}: there is no such node {'before' if one is None else 'after'}")
            continue
        for name in sorted(one.keys() | other.keys()):
            total[name] += 1
            if one.get(name) == other.get(name):
                equal[name] += 1
            else:
                differences.append(f"{label}: {name} differs")
    for name in dict.fromkeys((*NAMED, *sorted(total))):
        print(f"{equal[name]:6} of {total[name]:6} equal  {name}")
    return differences


def main() -> int:
    """Run, compare, and say it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("overrides", nargs="*", help="Overrides of the recipe.")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/quickstart.yaml"))
    parser.add_argument("--keep", type=Path, help="Folder for the two stores; without it they are removed.")
    given = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        sides = []
        for name, source in (("before", given.before), ("after", given.after)):
            store = folder / name
            if store.exists():
                raise SystemExit(f"{store}: is there already; a fresh store is needed")
            nodes = run(source.resolve(), given.recipe, given.overrides, store)
            sides.append(contents(store, nodes))
        differences = compare(*sides)
    if not any("record.json" in files for files in sides[0].values()):
        differences.append("there is no record")
    for line in differences[:SHOWN]:
        print(line)
    if len(differences) > SHOWN:
        print(f"... and {len(differences) - SHOWN} more")
    print("the same" if not differences else f"{len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
