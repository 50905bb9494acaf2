"""Tasks of Meta-World, with demonstrations of the package's own scripted experts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np

from ...dataset import write_dataset
from .ground import Ground

#: Longest episode, and demonstrations made of each task.
STEPS, DEMONSTRATIONS = 500, 10
#: Steps that a demonstration goes on after success, so that holding still is shown too.
AFTER = 10
#: First start of the demonstrations.
FIRST = 0


class MetaWorld(Ground):
    """A task whose goal is observed, with a seed a start. An episode is solved if the task is at any step."""

    def rate(self) -> float:
        return 80.0

    def demonstrations(self, source: str | None, folder: Path) -> Path:
        out = folder / f"demonstrations-{self.task}"
        if not out.exists():
            write_dataset(out, demonstrated(str(self.task)), control_rate=self.rate(), task=str(self.task))
        return out

    def write(self, folder: Path, episodes: Sequence[dict[str, Any]], options: dict[str, Any]) -> None:
        write_dataset(folder, episodes, control_rate=self.rate(), task=str(self.task))

    def evaluation(self, starts: range) -> dict[str, Any]:
        def success(_: float, __: bool, ___: bool, info: dict[str, Any]) -> bool:
            return bool(info["success"] > 0)

        name = str(self.task)
        return {**super().evaluation(starts), "env": lambda: made(name), "env_kwargs": {}, "success": success,
                "success_at": "any", "max_steps": STEPS}


def made(task: str) -> Any:
    """The environment: ``reset(seed)`` draws object and goal by the seed, which Meta-World's own ignores."""
    import gymnasium as gym
    import metaworld
    from metaworld.sawyer_xyz_env import SawyerMocapBase

    SawyerMocapBase.reset_mocap_welds = welded
    kinds = metaworld.ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE
    if f"{task}-goal-observable" not in kinds:
        raise ValueError(f"metaworld: unknown task `{task}`")

    class Seeded(gym.Wrapper):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
            inner = self.env.unwrapped
            inner._freeze_rand_vec = False
            inner.seeded_rand_vec = True
            inner.seed(seed)
            return inner.reset()

        def step(self, action: Any) -> Any:
            seen, reward, *rest = self.env.unwrapped.step(np.clip(action, -1.0, 1.0))
            return seen, float(reward), *rest

    return Seeded(kinds[f"{task}-goal-observable"](seed=0))


def welded(self: Any) -> None:
    """Meta-World's own, for a MuJoCo whose constraints have more than 11 values: what is behind them stays."""
    import mujoco

    if self.model.nmocap > 0:
        welds = self.model.eq_type == mujoco.mjtEq.mjEQ_WELD
        self.model.eq_data[welds, :11] = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 5.0]


def demonstrated(task: str) -> list[dict[str, Any]]:
    """Solved episodes of the scripted expert, from starts that no evaluation uses."""
    from metaworld.policies import ENV_POLICY_MAP

    env, expert, episodes = made(task), ENV_POLICY_MAP[task](), []
    for start in range(FIRST, FIRST + 10 * DEMONSTRATIONS):
        seen, _ = env.reset(seed=start)
        rows: list[tuple[Any, Any]] = []
        left = None
        for _ in range(STEPS):
            action = np.clip(expert.get_action(seen), -1.0, 1.0)
            rows.append((seen, action))
            seen, _, _, _, info = env.step(action)
            left = AFTER if left is None and info["success"] > 0 else left
            if left is not None:
                left -= 1
                if left < 0:
                    break
        if left is not None:
            episodes.append({"observation": np.array([r[0] for r in rows]), "action": np.array([r[1] for r in rows])})
        if len(episodes) == DEMONSTRATIONS:
            break
    env.close()
    if len(episodes) < DEMONSTRATIONS:
        raise ValueError(f"metaworld: {task}: expected {DEMONSTRATIONS} solved demonstrations, found {len(episodes)}")
    return episodes
