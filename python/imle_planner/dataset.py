"""Datasets of episodes, LeRobot v3, made of arrays."""

from __future__ import annotations

import os
from typing import Any, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from . import _native


def write_dataset(
    folder: str | os.PathLike[str],
    episodes: Sequence[Mapping[str, Any]],
    *,
    control_rate: float,
    task: str = "task",
    observation: Mapping[str, int] | None = None,
    action: Mapping[str, int] | None = None,
) -> None:
    """Write episodes to a new folder that :func:`imle_planner.train` and LeRobot read.

    An episode is ``{"observation": (L, O), "action": (L, A), "success": True}``; success is True where it is left out.
    ``observation`` and ``action`` name the terms with their sizes; by default all values are one term, ``state`` and
    ``action``.
    """
    if not episodes:
        raise ValueError("episodes: expected at least one, found none")
    for index, episode in enumerate(episodes):
        for key in ("observation", "action"):
            if key not in episode:
                raise ValueError(f"episode {index}: expected the key `{key}`, found {', '.join(map(str, episode))}")
    seen = [_rows(episode["observation"]) for episode in episodes]
    done = [_rows(episode["action"]) for episode in episodes]
    observation = observation or {"state": seen[0].shape[-1]}
    action = action or {"action": done[0].shape[-1]}
    _native.write_dataset(
        os.fspath(folder), task, float(control_rate), list(observation.items()), list(action.items()), seen, done,
        [bool(episode.get("success", True)) for episode in episodes],
    )


def _rows(values: ArrayLike) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)
