"""The built-in tasks as Gymnasium environments: ``gymnasium.make("imle_planner/stack-v0")``."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from . import _native
from ._checks import EPISODES, SEED, whole
from .task import Task, task_names, task_of

#: What an environment observes: the state, pictures of the cameras, or both.
OBSERVATIONS = ("state", "pixels", "pixels_agent_pos")


def register() -> None:
    """Register an environment for every built-in task, ``imle_planner/NAME-v0``."""
    for name in task_names():
        identity = f"imle_planner/{name}-v0"
        if identity not in gym.registry:
            gym.register(
                identity, "imle_planner.environments:TaskEnv", kwargs={"task": name},
                vector_entry_point="imle_planner.environments:TaskVectorEnv",
            )


class _Spaces:
    """Task, spaces, and observations in them."""

    def __init__(self, task: Any, obs_type: str, count: int):
        if obs_type not in OBSERVATIONS:
            raise ValueError(f"obs_type: expected {', '.join(OBSERVATIONS)}, found {obs_type}")
        known = task_of(task)
        if known is None:
            raise TypeError("task: expected a name, a TOML file or a Task, found None")
        self.task: Task = known
        self.kind = obs_type
        state = spaces.Box(-np.inf, np.inf, (self.task.observation_size,), np.float32)
        cameras: dict[str, spaces.Space[Any]] = {
            name: spaces.Box(0, 255, (h, w, 3), np.uint8) for name, (w, h) in self.task.cameras.items()
        }
        if obs_type != "state" and not cameras:
            raise ValueError(f"obs_type: expected state, as {self.task.name} has no camera, found {obs_type}")
        self.observation = {
            "state": state,
            "pixels": spaces.Dict(cameras),
            "pixels_agent_pos": spaces.Dict({"pixels": spaces.Dict(cameras), "agent_pos": state}),
        }[obs_type]
        self.action = spaces.Box(self.task.action_low, self.task.action_high, dtype=np.float32)
        self.worlds = _native.Worlds(self.task._native, count)

    def seen(self, rows: np.ndarray, which: list[int]) -> Any:
        """Observations (n, …) of the copies ``which``, whose states are seen as ``rows``."""
        if self.kind == "state":
            return rows
        pictures = self.worlds.pictures(which)
        return pictures if self.kind == "pixels" else {"pixels": pictures, "agent_pos": rows}


def _first(batch: Any) -> Any:
    return {key: _first(value) for key, value in batch.items()} if isinstance(batch, dict) else batch[0]


class TaskEnv(gym.Env):
    """One episode of a task at a time, with the dynamics, start states and ends of ``planner run``.

    ``obs_type`` is ``state`` (O,), ``pixels`` (a dictionary of pictures (H, W, 3) by camera), or ``pixels_agent_pos``
    (both, under ``pixels`` and ``agent_pos``). The reward is the task's own (``[reward]`` in its file). An episode
    terminates when the task is solved or lost, and is truncated when its steps are over or the simulation failed.
    ``info`` has ``is_success``, ``cost``, and ``failure`` if the simulation failed.

    ``reset(seed=s)`` begins episode 0 of seed ``s``, every further ``reset()`` the next; ``options={"episode": k}``
    chooses the number, ``options={"state": x}`` a full state of the model.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(self, task: Any, obs_type: str = "state", render_mode: str | None = None):
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: expected rgb_array, found {render_mode}")
        self._inner = _Spaces(task, obs_type, 1)
        self.task = self._inner.task
        self.observation_space, self.action_space = self._inner.observation, self._inner.action
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": round(self.task.control_rate)}
        self.task_description, self._max_episode_steps = self.task.description, self.task.max_steps
        self._seed, self._next, self._begun = 0, 0, False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        if seed is not None:
            self._seed, self._next = whole("seed", seed, SEED), 0
        options = options or {}
        unknown = sorted(set(options) - {"episode", "state"})
        if unknown:
            raise ValueError(f"options: expected episode or state, found {', '.join(unknown)}")
        episode = whole("episode", options.get("episode", self._next), (0, EPISODES[1]))
        worlds = self._inner.worlds
        if "state" in options:
            rows = worlds.start_in(0, options["state"], self._seed, episode)
        else:
            rows = worlds.reset([0], self._seed, [episode])
        self._next, self._begun = episode + 1, True
        return self._observed(rows), self._info(False, None)

    def step(self, action: Any):
        if not self._begun:
            raise RuntimeError("step: expected a reset before it, found none")
        rows, rewards, solved, lost, over, failures = self._inner.worlds.step([0], np.reshape(action, (1, -1)))
        info = self._info(bool(solved[0]), failures[0])
        return self._observed(rows), float(rewards[0]), bool(solved[0] or lost[0]), bool(over[0]), info

    def render(self):
        return self._inner.worlds.render(0) if self.render_mode == "rgb_array" else None

    def state(self) -> np.ndarray:
        """The full physics state, as :class:`imle_planner.Controller` takes it."""
        return self._inner.worlds.state(0)

    def _observed(self, rows: np.ndarray) -> Any:
        return _first(self._inner.seen(rows, [0]))

    def _info(self, solved: bool, failure: str | None) -> dict[str, Any]:
        info: dict[str, Any] = {"is_success": solved, "cost": float(self._inner.worlds.costs()[0])}
        return info if failure is None else {**info, "failure": failure}


