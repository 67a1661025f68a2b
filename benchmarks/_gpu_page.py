"""The page on GPUs: what gpu.py has checked and measured, or that nobody has run it yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gpu_steps import STEPS

Result = dict[str, Any]
INTRODUCTION = """\
# On a GPU

This page is written by `python benchmarks/page.py` from `benchmarks/results/gpu/*.json`.

```bash
python benchmarks/gpu.py                       # at most eight minutes; --only, --skip, --seconds, --output FOLDER
python benchmarks/gpu.py --device cpu --quick  # a trial of the code on a CPU, whose figures mean nothing
```

The script needs one GPU, torch with CUDA, and what Layover needs; no network and no data. Without peft there is little
to compare with, and without bitsandbytes no NF4: both are then named as absent. It checks that losses, gradients and
predictions are those of a CPU, that trainings repeat and resume bit for bit, that no step waits for the device, that
memory is as estimated, and that running out of it changes nothing. It measures training, prediction and a sweep against
the Trainer with peft, and further levers. **To send figures**, open an issue or a pull request with the JSON files.
"""
NOTHING = """\
**No GPU has been measured.** What these pages say of GPUs is derived from torch's documentation and from counts.
"""


def page(folder: Path) -> str:
    """Return the page for a folder of results."""
    results = {
        step: json.loads(file.read_text(encoding="utf-8"))
        for step in STEPS
        if (file := folder / f"{step}.json").is_file()
    }
    if not results:
        return f"{INTRODUCTION}\n{NOTHING}"
    parts = [INTRODUCTION, *_warning(results), _steps(results)]
    for step, result in results.items():
        if step == "equality":
            parts += _equality(result["checks"])
        elif result["values"]:
            parts += SECTIONS[step](result["values"])
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def within(values: Mapping[str, float], form: str = ",.0f") -> str:
    """Return a median with its least and most."""
    return f"{values['median']:{form}} [{values['min']:{form}}–{values['max']:{form}}]"


def _warning(results: Mapping[str, Result]) -> list[str]:
    """Return a warning if a result is not of a GPU, or one of a smoke run."""
    wrong = [step for step, result in results.items() if result["device"] != "cuda" or result["quick"]]
    if not wrong:
        return []
    return [f"**Not measured on a GPU, or a trial: {', '.join(wrong)}. Figures of these mean nothing.**\n"]


def _steps(results: Mapping[str, Result]) -> str:
    """Return how each step went, and what failed."""
    rows, failures = [], []
    for step, result in results.items():
        passed = sum(check["passed"] for check in result["checks"])
        checks = f"{passed} of {len(result['checks'])}" if result["checks"] else "–"
        rows.append([step, result["state"], f"{result.get('seconds', 0):.0f}", checks, len(result["skipped"])])
        failures += [f"- {step}: {check['name']}\n" for check in result["checks"] if not check["passed"]]
        failures += [
            f"- {step}: {case}: `{text.strip().splitlines()[-1]}`\n" for case, text in result["errors"].items()
        ]
    head = ["step", "state", "seconds", "checks passed", "cases left out for want of time"]
    return "\n".join([table(head, rows), *(["Failed:\n", "".join(failures)] if failures else [])])


def _facts(values: Result) -> list[str]:
    versions, on = values["versions"], values["machine"]
    device = values.get("device", {})
    named = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "transformers", "peft", "layover"))
    if not device:
        return [f"{on['cpu']}, {on['cores']} cores; {named}.\n"]
    capability = ".".join(map(str, device["capability"]))
    card = f"{device['name']}, capability {capability}, {device['memory_gib']} GiB, driver {device['driver']}"
    return [f"{card}; {on['cpu']}, {on['cores']} cores; {named}.\n"]


def _equality(checks: Sequence[Result]) -> list[str]:
    """Return the largest differences from the CPU, by precision."""
    keys = ("loss", "gradients", "outputs", "labels")
    rows: dict[str, list[float]] = {}
    for check in checks:
        if "gradients" in check:
            row = [float(check[key]) for key in keys]
            precision = str(check["name"]).rpartition(", ")[2]
            rows[precision] = [max(pair) for pair in zip(row, rows.get(precision, row), strict=True)]
    head = ["precision", *(f"largest difference: {key}" for key in keys)]
    return ["## Equality\n", table(head, [[name, *(f"{value:.1e}" for value in row)] for name, row in rows.items()])]


def _waits(values: Result) -> list[str]:
    rows = [
        [work, case, place, count]
        for work in ("training", "prediction")
        for case, places in values[work].items()
        for place, count in places.items()
        if place != "batches"
    ]
    head = ["LoRA of XLM-R base's size", "operators", "launches", "copies", "kernels", "ms in which the device is busy"]
    keys = ("operators", "launches", "copies", "kernels", "busy_ms")
    kernels = [[name, *(counts[key] for key in keys)] for name, counts in values["kernels"].items()]
    parts = ["## Waits and kernels\n", "Of a training step of 16 rows:\n", table(head, kernels)]
    if rows:
        parts += ["Where the process waits, per step or batch:\n", table(["work", "case", "place", "times"], rows)]
    return parts


def _strict(values: Result) -> list[str]:
    refused = sorted({text for texts in values["refused"].values() for text in texts})
    listed = "".join(f"- {text}\n" for text in refused) or "torch refuses nothing.\n"
    return ["## Deterministic mode\n", listed]


def _memory(values: Result) -> list[str]:
    head = ["training or prediction", "measured MiB", "estimated MiB", "estimated / measured"]
    peaks = [
        [name, f"{row['measured_mib']:,}", f"{row['estimated_mib']:,}", row.get("ratio", "–")]
        for name, row in values["peaks"].items()
    ]
    budgets = [
        [
            name,
            f"{row['micro_tokens']:,}",
            row.get("allocated_mib", "–"),
            row.get("reserved_mib", "–"),
            row["budget_mib"],
        ]
        for name, row in values["budgets"].items()
    ]
    of_budgets = ["encoder, budget", "tokens of a micro-batch", "allocated MiB", "reserved MiB", "budget MiB"]
    return ["## Memory\n", table(head, peaks), table(of_budgets, budgets)]


def _speed(values: Result) -> list[str]:
    parts = ["## Speed\n"]
    if values["absent"]:
        absent = "; ".join(f"{name}: {reason}" for name, reason in values["absent"].items())
        parts.append(f"Absent, so not compared: {absent}.\n")
    for section, title in (("train", "Training"), ("predict", "Prediction")):
        for name, body in values[section].items():
            ways = body["ways"]
            peers = [peer for peer in ("peft LoRA (a)", "peft LoRA (b)") if peer in ways]
            rows = []
            for way, row in ways.items():
                rate = row["tokens_per_second"]
                ratios = [f"x{rate['median'] / ways[peer]['tokens_per_second']['median']:.1f}" for peer in peers]
                share = within(row["of_dense"], ".2f") if "of_dense" in row else "–"
                rows.append([way, within(rate), *ratios, share])
            head = ["way", "tokens/s", *(f"to {peer}" for peer in peers), "share of dense products"]
            parts += [f"{title}, {name}, mean length {body['mean_length']} tokens:\n", table(head, rows)]
    found = values["neighbours"]
    if found:
        rows = [[way, within(row["seconds"], ".2f")] for way, row in found["ways"].items()]
        parts += [f"Neighbours of {found['rows']:,} x {found['rows']:,} embeddings:\n", table(["way", "seconds"], rows)]
    return parts


def _levers(values: Result) -> list[str]:
    parts = ["## Levers\n"]
    for name, body in {**values["attention"], **values["dropout"]}.items():
        rows = [
            [way, *([cost.get("forward", "–"), cost["both"]] if isinstance(cost, dict) else ["–", cost])]
            for way, cost in body.get("ways", body).items()
        ]
        head = [name, "forward, ms", "with backward, ms"]
        parts.append(table(head, rows))
    for section in ("switches", "graph", "compile"):
        rows = [[name, json.dumps(row)] for name, row in values[section].items()]
        parts.append(table([section, "measured"], rows))
    for section, unit in (("micro_tokens", "tokens/s"), ("predicted_tokens", "tokens/s"), ("tf32", "ms")):
        rows = [[name, within(row)] for name, row in values[section].items()]
        parts.append(table([section, unit], rows))
    return parts


def _sweep(values: Result) -> list[str]:
    rows = [
        [name, row["trainings"], f"{row['seconds_per_training']:.1f}"]
        for name, row in {**values["runs"], **values["loops"]}.items()
    ]
    return ["## A sweep\n", table(["way", "trainings", "seconds per training"], rows)]


SECTIONS: dict[str, Callable[[Result], list[str]]] = {
    "facts": _facts,
    "waits": _waits,
    "strict": _strict,
    "memory": _memory,
    "speed": _speed,
    "levers": _levers,
    "sweep": _sweep,
}
