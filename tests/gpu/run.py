"""The process of the pretended device: run rounds there, and write what happened to a file."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.gpu import shim
from tests.thorough import THOROUGH

if TYPE_CHECKING:
    from tests.gpu.events import Log


@contextmanager
def device() -> Iterator[Log]:
    """Let the device be there; yield what happens on it. The check of its products passes, for it has no numbers."""
    from tests.gpu.pretended import pretended

    import layover
    from layover.encoder import dropout, precision

    with (
        pretended(Path(layover.__file__).parent, Path(__file__).parent) as log,
        mock.patch.object(precision, "_product_error", lambda *settings: 5e-4 if "high" in settings else 3e-7),
        # no kernel of Triton, where it is installed, runs on a device that is not there
        mock.patch.object(dropout, "_is_fused", return_value=False),
    ):
        yield log


def report_of(play: Callable[[], object]) -> dict[str, Any]:
    """Return the error, the events and the operators of a round."""
    error, started = "", time.process_time()
    with device() as log:
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

    from layover.encoder.quantising import bitsandbytes
    from layover.errors import ModelError

    world, rounds_said, plants_said = World(folder), {}, {}
    with suppress(ModelError):
        bitsandbytes()  # imported before the device is there, for which it would look for kernels
    with device():
        every = list(rounds.every(product=THOROUGH))
    for name, play in every:
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
