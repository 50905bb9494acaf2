"""The door of Adroit, with 25 human demonstrations by a data glove."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np

from ...dataset import write_dataset
from .ground import Ground

#: Returns that are 0 and 100 as D4RL normalises them.
LEAST, MOST = -56.512833, 2880.569309
#: Hinge at which the door counts as open, rad.
OPEN = 1.35
#: Where an observation has the palm's place beside the handle's, m.
PALM = slice(35, 38)


class Door(Ground):
    """AdroitHandDoor with the reward of the demonstrations. An episode is solved if the door is open at any step."""

    def rate(self) -> float:
        return 100.0

    def convert(self, source: str, out: Path) -> None:
        held = np.load(source)
        ends = held["episode_ends"]
        episodes = [
            {"observation": seen, "action": np.clip(done, -1.0, 1.0), "success": bool((seen[:, 28] >= OPEN).any())}
            for seen, done in zip(np.split(held["observations"], ends[:-1]), np.split(held["actions"], ends[:-1]))
        ]
        write_dataset(out, episodes, control_rate=self.rate(), task="door")

    def write(self, folder: Path, episodes: Sequence[dict[str, Any]], options: dict[str, Any]) -> None:
        faster = float(options.get("faster", 1.0))
        if unknown := [name for name in options if name != "faster"]:
            raise ValueError(f"{self.suite.name}: dataset: expected faster, found {unknown[0]}")
        rows = [{**e, **{key: resampled(e[key], faster) for key in ("observation", "action")}} for e in episodes]
        write_dataset(folder, rows, control_rate=self.rate(), task="door")

    def evaluation(self, starts: range) -> dict[str, Any]:
        def success(_: float, __: bool, ___: bool, info: dict[str, Any]) -> bool:
            return bool(info["success"])

        return {**super().evaluation(starts), "env": made, "env_kwargs": {}, "success": success, "success_at": "any"}

    def scores(self, episodes: Sequence[dict[str, Any]]) -> list[float]:
        """The normalised return."""
        return [100.0 * (episode["return"] - LEAST) / (MOST - LEAST) for episode in episodes]


def resampled(rows: Any, faster: float) -> Any:
    """Rows in `1 / faster` of the time, between the nearest two of them."""
    if faster == 1.0:
        return rows
    at = np.arange(0.0, len(rows) - 1, faster)
    low = at.astype(int)
    part = (at - low)[:, None]
    return ((1.0 - part) * rows[low] + part * rows[np.minimum(low + 1, len(rows) - 1)]).astype(np.float32)


def made() -> Any:
    """The environment, whose reward for the reach has the sign that the demonstrations' has."""
    import gymnasium as gym
    import gymnasium_robotics

    gym.register_envs(gymnasium_robotics)

    class Reach(gym.Wrapper):
        """gymnasium-robotics 1.2.1 to 1.4.2 pay for the distance from the handle, where it costs."""

        def step(self, action: Any) -> Any:
            seen, reward, *rest = self.env.step(action)
            return seen, reward - 0.2 * float(np.linalg.norm(seen[PALM])), *rest

    return Reach(gym.make("AdroitHandDoor-v1"))
