"""Where the tasks of LexGLUE lie: one data set of the hub, and files of its rows as JSON lines.

Such files are written by `load_dataset(...).to_json`.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.data.task import FileSource, HubSource
from layover.tasks._fields import SPLITS

LANGUAGES = dict.fromkeys(SPLITS, ("en",))


def hub(config: str) -> dict[str, tuple[HubSource, ...]]:
    """Return the hub's source of every split."""
    return {split: (HubSource(path="coastalcph/lex_glue", config=config, split=split),) for split in SPLITS}


def files(folder: str, codes: tuple[str, ...] = ()) -> dict[str, tuple[FileSource, ...]]:
    """Return the file of every split; `codes` are the labels that its numbers stand for."""
    layout = FileLayout(format="jsonl")
    return {split: (FileSource(path=f"{folder}/{split}.jsonl", layout=layout, codes=codes),) for split in SPLITS}
