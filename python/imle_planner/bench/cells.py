"""What a suite measures, and the file that keeps what was measured."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from .suite import OPTIONS, Part, Suite

#: Beginning of every line.
LINE = '{"cell": '


@dataclass(frozen=True)
class Cell:
    """One training and its evaluations."""

    part: Part
    method: str
    task: str | None
    episodes: int | str
    seed: int
    #: What the result depends on, all defaults written out: a line of results is found by it.
    key: dict[str, Any]
    #: The training whose generator this one is distilled from.
    teacher: Cell | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the training."""
        return dict(self.key["settings"])

    def __str__(self) -> str:
        task = f", {self.task}" if self.task else ""
        return f"{self.part.name}{task}: {self.method}, {self.episodes} episodes, seed {self.seed}"


def merged(*tables: dict[str, Any]) -> dict[str, Any]:
    """Tables laid over one another, tables within them too."""
    result: dict[str, Any] = {}
    for table in tables:
        for key, value in table.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def cells(suite: Suite, settings: dict[str, Any] | None = None, report: tuple[int, int] | None = None) -> Iterator[Cell]:
    """The cells of a suite. ``settings`` are laid over all others, ``report`` replaces the suite's starts."""

    def cell(part: Part, method: str, task: str | None, episodes: int | str, seed: int) -> Cell:
        training = merged(suite.settings, suite.methods[method], part.settings, part.methods.get(method, {}), settings or {})
        training.setdefault("method", "imle")
        options = {key: training.pop(key) for key in OPTIONS if key in training}
        taught = cell(part, options["teacher"], task, episodes, seed) if "teacher" in options else None
        key = {
            "suite": suite.name, "environment": suite.environment, "episodes": episodes, "dataset": part.dataset,
            "seed": seed, "settings": training, "execute": part.execute,
            "curve": [suite.tune[0], suite.curve, part.curve] if part.curve else None,
            "report": list(report or suite.report),
        }
        if task is not None:
            key["task"] = task
        if "samplings" in options:
            key["samplings"] = options["samplings"]
        if taught is not None:
            key["teacher"] = taught.key
        return Cell(part, method, task, episodes, seed, key, taught)

    for part in suite.part:
        tasks: list[str | None] = list(part.tasks or suite.tasks)
        for task in tasks or [None]:
            for seed in part.seeds:
                for episodes in part.episodes:
                    for method in part.methods:
                        yield cell(part, method, task, episodes, seed)


def same(key: Any) -> str:
    """A key whatever the order of its entries."""
    return json.dumps(key, sort_keys=True)


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The lines of a file of results, by cell; the last of a cell counts."""
    if not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            record = json.loads(line)
            found[same(record["cell"])] = record
        except (json.JSONDecodeError, KeyError, TypeError):
            raise ValueError(f"{path}:{number}: expected a line {LINE}…, found {line[:40]!r}") from None
    return found


def append(path: Path, record: dict[str, Any]) -> None:
    """Write one more line, whole: several processes may share the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(record) + "\n").encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)
