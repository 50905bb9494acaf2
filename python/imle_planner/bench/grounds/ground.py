"""Any dataset and any Gymnasium environment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from ... import _native
from ...dataset import convert_dataset, write_dataset
from ..suite import Suite

#: Files of a LeRobot dataset, which needs no conversion.
INFO = Path("meta") / "info.json"


class Ground:
    """A dataset that :func:`imle_planner.convert_dataset` reads, and an environment that observes what is in it.

    Subclasses say what differs. A start is a seed of ``reset``; the score of an episode is 1 if it is solved.
    """

    def __init__(self, suite: Suite, task: str | None = None):
        self.suite, self.task = suite, task

    def demonstrations(self, source: str | None, folder: Path) -> Path:
        """The dataset of all demonstrations; made in ``folder`` from ``source``, unless it is one."""
        if source is None:
            raise ValueError(f"--data: expected the demonstrations: {self.suite.source or 'a dataset'}; found none")
        self._data = Path(source)
        if (self._data / INFO).exists():
            return self._data
        self._data = out = folder / "demonstrations"
        if not out.exists():
            try:
                self.convert(source, out)
            except Exception:
                if not out.exists():  # Another shard may have been first.
                    raise
        return out

    def convert(self, source: str, out: Path) -> None:
        """Make the dataset."""
        convert_dataset(source, out)

    def chosen(self, count: int, episodes: int | str, seed: int) -> list[int]:
        """Which of ``count`` demonstrations a cell learns from. Those of fewer episodes are among those of more."""
        if episodes == "all":
            return list(range(count))
        if not (isinstance(episodes, int) and 0 < episodes <= count):
            raise ValueError(f"{self.suite.name}: episodes: expected all, or 1 to {count}, found {episodes}")
        return sorted(np.random.RandomState(seed).permutation(count)[:episodes].tolist())

    def write(self, folder: Path, episodes: Sequence[dict[str, Any]], options: dict[str, Any]) -> None:
        """Write the episodes that a cell learns from."""
        if options:
            raise ValueError(f"{self.suite.name}: dataset: expected no options, found {', '.join(options)}")
        # Rate and terms are those of the demonstrations: of all grounds this one alone does not know them.
        spec = json.loads(_native.read_dataset(os.fspath(self._data))[0])
        terms = [{term["name"]: term["size"] for term in spec[of]["terms"]} for of in ("observation", "action")]
        write_dataset(
            folder, episodes, control_rate=spec["control_rate"], task=spec["task"], observation=terms[0], action=terms[1],
        )

    def evaluation(self, starts: range) -> dict[str, Any]:
        """Arguments of :func:`imle_planner.evaluate`."""
        bounds = self.suite.action_bounds
        return {
            "env": self.suite.environment, "starts": [self.start(number) for number in starts],
            "max_steps": self.suite.max_steps, "success_at": self.suite.success_at, "env_kwargs": self.suite.env_kwargs,
            "action_bounds": tuple(bounds) if bounds else None,
        }

    def start(self, number: int) -> Any:
        """What ``reset`` gets for a start."""
        return number

    def scores(self, episodes: Sequence[dict[str, Any]]) -> list[float]:
        """The score of each episode, from its record."""
        return [float(episode["success"]) for episode in episodes]
