"""Settings of the environment type `imle`."""

from dataclasses import dataclass, field
from functools import partial

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.envs.configs import EnvConfig
from lerobot.envs.utils import freeze_after_episode_end
from lerobot.utils.constants import ACTION, OBS_IMAGES, OBS_STATE

from .environment import ImleEnv


@EnvConfig.register_subclass("imle")
@dataclass
class ImleEnvConfig(EnvConfig):
    """A task of imle_planner: `--env.type=imle --env.task=stack`.

    `agent_pos`, LeRobot's `observation.state`, is the whole observation of the task; with `pictures` there are
    `observation.images.NAME` of its cameras too.
    """

    # A built-in task, or the path of a task's file.
    task: str | None = "stack"
    # Pictures of the task's cameras beside the state.
    pictures: bool = False
    # Seed of the start states, that of `planner run --seed`; the seed of a reset is the number of the episode.
    seed: int = 0
    features_map: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        env = ImleEnv(**self.gym_kwargs)
        try:
            self.fps = round(env.metadata["render_fps"])
            spaces = env.observation_space.spaces
            vector = lambda kind, space: PolicyFeature(type=kind, shape=space.shape)
            self.features = {ACTION: vector(FeatureType.ACTION, env.action_space)}
            self.features["agent_pos"] = vector(FeatureType.STATE, spaces["agent_pos"])
            self.features_map = {ACTION: ACTION, "agent_pos": OBS_STATE}
            for camera, space in spaces.get("pixels", gym.spaces.Dict()).spaces.items():
                # By the name under which `--eval.recording` looks for it.
                name = f"{OBS_IMAGES}.{camera}"
                self.features[name] = vector(FeatureType.VISUAL, space)
                self.features_map[name] = name
        finally:
            env.close()

    @property
    def gym_kwargs(self) -> dict:
        return {"task": self.task, "pictures": self.pictures, "seed": self.seed}

    def create_envs(self, n_envs: int, use_async_envs: bool = False) -> dict[str, dict[int, gym.vector.VectorEnv]]:
        """`n_envs` copies, side by side in this process or each in its own. An episode that has ended costs nothing."""
        make = [freeze_after_episode_end(partial(ImleEnv, **self.gym_kwargs)) for _ in range(n_envs)]
        if use_async_envs and n_envs > 1:
            envs = AsyncVectorEnv(make, context="forkserver", autoreset_mode=AutoresetMode.SAME_STEP)
        else:
            envs = SyncVectorEnv(make, autoreset_mode=AutoresetMode.SAME_STEP)
        return {"imle": {0: envs}}
