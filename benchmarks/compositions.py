"""What a composition changes at step 0, and how many weights it trains: the figures of docs/compositions.md.

python benchmarks/compositions.py
python benchmarks/compositions.py --report reports/sandbox-compositions

A random XLM-R of base size; modules with random weights. One line per module x composition: the largest difference of
the last hidden states to the intermediate alone, before anything of the target is trained, and the weights that train;
or why the two do not go together. With a report it prints the table of docs/sandbox.md from that instead.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor
from transformers import XLMRobertaConfig, XLMRobertaModel

from layover import compositions, mixers, modules
from layover.compositions import AttachedModule, Attachment, Composition
from layover.encoder import DropoutClock, Encoder
from layover.mixers._router import Router
from layover.modules import Module

LAYERS, HIDDEN, VOCABULARY = 12, 768, 1000
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "merge": [{"method": name} for name in ("exact", "svd")]
    + [{"method": name, "density": 1.0} for name in ("ties", "dare", "magnitude")],
    "route": [{"router": name} for name in mixers.names() if issubclass(mixers.get(name), Router)],
    "fuse": [{"mixer": name} for name in mixers.names() if mixers.get(name).learned],
}


def make_encoder(layers: int = LAYERS) -> Encoder:
    """Return a random encoder."""
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        num_hidden_layers=layers,
        num_attention_heads=HIDDEN // 64,
        intermediate_size=4 * HIDDEN,
        max_position_embeddings=514,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    torch.manual_seed(0)
    return Encoder.from_model(XLMRobertaModel(config, add_pooling_layer=False), clock=DropoutClock(0)).eval()


def intermediates_of(module: Module, encoder: Encoder, count: int) -> list[AttachedModule]:
    """Return modules with random weights and gates."""
    encoder.attach([AttachedModule("any", module, None, trainable=True)])
    state, parts = encoder.state("any"), []
    for place in range(count):
        drawn = torch.Generator().manual_seed(place)
        weights = {name: value + 0.02 * torch.randn(value.shape, generator=drawn) for name, value in state.items()}
        gates = {
            f"{site.name}.gates": torch.randn(1, site.inputs, generator=drawn) for site in module.sites(encoder.shape)
        }
        name = "intermediate" if count == 1 else f"intermediate.{place}"
        parts.append(AttachedModule(name, module, weights, trainable=False, gates=gates))
    return parts


def pieces_of(
    composition: Composition, module: Module, parts: list[AttachedModule], encoder: Encoder
) -> list[Attachment]:
    """Return what a target starts from."""
    one = composition.for_intermediates([part.name for part in parts])
    return one.attachments(one.target_module(module, len(parts)), parts, shape=encoder.shape, seed=1)


@torch.inference_mode()
def output(encoder: Encoder, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Return the last hidden states."""
    return encoder(*batch)


def step_0(module: Module, composition: Composition, batch: tuple[Tensor, Tensor]) -> str:
    """Return the difference at step 0 and the number of weights that train, for one intermediate and for three."""
    encoder = make_encoder()
    parts = intermediates_of(module, encoder, 1)
    encoder.attach(parts)
    alone = output(encoder, batch).clone()
    encoder = make_encoder()
    encoder.attach(pieces_of(composition, module, parts, encoder))
    difference = float((output(encoder, batch) - alone).abs().max())
    count = 3 if composition.takes_several else 1
    encoder = make_encoder()
    encoder.attach(pieces_of(composition, module, intermediates_of(module, encoder, count), encoder))
    trained = sum(weight.numel() for weights in encoder.trained().values() for weight in weights.values())
    return f"{difference:.1e}  {trained:,} weights train ({count} intermediates)"


def table_of(folder: Path) -> str:
    """Return zero-shot means, weights and seconds of every method and intermediate of a report, as Markdown."""
    scores: dict[tuple[str, str], dict[str, list[float]]] = {}
    for line in (folder / "records.jsonl").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        record, row = one["record"], scores.setdefault((one["method"], one["intermediate"]), {})
        languages = record["languages"].items()
        others = [values[one["metric"]] for code, values in languages if code != record["source_language"]]
        if one["seeded"] or not row.get(one["target"]):  # where no seed decides anything there is one result
            row.setdefault(one["target"], []).append(fmean(others))
    costs: dict[tuple[str, str], list[dict[str, str]]] = {}
    with (folder / "costs.csv").open(encoding="utf-8") as stream:
        for cost in csv.DictReader(stream):
            costs.setdefault((cost["method"], cost["intermediate"]), []).append(cost)
    targets = list(dict.fromkeys(target for row in scores.values() for target in row))
    best = {target: max(fmean(row[target]) for row in scores.values() if target in row) for target in targets}
    lines = [["method", "intermediate", *targets, "weights", "seconds", "before"]]
    lines.append(["---"] * len(lines[0]))
    for key, row in scores.items():
        cells = [_cell(row.get(target), best[target]) for target in targets]
        mine = costs.get(key, [])
        seconds = [f"{fmean(float(one[name]) for one in mine):.1f}" for name in ("seconds", "seconds_before")]
        several = "the three" if "+" in key[1] else key[1]
        lines.append([key[0], several, *cells, f"{int(mine[0]['weights']):,}", *seconds])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(values: list[float] | None, best: float) -> str:
    if values is None:
        return "–"
    text = f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")
    return f"**{text}**" if fmean(values) == best else text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, help="A report of recipes/sandbox/compositions.yaml.")
    arguments = parser.parse_args()
    if arguments.report is not None:
        print(table_of(arguments.report))
        return
    lengths = torch.tensor([24, 17, 9, 5])
    ids = torch.randint(4, VOCABULARY, (4, 24), generator=torch.Generator().manual_seed(7))
    batch = ids.masked_fill(torch.arange(24) >= lengths[:, None], 1), lengths
    for module_name in modules.names():
        for name in compositions.names():
            module = modules.get(module_name)()
            for settings in SETTINGS.get(name, [{}]):
                composition = compositions.get(name)(**settings)
                reason = composition.refuses(module)
                label = " ".join([module_name, name, *map(str, settings.values())])
                print(f"{label}: {reason or step_0(module, composition, batch)}", flush=True)


if __name__ == "__main__":
    main()
