"""Sources of the tasks of LexGLUE: one data set of the hub, and files of its rows as JSON lines.

`load_dataset(...).to_json` writes these files.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.data.task import FileSource, HubSource
from layover.tasks._fields import SPLITS

LANGUAGES = dict.fromkeys(SPLITS, ("en",))


def hub(config: str) -> dict[str, tuple[HubSource, ...]]:
    """Return the hub source of every split."""
    return {split: (HubSource(path="coastalcph/lex_glue", config=config, split=split),) for split in SPLITS}


def files(folder: str, codes: tuple[str, ...] = ()) -> dict[str, tuple[FileSource, ...]]:
    """Return the file of every split; `codes` are the labels in the order of its numbers."""
    layout = FileLayout(format="jsonl")
    return {split: (FileSource(path=f"{folder}/{split}.jsonl", layout=layout, codes=codes),) for split in SPLITS}
