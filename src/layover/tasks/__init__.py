"""Tasks, one module each, by file name; a module in a subfolder has the name `folder/name`."""

from __future__ import annotations

from layover import plugins
from layover.data.task import FileSource, HubSource, Joined, Location, Place
from layover.errors import DataError
from layover.kinds._keys import FROM_TRAINING
from layover.registry import Registry, instance_of
from layover.tasks._census import QUANTILES, Census, take_census
from layover.tasks._declare import declare
from layover.tasks._fields import SPLITS, Paths
from layover.tasks._foreign_tags import foreign_tag
from layover.tasks._overlap import Overlap, find_overlap, texts_in
from layover.tasks._own import OwnTask
from layover.tasks._own_mistakes import idle, mistakes
from layover.tasks._own_values import language_name
from layover.tasks._paths import is_saved, kind_of_file
from layover.tasks._rows import absent_gold
from layover.tasks._survey import SharedTexts, Survey, Texts, take_survey, take_texts
from layover.tasks._task import Task
from layover.tasks._xtreme import Averages, average

_TASKS: Registry[Task] = Registry(__name__, __path__, "TASK", DataError, group=plugins.TASKS, fits=instance_of(Task))
names, get, usable = _TASKS.names, _TASKS.get, _TASKS.usable


def official() -> dict[str, Task]:
    """Return XTREME's nine tasks by name; a submission uses the same names for its folders."""
    return {name: task for name in usable() if (task := get(name)).xtreme}


__all__ = [
    "FROM_TRAINING",
    "QUANTILES",
    "SPLITS",
    "Averages",
    "Census",
    "FileSource",
    "HubSource",
    "Joined",
    "Location",
    "Overlap",
    "OwnTask",
    "Paths",
    "Place",
    "SharedTexts",
    "Survey",
    "Task",
    "Texts",
    "absent_gold",
    "average",
    "declare",
    "find_overlap",
    "foreign_tag",
    "get",
    "idle",
    "is_saved",
    "kind_of_file",
    "language_name",
    "mistakes",
    "names",
    "official",
    "take_census",
    "take_survey",
    "take_texts",
    "texts_in",
    "usable",
]
