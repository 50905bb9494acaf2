"""Datasets of episodes, LeRobot v3: written from arrays, read into arrays, converted from other formats."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping, Sequence

import numpy as np

from . import _native
from .task import Task, task_of


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

    An episode is ``{"observation": (L, O), "action": (L, A), "success": True}``; success is True where it is left out. An
    observation may be a dictionary of arrays (L, …), whose keys are then the terms, sorted by name.
    ``observation`` and ``action`` name the terms with their sizes; by default all values are one term, ``state`` and
    ``action``.
    """
    if not episodes:
        raise ValueError("episodes: expected at least one, found none")
    for index, episode in enumerate(episodes):
        for key in ("observation", "action"):
            if key not in episode:
                raise ValueError(f"episode {index}: expected the key `{key}`, found {', '.join(map(str, episode))}")
    first = episodes[0]["observation"]
    if observation is None and isinstance(first, Mapping):
        observation = {name: int(np.prod(np.shape(first[name])[1:])) for name in sorted(first)}
    seen = [_rows(f"episode {i}: observation", e["observation"], observation) for i, e in enumerate(episodes)]
    done = [_rows(f"episode {i}: action", e["action"], action) for i, e in enumerate(episodes)]
    observation = observation or {"state": seen[0].shape[-1]}
    action = action or {"action": done[0].shape[-1]}
    _native.write_dataset(
        os.fspath(folder), task, float(control_rate), list(observation.items()), list(action.items()), seen, done,
        [bool(episode.get("success", True)) for episode in episodes],
    )


def read_dataset(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The episodes of a dataset: ``observation`` (L, O), ``action`` (L, A), and ``success`` of each."""
    _, episodes = _native.read_dataset(os.fspath(folder))
    return [{"observation": seen, "action": done, "success": success} for seen, done, success in episodes]


def convert_dataset(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    task: str | Task | None = None,
    observation: Sequence[str] = (),
    action: Sequence[str] = (),
    **options: Any,
) -> dict[str, Any]:
    """Convert a dataset of another format (LeRobot v2, robomimic HDF5, zarr, CSV, Parquet) to a new folder.

    As ``planner data convert``: ``observation`` and ``action`` name the columns, with ``NAME[FROM:TO]`` for some of their
    values; further options are ``name``, ``control_rate``, ``resample``, ``images``, ``episodes``, ``skip_broken``. Returns
    what was found; ``notes`` names what was left out.
    """
    known = task_of(task)
    choices = {"observation": list(observation), "action": list(action), **options}
    native = known._native if known is not None else None
    return json.loads(_native.convert_dataset(os.fspath(source), os.fspath(out), native, json.dumps(choices)))


def _rows(place: str, values: Any, terms: Mapping[str, int] | None) -> np.ndarray:
    """The rows (L, n) of an episode, from an array or a dictionary of the terms."""
    if isinstance(values, Mapping):
        missing = [name for name in terms or () if name not in values]
        if missing:
            raise ValueError(f"{place}: expected the key `{missing[0]}`, found {', '.join(map(str, values))}")
        parts = [_rows(f"{place}: {name}", values[name], None) for name in terms or sorted(values)]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    try:
        return np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError(f"{place}: expected numbers, (L, n), found {type(values).__name__}") from None
