"""Targets that are not trained, through the real command line, and against a search written out here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file
from transformers import XLMRobertaModel

from layover.data.tokenizer import Tokenizer

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

THINGS = ("tree", "house", "river", "stone", "cat", "dog", "bird", "fish")
GERMAN = ("Katze", "Hund", "Vogel", "Fisch", "Baum", "Haus", "Fluss", "Stein")
OVERRIDES = ("sweep.target=[parallel, bitext]", "sweep.method=[lora, stack, full, head]", "sweep.exclude=[]")
TASKS = """\
tasks:
  parallel: {kind: retrieval, files: {test: {de: [p.de.txt, p.en.txt], sw: [p.sw.txt, p.en.txt]}}}
  bitext: {kind: retrieval, mined: true, header: [id, text], retrieval: {layer: 2, special_tokens: false},
           files: {validation: {de: [dev.de.tsv, dev.en.tsv, dev.gold.tsv]},
                   test: {de: [test.de.tsv, test.en.tsv, test.gold.tsv], sw: [test.de.tsv, test.en.tsv]}}}
"""
METHODS = """\
methods:
  full: {module: full, lr: 1e-3}
  head: {module: none}
"""


def texts(things: tuple[str, ...], place: str, count: int) -> list[str]:
    return [f"{things[n % 8]} number {n} {place}" for n in range(count)]


def write(folder: Folder) -> None:
    """Write sentences beside the folder's own data; the English side holds one sentence twice."""
    data = folder.root / "data"
    english = texts(THINGS, "is here", 24)
    english[5] = english[2]
    sides = {"de": texts(GERMAN, "ist hier", 24), "sw": texts(THINGS[::-1], "iko hapa", 24), "en": english}
    for name, found in sides.items():
        (data / f"p.{name}.txt").write_text("\n".join(found) + "\n", encoding="utf-8")
    for split, shift in (("dev", 0), ("test", 3)):
        other = [*english[shift + 6 : shift + 14], *texts(THINGS, "is not here", 20)[shift : shift + 9]]
        # a random encoder finds what shares its words: the last eight are near to the first eight English ones
        german = [*sides["de"][shift : shift + 6], *(f"{text} Katze" for text in other[:8])]
        for name, found in (("de", german), ("en", other)):
            lines = (f"{name}-{n:03}\t{text}\n" for n, text in enumerate(found))
            (data / f"{split}.{name}.tsv").write_text("".join(lines), encoding="utf-8")
        pairs = "".join(f"de-{n + 6:03}\ten-{n:03}\n" for n in range(1, 8))
        (data / f"{split}.gold.tsv").write_text(pairs, encoding="utf-8")
    recipe = folder.root / "recipe.yaml"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("tasks:\n", TASKS).replace("methods:\n", METHODS), encoding="utf-8")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Folder:
    """A folder with a finished sweep over retrieval targets; tests only read it."""
    from tests.engine.conftest import Folder

    folder = Folder(tmp_path_factory.mktemp("retrieval") / "work", encoder)
    write(folder)
    folder.run("run", "recipe.yaml", *OVERRIDES)
    folder.run("report", "recipe.yaml", *OVERRIDES, "--out", "out")
    return folder


def lines(folder: Folder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder.root / "out" / "records.jsonl").read_text("utf-8").splitlines()]


def one(folder: Folder, **cell: Any) -> dict[str, Any]:
    return next(line for line in lines(folder) if all(line[axis] == value for axis, value in cell.items()))


def embed(
    folder: Folder, sentences: list[str], layer: int, cut: slice, weights: dict[str, torch.Tensor] | None = None
) -> npt.NDArray[np.float64]:
    """Return directions of sentences, one by one, with nothing but transformers."""
    model = XLMRobertaModel.from_pretrained(folder.root / "encoder", add_pooling_layer=False).eval()
    if weights is not None:
        model.load_state_dict(weights)
    tokenizer = Tokenizer.load(folder.root / "encoder")
    rows = []
    for text in sentences:
        ids, _ = tokenizer.row(tokenizer.pieces([text])[text].ids)
        with torch.no_grad():
            states = model(torch.from_numpy(ids).long()[None], output_hidden_states=True).hidden_states[layer][0]
        mean = states[cut].double().mean(0).numpy()
        rows.append(mean / np.linalg.norm(mean))
    return np.stack(rows)


