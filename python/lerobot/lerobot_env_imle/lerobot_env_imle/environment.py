"""A task of imle_planner as LeRobot has its environments: names of observations, names of attributes."""

import gymnasium as gym
import numpy as np


class ImleEnv(gym.Wrapper):
    """The Gymnasium environment `imle_planner/TASK-v0` with observations `agent_pos` and, with `pictures`, `pixels`.

    The seed of a reset is the number of an episode: `reset(seed=3)` is episode 3 of `planner run --seed SEED`.
    """

    def __init__(self, task: str, pictures: bool = False, seed: int = 0):
        import imle_planner  # noqa: F401, registers the environments

        kind = "pixels" if pictures else "state"
        env = gym.make(f"imle_planner/{task}-v0", obs_type=kind, render_mode="rgb_array", disable_env_checker=True)
        super().__init__(env)
        self.task, self._seed = task, seed
        self.task_description = task.replace("_", " ")
        self._max_episode_steps = env.spec.max_episode_steps or env.unwrapped.max_episode_steps
        space = env.observation_space
        spaces = space.spaces if isinstance(space, gym.spaces.Dict) else {"agent_pos": space}
        self._state = "agent_pos" if "agent_pos" in spaces else "state"
        self.observation_space = gym.spaces.Dict(self._renamed(spaces))

    def _renamed(self, parts: dict) -> dict:
        """State and pictures by LeRobot's names."""
        rest = {name: part for name, part in parts.items() if name == "pixels"}
        return {"agent_pos": parts[self._state], **rest}

    def observation(self, observation) -> dict:
        parts = observation if isinstance(observation, dict) else {self._state: observation}
        named = self._renamed(parts)
        return named | {"agent_pos": np.asarray(named["agent_pos"], dtype=np.float32)}

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        chosen = {} if seed is None else {"episode": seed}
        observation, info = self.env.reset(seed=self._seed, options=chosen)
        return self.observation(observation), info

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(np.asarray(action, dtype=np.float32))
        info = {"is_success": False} | info
        return self.observation(observation), reward, terminated, truncated, info
