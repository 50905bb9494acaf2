"""A task of imle_planner as LeRobot has its environments: names of observations, numbers of episodes."""

import gymnasium as gym


class ImleEnv(gym.Wrapper):
    """The environment of a task with observations `agent_pos` and, with `pictures`, `pixels` by camera.

    The seed of a reset is the number of an episode: `reset(seed=3)` is episode 3 of `planner run --seed SEED`.
    """

    def __init__(self, task: str, pictures: bool = False, seed: int = 0):
        try:
            from imle_planner.environments import TaskEnv
        except ImportError as error:
            raise ImportError(f"--env.type=imle needs the native module of imle_planner: {error}") from None
        super().__init__(TaskEnv(task, "pixels_agent_pos" if pictures else "state", "rgb_array"))
        self.task, self._seed, self._pictures = task, seed, pictures
        if not pictures:
            self.observation_space = gym.spaces.Dict({"agent_pos": self.env.observation_space})

    def _named(self, observation) -> dict:
        return observation if self._pictures else {"agent_pos": observation}

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        # Without a seed the next episode follows.
        chosen = {} if seed is None else {"episode": seed}
        observation, info = self.env.reset(seed=None if seed is None else self._seed, options=chosen)
        return self._named(observation), info

    def step(self, action):
        observation, *rest = self.env.step(action)
        return self._named(observation), *rest
