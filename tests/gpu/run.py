"""The process of the pretended device: run rounds there, and write what happened to a file."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gpu import shim


def report_of(play: Callable[[], object]) -> dict[str, Any]:
    """Return the error, the events and the operators of a round."""
    from tests.gpu.pretended import pretended

    import layover

    error, started = "", time.process_time()
    with pretended(Path(layover.__file__).parent, Path(__file__).parent) as log:
        try:
            play()
        except Exception:  # noqa: BLE001  whatever it is, it is reported
            error = traceback.format_exc()
    return {
        "error": error,
        "events": [{**vars(event), "count": count} for event, count in log.events.items()],
        "operators": log.operators,
        "seconds": time.process_time() - started,
    }


def reports(folder: Path, names: set[str]) -> dict[str, Any]:
    """Return the reports of rounds and of planted faults by name, and the kinds; no names are all names."""
    from tests.gpu import plants, rounds
    from tests.gpu.world import World

    world, rounds_said, plants_said = World(folder), {}, {}
    # the list is made before the device is there: a library that it imports would look for kernels
    for name, play in list(rounds.every(product=os.environ.get("LAYOVER_DEVICE_ROUNDS") == "all")):
        if not names or name in names:
            rounds_said[name] = report_of(lambda play=play: play(world))
    for name, plant in plants.every():
        if not names or name in names:
            with plant.planted():
                said = report_of(lambda: rounds.trained(rounds.LORA(), "fp32", rounds.ONE, world))
            plants_said[name] = {**said, "shows": plant.shows, "line": plant.line}
    return {"rounds": rounds_said, "plants": plants_said, "kinds": sorted(world.predicted)}


if __name__ == "__main__":
    library, folder, *wanted = sys.argv[1:]
    shim.install(Path(library))
    (Path(folder) / "report.json").write_text(json.dumps(reports(Path(folder), set(wanted))), encoding="utf-8")