class TaskVectorEnv(VectorEnv):
    """Many episodes of a task, stepped together in Rust.

    As :class:`TaskEnv`. ``reset(seed=s)`` begins episodes 0, 1, … of seed ``s``, one in each copy; an episode that is over
    is followed by the next that nobody has had, at the next step or, with ``autoreset_mode="SameStep"``, in the same.
    ``reset(seed=[s, t, …])`` begins episode 0 of a seed for each copy, as Gymnasium's own vector environments do, and each
    goes on with its own seed.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20, "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        task: Any,
        num_envs: int = 1,
        obs_type: str = "state",
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    ):
        num_envs = whole("num_envs", num_envs, (1, 1 << 16))
        self._inner = _Spaces(task, obs_type, num_envs)
        self.task, self.num_envs, self.render_mode = self._inner.task, num_envs, render_mode
        self.single_observation_space, self.single_action_space = self._inner.observation, self._inner.action
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._mode = AutoresetMode(autoreset_mode)
        if self._mode is AutoresetMode.DISABLED:
            raise ValueError("autoreset_mode: expected NextStep or SameStep, found Disabled")
        self.metadata = {
            **self.metadata, "autoreset_mode": self._mode, "render_fps": round(self.task.control_rate),
        }
        self._seeds, self._next, self._own = [0] * num_envs, [0], False
        self._over = np.zeros(num_envs, bool)
        self._all = list(range(num_envs))

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None):
        if options:
            raise ValueError(f"options: expected none, found {', '.join(options)}")
        if seed is not None:
            self._own = not np.isscalar(seed)
            if self._own and len(seed) != self.num_envs:
                raise ValueError(f"seed: expected one, or {self.num_envs}, found {len(seed)}")
            seeds = seed if self._own else [seed] * self.num_envs
            self._seeds = [whole("seed", one, SEED) for one in seeds]
            self._next = [0] * (self.num_envs if self._own else 1)
        self._over[:] = False
        rows = self._begin(np.arange(self.num_envs))
        every = np.ones(self.num_envs, bool)
        info = {"is_success": ~every, "_is_success": every, "cost": self._inner.worlds.costs(), "_cost": every}
        return self._inner.seen(rows, self._all), info

    def step(self, actions: Any):
        worlds, before = self._inner.worlds, self._over
        actions = np.asarray(actions, np.float32)
        if actions.shape != (self.num_envs, self.task.action_size):
            raise ValueError(f"action: expected {(self.num_envs, self.task.action_size)}, found {actions.shape}")
        if not before.any():
            rows, rewards, solved, lost, over, failures = worlds.step(self._all, actions)
        else:
            rows = np.empty((self.num_envs, self.task.observation_size), np.float32)
            rewards = np.zeros(self.num_envs)
            solved, lost, over = (np.zeros(self.num_envs, bool) for _ in range(3))
            failures = [None] * self.num_envs
            going, waiting = np.flatnonzero(~before), np.flatnonzero(before)
            if len(going):
                rows[going], rewards[going], solved[going], lost[going], over[going], told = worlds.step(
                    going.tolist(), actions[going]
                )
                for index, failure in zip(going, told):
                    failures[index] = failure
            rows[waiting] = self._begin(waiting)
        every = np.ones(self.num_envs, bool)
        info: dict[str, Any] = {"is_success": solved, "_is_success": every, "cost": worlds.costs(), "_cost": every}
        if any(failures):
            info |= {"failure": np.array(failures, object), "_failure": np.array([f is not None for f in failures])}
        terminated = solved | lost
        self._over = terminated | over
        seen = self._inner.seen(rows, self._all)
        if self._mode is AutoresetMode.SAME_STEP and self._over.any():
            final = np.full(self.num_envs, None, object)
            ended = np.flatnonzero(self._over)
            for index in ended:
                final[index] = _row(seen, int(index))
            info |= {"final_obs": final, "_final_obs": self._over.copy()}
            last = {"is_success": solved.copy(), "_is_success": self._over.copy()}
            info |= {"final_info": last, "_final_info": self._over.copy()}
            rows = np.array(rows)
            rows[ended] = self._begin(ended)
            seen = self._inner.seen(rows, self._all)
            self._over = np.zeros(self.num_envs, bool)
        return seen, rewards, terminated, over, info

    def render(self):
        if self.render_mode != "rgb_array":
            return None
        return tuple(self._inner.worlds.render(index) for index in self._all)

    def state(self, index: int) -> np.ndarray:
        """The full physics state of one episode."""
        return self._inner.worlds.state(index)

    def _begin(self, which: np.ndarray) -> np.ndarray:
        rows = np.empty((len(which), self.task.observation_size), np.float32)
        for row, index in enumerate(which.tolist()):
            counter = index if self._own else 0
            rows[row] = self._inner.worlds.reset([index], self._seeds[index], [self._next[counter]])[0]
            self._next[counter] += 1
        return rows


def _row(batch: Any, index: int) -> Any:
    return {key: _row(value, index) for key, value in batch.items()} if isinstance(batch, dict) else batch[index].copy()
