"""Write docs/benchmarks.md, its pictures and docs/gpu.md from benchmarks/page.md and benchmarks/results.

python benchmarks/page.py [--results FOLDER] [--docs FOLDER]

The text says what is measured and holds no figures; those are all filled in, so that none is typed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import _gpu_page
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
Result = dict[str, Any]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    given = parser.parse_args()
    template = (ROOT / "benchmarks" / "page.md").read_text(encoding="utf-8")

    def filled(place: re.Match[str]) -> str:
        name = place[1]
        file = given.results / f"{name}.json"
        if not file.is_file():
            return f"No result `{name}` is kept yet."
        result = json.loads(file.read_text(encoding="utf-8"))
        return "\n".join([f"{under(result)}\n", *SECTIONS[name](result, Pictures(given.docs, name))]).strip()

    page = re.sub(r"\{\{([a-z_-]+)\}\}", filled, template)
    (given.docs / "benchmarks.md").write_text(page, encoding="utf-8")
    (given.docs / "gpu.md").write_text(_gpu_page.page(given.results / "gpu"), encoding="utf-8")


def under(result: Result) -> str:
    """Return what the figures of a result must not be read without."""
    on, of = result["machine"], result["versions"]
    gpu = f"{on['gpu']}, " if on["gpu"] and result["settings"]["device"] == "cuda" else ""
    bf16 = f", {' and '.join(on['bf16_instructions'])}" if on["bf16_instructions"] else ", no bf16 instructions"
    told = {key: value for key, value in result["settings"].items() if key not in {"quick", "kept"}}
    settings = ", ".join(
        f"{key} {' and '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in told.items()
        if value is not None
    )
    quick = " **A smoke run: its figures mean nothing.**" if result["settings"]["quick"] else ""
    return (
        f"*{result['encoder']}* encoder, on {gpu}{on['cpu']}{bf16}, {on['cores']} cores, {on['threads']} threads, "
        f"{on['ram_gib']} GiB; Python {of['python']}, torch {of['torch']}, transformers {of['transformers']}, peft "
        f"{of['peft']}, adapters {of['adapters']}, layover {of['layover']}; {settings}.{quick}"
    )


class Pictures:
    """Where the pictures of a result go."""

    def __init__(self, docs: Path, name: str) -> None:
        self._docs, self._name = docs, name

    def bars(self, values: Mapping[str, Mapping[str, float]], label: str, tag: str = "") -> str:
        """Draw one bar per way with its least and most; return the Markdown."""
        figure = Figure(figsize=(8, 0.32 * len(values) + 1.1), layout="constrained")
        axes = figure.subplots()
        names = list(values)[::-1]
        medians = [values[name]["median"] for name in names]
        low = [values[name]["median"] - values[name]["min"] for name in names]
        high = [values[name]["max"] - values[name]["median"] for name in names]
        colours = ["#2a6f97" if name.startswith(("ours", "layover")) else "#b0b0b0" for name in names]
        axes.barh(names, medians, xerr=[low, high], color=colours, error_kw={"elinewidth": 1})
        axes.set_xlabel(label)
        return self._saved(figure, label, tag)

    def lines(self, panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> str:
        """Draw one panel per series, each with lines of (x, seconds); return the Markdown."""
        figure = Figure(figsize=(3.1 * len(panels), 2.9), layout="constrained")
        for axes, (title, curves) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            for label, points in curves.items():
                axes.plot(*zip(*points, strict=True), marker="o", label=label)
            axes.set_title(title, fontsize=10)
            if title.startswith("plan"):
                axes.set_xscale("log")
                axes.set_yscale("log")
            else:
                axes.set_ylim(bottom=0)
            if len(curves) > 1:
                axes.legend(fontsize=8)
        figure.supylabel("seconds", fontsize=10)
        return self._saved(figure, "seconds", "")

    def _saved(self, figure: Figure, label: str, tag: str) -> str:
        FigureCanvasAgg(figure)
        file = f"img/bench-{self._name}{tag}.png"
        (self._docs / "img").mkdir(parents=True, exist_ok=True)
        figure.savefig(self._docs / file, dpi=110, metadata={"Software": None})
        return f"![{label}]({file})\n"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first row is its head."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *map(list, rows[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def within(value: Mapping[str, float], form: str = ".1f") -> str:
    """Return a median with its least and most."""
    if len(value["all"]) == 1:  # type: ignore[arg-type]
        return f"{value['median']:{form}}"
    return f"{value['median']:{form}} [{value['min']:{form}}–{value['max']:{form}}]"


def times(one: Mapping[str, float], other: Mapping[str, float]) -> str:
    """Return how many times one median is of another."""
    return f"x{one['median'] / other['median']:.1f}"


def train_step(result: Result, pictures: Pictures) -> list[str]:
    """Return the section."""
    ways = result["ways"]
    rate = {name: one["examples_per_second"] for name, one in ways.items()}
    full, lora, expert = (rate[name] for name in ("full fine-tuning (a)", "peft LoRA (a)", "peft LoRA (b)"))
    rows = [["way", "examples/s", "to full (a)", "to peft LoRA (a)", "to peft LoRA (b)", "loss", "held-out loss"]]
    for name, one in ways.items():
        ratios = [times(rate[name], other) for other in (full, lora, expert)]
        held = one["held_out_loss"]
        losses = [f"{one['loss_after_equal_steps']:.3f}", "–" if held is None else f"{held:.3f}"]
        rows.append([name, within(rate[name]), *ratios, *losses])
    steps = result["settings"]["equal_steps"]
    text = f"Mean length {result['mean_length']} tokens. Losses are those of {steps} steps on the same rows.\n"
    return [text, table(rows), pictures.bars(rate, "examples per second")]


def quality(result: Result, pictures: Pictures) -> list[str]:  # noqa: ARG001 - a table says it all
    """Return the section."""
    rows = [["task, method", "metric", "seeds", "Layover", "plain loop", "difference", "90 % interval", "verdict"]]
    for name, one in result["cells"].items():
        sides = [f"{one[side]['mean']:.1f} ± {one[side]['sd']:.1f}" for side in ("layover", "plain")]
        low, high = one["interval_90"]
        seeds = str(len(one["plain"]["all"]))
        difference, interval = f"{one['difference']:+.2f}", f"[{low:+.2f}, {high:+.2f}]"
        rows.append([name, one["metric"], seeds, *sides, difference, interval, f"**{one['verdict']}**"])
    text = f"Means and standard deviations over seeds, in percent; the margin is {result['margin']:g} point.\n"
    return [text, table(rows)]


def buckets(result: Result, pictures: Pictures) -> list[str]:  # noqa: ARG001 - a table says it all
    """Return the section."""
    head = [
        "task, data",
        "rows, epochs",
        "seeds",
        "metric",
        "`bucket`",
        "mean",
        "difference",
        "90 % interval",
        "CPU time",
    ]
    rows = [head]
    for name, cell in result["cells"].items():
        for bucket, one in cell["buckets"].items():
            first = bucket == "1"
            of_cell = [name, f"{cell['rows']}, {cell['epochs']:g}", str(cell["seeds"]), cell["metric"]]
            start = of_cell if first else [""] * len(of_cell)
            end = ["", "", "1"]
            if not first:
                low, high = one["interval_90"]
                end = [f"{one['difference']:+.2f}", f"[{low:+.2f}, {high:+.2f}]", f"{one['cpu_to_random']:.2f}"]
            rows.append([*start, bucket, f"{one['mean']:.1f}", *end])
    return [f"Batches have {result['batch']} rows; the learning rate is {result['lr']:g}.\n", table(rows)]


def sweep(result: Result, pictures: Pictures) -> list[str]:
    """Return the section: a table for each dropout, since only equal work is compared."""
    chosen = result["tasks"]
    text = (
        f"{result['trainings']} trainings and their predictions, all measured. Intermediates: "
        f"{', '.join(chosen['intermediates'])}; targets: {', '.join(chosen['targets'])}.\n"
    )
    parts = [text]
    for dropout in sorted({way["dropout"] for way in result["ways"].values()}):
        ways = {_way(name): way for name, way in result["ways"].items() if way["dropout"] == dropout}
        cpu = {name: way["cpu_seconds"] for name, way in ways.items()}
        parts += [f"Dropout {dropout:g}:\n", table(_sweep_rows(ways, result["goals"]))]
        parts.append(pictures.bars(cpu, f"CPU seconds of all processes, dropout {dropout:g}", f"-dropout-{dropout:g}"))
    return parts


def _way(name: str) -> str:
    """Return the name of a way without its dropout."""
    return name.partition(", dropout")[0]


def _sweep_rows(ways: Result, goals: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    cpu = {name: way["cpu_seconds"] for name, way in ways.items()}
    against = [peer for peer in ("loop (a)", "loop (b)", "expert loop, fp32", "expert loop, bf16") if peer in cpu]
    rows = [["way", "CPU s", "wall s", "peak MiB", *(f"against {peer}" for peer in against), "goal", "mean score"]]
    for name, way in ways.items():
        costs = [within(way[key], ".0f") for key in ("cpu_seconds", "wall_seconds", "peak_mib")]
        ratios = [times(cpu[peer], cpu[name]) for peer in against]
        goal = ", ".join(f"x{factor:g} of {peer}" for peer, factor in goals.get(name, {}).items())
        score = way["score"]
        spread = "" if score["sd"] is None else f" ± {score['sd']:.1f}"
        rows.append([name, *costs, *ratios, goal, f"{score['mean']:.1f}{spread}"])
    return rows


def predict(result: Result, pictures: Pictures) -> list[str]:
    """Return the section."""
    parts = []
    for task, found in result["tasks"].items():
        rate = {name: one["rows_per_second"] for name, one in found["ways"].items()}
        rows = [["way", "rows/s", "to (a)", "to (b)", "same answers", "largest difference of a logit"]]
        for name, one in found["ways"].items():
            ratios = [times(rate[name], rate[f"peft LoRA ({peer})"]) for peer in "ab"]
            same = (
                [f"{100 * one['same_answers']:.1f} %", f"{one['largest_difference']:.1g}"]
                if "same_answers" in one
                else ["–"] * 2
            )
            rows.append([name, within(rate[name]), *ratios, *same])
        spread = next(one["logit_sd"] for one in found["ways"].values() if "logit_sd" in one)
        text = (
            f"**{task}**: {found['rows']} rows of {len(found['languages'])} files, mean length {found['mean_length']} "
            f"tokens. Answers are compared with those of (a); its logits have a standard deviation of {spread}.\n"
        )
        parts += [text, table(rows), pictures.bars(rate, f"rows per second, {task}", f"-{task}")]
    return parts


def memory(result: Result, pictures: Pictures) -> list[str]:
    """Return the section."""
    peak = {name: one["peak_mib"] for name, one in result["ways"].items()}
    rows = [["way", "peak MiB", "of full (a)", "estimate MiB", "estimate / measured"]]
    for name, one in result["ways"].items():
        share = f"{peak[name]['median'] / peak['full fine-tuning (a)']['median']:.2f}"
        known = "estimated_mib" in one
        estimate = [f"{one['estimated_mib']:.0f}", f"{one['estimate_to_measured']:.2f}"] if known else ["–", "–"]
        rows.append([name, within(peak[name], ".0f"), share, *estimate])
    return [table(rows), pictures.bars(peak, "peak MiB")]


def limit(result: Result, pictures: Pictures) -> list[str]:
    """Return the section."""
    head = ["encoder, module, precision", "work", "ms of a step", "dense GFLOP/s", "of the floor", "strictly", "goal"]
    rows, bars, parts = [head], {}, []
    for name, row in result["rows"].items():
        if name == "quickstart":
            continue
        dense = f"{max(row['dense_gflops'].values()):.0f}"
        for work in ("training", "prediction"):
            costs = row[work]
            goal = f"{row['goal']:g}" if row["goal"] and work == "training" else ""
            multiples = [within(costs["of_floor"], ".2f"), within(costs["of_strict_floor"], ".2f")]
            rows.append([name, work, within(costs["milliseconds_of_a_step"]), dense, *multiples, goal])
        bars[f"ours, {name}"] = row["training"]["of_floor"]
        if row["training"]["self_time"]:
            top = (
                f"`{operator['operator']}` {100 * operator['share']:.0f} %" for operator in row["training"]["self_time"]
            )
            parts.append(f"- {name}: {', '.join(top)}\n")
    text = "Where the time of training steps goes, by the operators' own time:\n"
    whole = _quickstart(result["rows"]["quickstart"]) if "quickstart" in result["rows"] else []
    return [table(rows), pictures.bars(bars, "training step, as a multiple of its floor"), text, "".join(parts), *whole]


def _quickstart(part: Result) -> list[str]:
    """Return the section on the quickstart."""
    rows = [["quickstart", "nodes", "CPU s", "of the floor", "strictly"]]
    for kind, costs in part["kinds"].items():
        multiples = [f"{costs[floor]:.2f}" for floor in ("of_floor", "of_strict_floor")]
        rows.append([kind, str(costs["nodes"]), f"{costs['cpu_seconds']:.0f}", *multiples])
    nodes = sum(costs["nodes"] for costs in part["kinds"].values())
    multiples = [f"{part['of_floor']:.2f}", f"{part['of_strict_floor']:.2f}"]
    rows.append(["all of them", str(nodes), f"{part['cpu_seconds']:.0f}", *multiples])
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in part["phases"].items())
    text = (
        f"The quickstart with `{' '.join(part['overrides'])}`, node after node in one process; the goal is "
        f"{part['goal']:g}. The CPU time of all its nodes by phase: {shares}.\n"
    )
    return [text, table(rows)]


def scaling(result: Result, pictures: Pictures) -> list[str]:
    """Return the section."""
    parts, panels = [], {}
    labels = {
        "modules": "modules, top half, one after another",
        "length": "tokens of a row",
        "layers": "adapted layers from the top",
        "languages": "languages predicted",
        "plan": "plan, cells",
    }
    for name, label in labels.items():
        points = result["series"][name]
        rows = [[label, "seconds", "against the first"]]
        first = next(iter(points.values()))["seconds"]
        curves: dict[str, list[tuple[float, float]]] = {}
        for point, one in points.items():
            rows.append([point, within(one["seconds"], ".2f"), times(one["seconds"], first)])
            number, _, kind = point.partition(" ")
            curves.setdefault(kind or "anew", []).append((float(number), one["seconds"]["median"]))
        panels[label.replace(", one after another", "")] = curves
        parts.append(table(rows))
    return [*parts, pictures.lines(panels)]


def engine(result: Result, pictures: Pictures) -> list[str]:  # noqa: ARG001 - a table says it all
    """Return the section."""
    rows = [["nodes", "jobs", "messages", "µs of a message", "with the display", "rescan", "plan MiB", "run MiB"]]
    for sweep in result["sweeps"].values():
        counts = [f"{sweep[name]:,}" for name in ("nodes", "jobs", "messages")]
        ways = [within(sweep["ways"][way]) if way in sweep["ways"] else "–" for way in ("counts", "lines", "rescan")]
        rows.append([*counts, *ways, f"{sweep['plan_mib']:.0f}", f"{sweep['run_mib']:.0f}"])
    return [table(rows)]


def startup(result: Result, pictures: Pictures) -> list[str]:
    """Return the section."""
    rows = [["process", "CPU seconds", "peak MiB"]]
    for name, way in result["ways"].items():
        rows.append([name, within(way["cpu_seconds"], ".2f"), within(way["peak_mib"], ".0f")])
    peaks = {name: way["peak_mib"] for name, way in result["ways"].items()}
    return [table(rows), pictures.bars(peaks, "peak MiB")]


def calibration(result: Result, pictures: Pictures) -> list[str]:  # noqa: ARG001 - a table says it all
    """Return the section."""
    rows = [["comparisons", "seeds", "trainings / items", "coverage of 95 % intervals", "families with a false mark"]]
    for name, setting in result["settings_measured"].items():
        family, seeds, ratio = name.split("; ")
        shown = [f"{100 * setting['coverage']:.1f} %", f"{100 * setting['false_marks']:.1f} %"]
        rows.append([family, seeds.removesuffix(" seeds"), ratio.removeprefix("ratio "), *shown])
    return [table(rows)]


def report(result: Result, pictures: Pictures) -> list[str]:  # noqa: ARG001 - a table says it all
    """Return the section."""
    rows = [["cells", "languages", "CPU seconds", "peak MiB", "HTML MB", "all files MB"]]
    for way in result["sizes"].values():
        sizes = [f"{way['html_mb']:.1f}", f"{way['files_mb']:.1f}"]
        rows.append([f"{way['cells']:,}", str(way["languages"]), f"{way['cpu']:.1f}", f"{way['peak_mib']:.0f}", *sizes])
    return [table(rows)]


def objectives(result: Result, pictures: Pictures) -> list[str]:  # noqa: ARG001 - a table says it all
    """Return the section."""
    rows = [["objective", "passes", "arithmetic told", "counted", "time", "peak MiB", "estimated MiB"]]
    for name, one in result["objectives"].items():
        passes = " + ".join(_passes(each) for each in one["passes"])
        ratios = [f"x{one['told']:.2f}", f"x{one['counted']:.2f}", f"x{one['time']['median']:.2f}"]
        rows.append([f"`{name}`", passes, *ratios, f"{one['peak_mib']:.0f}", f"{one['estimated_mib']:.0f}"])
    return [table(rows)]


def _passes(passes: Mapping[str, Any]) -> str:
    """Return the words for equal passes: `2 d` with a gradient for the perturbation alone, `1 w`, `1 dw`."""
    reached = ("d" if passes["perturbation"] else "") + ("w" if passes["weights"] else "")
    return f"{passes['count']:g} {reached}".strip()


SECTIONS = {
    "objectives": objectives,
    "calibration": calibration,
    "report": report,
    "train_step": train_step,
    "train_step-squad": train_step,
    "quality": quality,
    "buckets": buckets,
    "sweep": sweep,
    "sweep-whole": sweep,
    "sweep-base": sweep,
    "predict": predict,
    "memory": memory,
    "limit": limit,
    "scaling": scaling,
    "engine": engine,
    "startup": startup,
}


if __name__ == "__main__":
    main()
