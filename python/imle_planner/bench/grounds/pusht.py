"""Push-T with the human demonstrations of Diffusion Policy, from state."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Sequence

import numpy as np
from numpy.typing import NDArray

from ...dataset import convert_dataset, read_dataset, write_dataset
from .ground import Ground

#: What is read of the demonstrations: nine points of the T, the agent, and the pose of the T.
COLUMNS = ["keypoint", "state[0:2]", "state[2:5]"]
#: Values of an observation: the points and the agent.
SEEN = 20
#: Control rate, Hz.
RATE = 10.0


class PushT(Ground):
    """The agent and nine points of the T, as Diffusion Policy observes them; gym-pusht's own points are others."""

    def convert(self, source: str, out: Path) -> None:
        convert_dataset(source, out, name="push_t", control_rate=RATE, observation=COLUMNS)

    def chosen(self, count: int, episodes: int | str, seed: int) -> list[int]:
        if episodes == "diffusion-policy":
            return diffusion_policy(count)
        return super().chosen(count, episodes, seed)

    def write(self, folder: Path, episodes: Sequence[dict[str, Any]], options: dict[str, Any]) -> None:
        rows = [{**episode, "observation": episode["observation"][:, :SEEN]} for episode in episodes]
        terms = {"keypoint": SEEN - 2, "agent": 2}
        write_dataset(folder, rows, control_rate=RATE, task="push_t", observation=terms)

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """The points (9, 2) in the frame of the T: their mean over the demonstrations, which have points and pose."""
        rows = np.concatenate([episode["observation"] for episode in read_dataset(self._data)]).astype(float)
        points, place, angle = rows[:, : SEEN - 2].reshape(-1, 9, 2), rows[:, 20:22], rows[:, 22]
        return np.einsum("nij,nkj->ki", turned(-angle), points - place[:, None]) / len(rows)

    def evaluation(self, starts: range) -> dict[str, Any]:
        points = self.points

        def observation(state: NDArray[np.float64]) -> NDArray[np.float64]:
            """What the policy sees of (agent x, agent y, block x, block y, block angle)."""
            seen = points @ turned(state[4]).T + state[2:4]
            return np.concatenate([seen.reshape(-1), state[:2]])

        return {**super().evaluation(starts), "observation": observation, "num_envs": 32}

    def start(self, number: int) -> dict[str, Any]:
        """The legacy reset, which the demonstrations and Diffusion Policy use; gym-pusht's own draws others."""
        r = np.random.RandomState(number)
        place = [r.randint(50, 450), r.randint(50, 450), r.randint(100, 400), r.randint(100, 400)]
        return {"reset_to_state": np.array([*place, r.randn() * 2 * np.pi - np.pi])}

    def scores(self, episodes: Sequence[dict[str, Any]]) -> list[float]:
        """The greatest clip(coverage / 0.95, 0, 1)."""
        return [episode["best_reward"] for episode in episodes]


def turned(angle: Any) -> NDArray[np.float64]:
    """Rotation matrices (…, 2, 2) of angles."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)


def diffusion_policy(count: int) -> list[int]:
    """The episodes that Diffusion Policy trains on: 2 % are left out, then at most 90 are drawn, both with seed 42."""
    held = np.random.default_rng(42).choice(count, size=min(max(1, round(count * 0.02)), count - 1), replace=False)
    rest = np.setdiff1d(np.arange(count), held)
    drawn = np.random.default_rng(42).choice(len(rest), size=min(90, len(rest)), replace=False)
    return sorted(rest[drawn].tolist())
