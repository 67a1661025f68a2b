"""How often the report's statistics are right, on simulated sweeps in which no intermediate changes anything.

    python benchmarks/calibration.py [--families 4000]

Coverage of the 95 % intervals, and the share of families of comparisons with a false mark, for 3, 5 and 10 seeds,
ratios of the variance over trainings to the variance over items, and sizes of families.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace

from _common import arguments, finish, tell
from _simulated_cells import Rates, Setting, rates

SEEDS, RATIOS = (3, 5, 10), (0.2, 1.0, 5.0)
SIZES = {"4 methods x 3": (4, 3), "1 method x 3": (1, 3), "1 comparison": (1, 1)}


def settings() -> dict[str, Setting]:
    """Return every setting by a name."""
    found = {}
    for size, (methods, intermediates) in SIZES.items():
        for unequal in (0.0, 0.5) if methods > 1 else (0.0,):
            for seeds in SEEDS:
                for ratio in RATIOS:
                    setting = replace(Setting(seeds, ratio), methods=methods, intermediates=intermediates)
                    name = f"{size}{', unequal' if unequal else ''}; {seeds} seeds; ratio {ratio:g}"
                    found[name] = replace(setting, unequal=unequal)
    return found


def _rates(setting: Setting, families: int) -> Rates:
    return rates(setting, families=families)


def main() -> None:
    """Measure."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--families", type=int, default=4000, help="simulated families of each setting")
    given = parser.parse_args()
    if given.quick:
        given.families = 20
    every = settings()
    with ProcessPoolExecutor(2) as pool:
        found = pool.map(_rates, every.values(), [given.families] * len(every))
        results = {}
        for name, setting, rate in zip(every, every.values(), found, strict=True):
            results[name] = {**asdict(setting), **asdict(rate)}
            tell(f"{name}: coverage {rate.coverage:.3f}, false marks {rate.false_marks:.3f}")
    finish("calibration", given, {"encoder": "no", "settings_measured": results})


if __name__ == "__main__":
    main()
