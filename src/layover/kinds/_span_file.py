"""XTREME's file of answers to questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from layover.data.reading import Columns
from layover.errors import DataError
from layover.kinds._submission import Submission


class Answers(Submission):
    """Id of the question -> answer, as JSON."""

    suffix: ClassVar[str] = "json"

    def text(self, answers: Sequence[Any], examples: Sequence[Any], columns: Columns) -> str:  # noqa: ARG002
        found = {example.id: answer for example, answer in zip(examples, answers, strict=True)}
        return json.dumps(found, ensure_ascii=False, indent=0) + "\n"

    def read(
        self,
        path: Path,
        examples: Sequence[Any],
        columns: Columns,  # noqa: ARG002
        labels: Sequence[str],  # noqa: ARG002
    ) -> list[Any]:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path}: not JSON ({error})") from error
        missing = [example.id for example in examples if example.id not in found]
        if missing or len(found) != len(examples):
            what = f"no answer to {missing[0]}" if missing else f"{len(found)} answers to {len(examples)} questions"
            raise DataError(f"{path}: {what}")
        return [str(found[example.id]) for example in examples]
