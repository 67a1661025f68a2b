"""The process of the pretended device: run rounds there, and write what happened to a file."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.gpu import shim


def reports(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """Return the name of every round -> its error, events and operators."""
    import layover
    from tests.gpu import rounds
    from tests.gpu.pretended import pretended
    from tests.gpu.world import World

    world, said = World(folder), {}
    ours = Path(layover.__file__).parent, Path(__file__).parent
    wanted = set(names)
    with pretended(*ours):
        every = dict(rounds.every())
        world.data, world.source  # noqa: B018  made once, outside of the rounds
    for name, play in every.items():
        if wanted and name not in wanted:
            continue
        error, started = "", time.process_time()
        with pretended(*ours) as log:
            try:
                play(world)
            except Exception:
                error = traceback.format_exc()
        said[name] = {
            "error": error,
            "events": [[*vars(event).values(), count] for event, count in log.events.items()],
            "operators": log.operators,
            "seconds": time.process_time() - started,
        }
    return said


if __name__ == "__main__":
    library, folder, *names = sys.argv[1:]
    shim.install(Path(library))
    (Path(folder) / "report.json").write_text(json.dumps(reports(Path(folder), names)), encoding="utf-8")