def accuracies(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> dict[str, float]:
    # rounded, so that equal sentences are equally near and the first of them counts
    cosine = np.round(left @ right.T, 6)
    hits = [matrix.argmax(axis=1) == np.arange(len(matrix)) for matrix in (cosine.T, cosine)]
    names = ("retrieval_accuracy", "retrieval_accuracy_to_english")
    return {name: 100 * float(hit.mean()) for name, hit in zip(names, hits, strict=True)}


def sentences(folder: Folder, name: str) -> list[str]:
    found = (folder.root / "data" / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[-1] for line in found]


@pytest.mark.parametrize("language", ["de", "sw"])
@pytest.mark.parametrize(("method", "intermediate"), [("lora", "none"), ("full", "claims")])
def test_scores_are_those_of_a_plain_search(swept: Folder, language: str, method: str, intermediate: str) -> None:
    line = one(swept, target="parallel", method=method, intermediate=intermediate, seed=1)
    weights = None
    if intermediate != "none":
        weights = load_file(next(swept.root.glob(f"store/nodes/*/{line['train_key']}/module.safetensors")))
    sides = [embed(swept, sentences(swept, f"p.{side}.txt"), 1, slice(None), weights) for side in (language, "en")]
    assert line["record"]["languages"][language] == pytest.approx(accuracies(*sides))
    assert line["record"]["examples"][language] == 24


def test_mined_scores_are_those_of_a_plain_search(swept: Folder) -> None:
    found: dict[str, dict[tuple[int, int], float]] = {}
    for split in ("dev", "test"):
        left, right = (embed(swept, sentences(swept, f"{split}.{side}.tsv"), 2, slice(1, -1)) for side in ("de", "en"))
        found[split] = mine(left @ right.T)
    gold = {(n + 6, n) for n in range(1, 8)}

    def f1(split: str, threshold: float) -> float:
        kept = {pair for pair, score in found[split].items() if score >= threshold}
        return 200 * len(kept & gold) / (len(kept) + len(gold))

    record = one(swept, target="bitext", method="head", intermediate="none", seed=1)["record"]
    assert record["retrieval"]["threshold_tuned_on"] == "validation"
    tuned = record["retrieval"]["thresholds"]["de"]
    assert f1("dev", tuned) == pytest.approx(max(f1("dev", score) for score in found["dev"].values()))
    assert 0 < f1("test", tuned) < 100
    assert f1("test", 0) < f1("test", tuned), "the threshold must matter here"
    assert record["languages"]["de"]["bucc_f1"] == pytest.approx(f1("test", tuned))
    assert record["examples"]["de"] == 7
    assert (record["languages"]["sw"], record["missing"]) == (
        None,
        {"sw": "no validation file to tune the threshold on"},
    )


def mine(cosine: npt.NDArray[np.float64]) -> dict[tuple[int, int], float]:
    """Return pairs and their ratio margins, by the definitions."""
    rows, columns = np.sort(cosine, axis=1)[:, -4:].mean(axis=1), np.sort(cosine, axis=0)[-4:].mean(axis=0)
    margin = cosine / ((rows[:, None] + columns[None]) / 2)
    candidates: dict[tuple[int, int], float] = {}
    for matrix, turned in ((cosine, False), (cosine.T, True)):
        scores = margin.T if turned else margin
        for asks in range(len(matrix)):
            near = np.argsort(-matrix[asks])[:4]
            best = int(near[scores[asks][near].argmax()])
            pair = (best, asks) if turned else (asks, best)
            candidates[pair] = float(margin[pair])
    kept: dict[tuple[int, int], float] = {}
    for pair, score in sorted(candidates.items(), key=lambda item: -item[1]):
        if all(pair[0] != i and pair[1] != j for i, j in kept):
            kept[pair] = score
    return kept


def details(folder: Folder) -> str:
    """Return the report after its first table."""
    text = (folder.root / "out" / "report.md").read_text(encoding="utf-8")
    return text[text.index("<summary>All scores and differences") :]


def test_cells_without_training_are_one_result_without_a_seed(swept: Folder) -> None:
    alone = [line for line in lines(swept) if line["intermediate"] == "none" and line["target"] == "parallel"]
    assert len(alone) == 4 * 2
    assert len({line["key"] for line in alone}) == 1
    assert {(line["seeded"], line["none_seeded"], line["train_key"]) for line in alone} == {(False, None, None)}
    report = details(swept)
    rows = [line for line in report.splitlines() if line.startswith("| tiny | full | none |")]
    assert rows
    assert all("no seed" in row and "n=" not in row and "±" not in row for row in rows)
    assert "the result does not depend on a seed" in report


def test_gains_are_paired_with_the_one_baseline(swept: Folder) -> None:
    baseline = one(swept, target="parallel", intermediate="none")["value"]
    for method in ("lora", "stack", "full"):
        for seed in (1, 2):
            line = one(swept, target="parallel", method=method, intermediate="claims", seed=seed)
            assert line["none_value"] == baseline
            assert (line["seeded"], line["none_seeded"]) == (True, False)
    stacked, warm = (one(swept, target="parallel", method=m, intermediate="claims", seed=1) for m in ("stack", "lora"))
    assert stacked["key"] == warm["key"]
    cell = {"target": "parallel", "method": "full", "intermediate": "claims"}
    values = [one(swept, **cell, seed=seed)["value"] for seed in (1, 2)]
    row = next(line for line in details(swept).splitlines() if line.startswith("| tiny | full | claims |"))
    assert f"none {sum(values) / 2 - baseline:+.1f}" in row


def test_the_record_says_how(swept: Folder) -> None:
    record = one(swept, target="parallel", intermediate="none")["record"]
    assert record["source_language"] is None
    assert record["retrieval"] == {
        "layer": 1,
        "layer_chosen_on": None,
        "special_tokens": True,
        "scoring": "cosine",
        "threshold_tuned_on": None,
        "thresholds": {},
        "layers": {},
    }


def test_everything_is_found_again(swept: Folder) -> None:
    plan = json.loads(swept.run("plan", "recipe.yaml", *OVERRIDES, "--json"))
    assert plan["to_run"] == 0
    status = json.loads(swept.run("status", "recipe.yaml", *OVERRIDES, "--json"))
    assert status["cells"] == {"parallel": [14, 14], "bitext": [14, 14]}
    said = swept.run("plan", "recipe.yaml", *OVERRIDES, "tasks.parallel.retrieval={layer: 2}", "--json", "--nodes")
    node = next(n for n in json.loads(said)["nodes"] if n["kind"] == "predict" and not n["cached"])
    why = swept.run("why", node["key"], "recipe.yaml", *OVERRIDES, "tasks.parallel.retrieval={layer: 2}")
    assert "retrieval.layer: 1 there, 2 here" in why


def test_a_prediction_is_known_by_its_side_and_its_id(swept: Folder) -> None:
    said = swept.run("predictions", "recipe.yaml", *OVERRIDES, "sweep.method=[lora]", "sweep.intermediate=[none]")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    by_data: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for line in lines:
        cell = tuple(str(line[name]) for name in ("method", "intermediate", "target", "seed", "language"))
        by_data.setdefault(cell, {}).setdefault(line["side"], []).append(line["id"])
    assert {cell[2] for cell in by_data} == {"parallel", "bitext"}
    for sides in by_data.values():
        assert len(sides) == 2
        assert all(len(set(ids)) == len(ids) for ids in sides.values())
    for line in lines:
        cell = tuple(str(line[name]) for name in ("method", "intermediate", "target", "seed", "language"))
        (others,) = (ids for side, ids in by_data[cell].items() if side != line["side"])
        assert set(line["gold"] or []) <= set(others)


def test_tuning_on_what_is_scored_is_marked(folder: Folder) -> None:
    write(folder)
    narrow = ("sweep.target=[bitext]", "sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.exclude=[]")
    scored = "tasks.bitext.retrieval={threshold: scored}"
    folder.run("run", "recipe.yaml", *narrow, scored)
    said = folder.run("report", "recipe.yaml", *narrow, scored)
    assert "Note: bitext: the same test gold tunes the threshold and gives the scores." in said
    (record,) = [json.loads(text) for text in folder.records().values()]
    assert record["retrieval"]["threshold_tuned_on"] == "scored"
    assert record["missing"] == {"sw": "no gold labels"}
    assert record["languages"]["de"]["bucc_f1"] > 0
