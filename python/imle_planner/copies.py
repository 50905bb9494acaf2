"""Copies of a Gymnasium environment, stepped together for an evaluation."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import Any, Callable, Sequence

import numpy as np

from ._checks import whole
from .policy import Policy

Success = Callable[[float, bool, bool, dict[str, Any]], bool]


class Copies:
    """The copies, and how what they observe becomes what the policy sees. The native module calls reset and step."""

    def __init__(
        self,
        env: Any,
        policy: Policy,
        *,
        first: int,
        episodes: int,
        num_envs: int = 16,
        starts: Sequence[Any] | None = None,
        observation: Callable[..., Any] | None = None,
        pictures: Callable[..., Any] | None = None,
        success: Success | None = None,
        success_at: str = "end",
        max_steps: int | None = None,
        action_bounds: tuple[Any, Any] | None = None,
        processes: bool = False,
        env_kwargs: dict[str, Any] | None = None,
        learning: Learning | None = None,
    ):
        if success_at not in ("end", "any"):
            raise ValueError(f"success_at: expected end or any, found {success_at}")
        make, single = maker(env, env_kwargs or {})
        count = min(whole("num_envs", num_envs, (1, 4096)), episodes)
        self.count = 1 if single else count
        self._first, self._starts = first, None if starts is None else [_start(s) for s in starts]
        self._learning, self._kwargs = learning, dict(sorted((env_kwargs or {}).items()))
        terms = {term["name"]: term["size"] for term in policy.spec["observation"]["terms"]}
        seen = pictures if policy.spec.get("pictures") else None
        sparse = learning is not None and learning.reward_range is None
        look = Look(terms, observation, seen, success, success_at == "any", sparse)
        if policy.spec.get("pictures") and pictures is None:
            raise ValueError("pictures: expected a function of the observation, as the policy sees pictures, found none")
        if processes and single:
            raise ValueError("processes: expected an id or a function that makes environments, found one environment")
        kind: Any = Copy
        if processes:
            from .processes import Process

            kind = Process
        self._copies: list[Any] = []
        try:
            self._copies.extend(kind(make, look) for _ in range(self.count))
            self._identity, limit, low, high = self._copies[0].about()
            self._low, self._high = bounds(self._identity, low, high, action_bounds, policy.action_size)
            self._max_steps = limit if max_steps is None else whole("max_steps", max_steps, (1, 1 << 31))
            if self._max_steps is None:
                raise ValueError(f"max_steps: expected a number, as {self._identity} has no max_episode_steps, found none")
        except BaseException:
            self.close()
            raise

    def about(self) -> dict[str, Any]:
        """What the native module wants to know."""
        known = {
            "copies": self.count, "max_steps": self._max_steps, "low": self._low, "high": self._high,
            "identity": self._identity,
        }
        if self._learning is None:
            return known
        # A run goes on only in the environment that it was begun in.
        of = f"{self._identity}, {self._max_steps} steps, reward {self._learning.reward_range or 'success'}, {self._kwargs}"
        if self._learning.reward_range is None:
            return known | {"reward_range": [0.0, 1.0], "return_range": [0.0, 1.0], "identity": of}
        return known | {"reward_range": list(self._learning.reward_range), "identity": of}

    def check(self, size: int) -> None:
        """Reset a copy once: the policy must see as many values as it was trained with."""
        starts = self._learning.starts if self._learning is not None else None
        self._copies[0].begin(*((0, None) if starts is None else _start(starts[0])))
        found = np.asarray(self._copies[0].answer()[0]).size
        if found != size:
            raise ValueError(f"{self._identity}: observation: expected {size} values, as the policy's, found {found}")

    def reset(self, slots: list[int], episodes: list[int], seeds: list[int], learning: bool) -> list[tuple[Any, Any]]:
        """Begin episodes, to learn from or not; returns (observation, pictures) of each."""
        for slot, episode, seed in zip(slots, episodes, seeds):
            start = (seed, None)
            if learning and self._learning is not None:
                starts = self._learning.starts
                start = start if starts is None else _start(starts[episode % len(starts)])
            elif self._starts is not None:
                start = self._starts[(episode - self._first) % len(self._starts)]
            self._copies[slot].begin(*start)
        return [self._copies[slot].answer() for slot in slots]

    def step(self, slots: list[int], actions: np.ndarray) -> list[tuple[Any, Any, float, bool, bool, bool]]:
        """Step; returns (observation, pictures, reward, terminated, truncated, success) of each."""
        for slot, action in zip(slots, actions):
            self._copies[slot].act(action)
        return [self._copies[slot].answer() for slot in slots]

    def close(self) -> None:
        """Close the environments that were made here."""
        for copy in self._copies:
            copy.close()

    def __enter__(self) -> Copies:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Learning:
    """What is learned from in an environment."""

    #: What episodes to learn from are reset with, one after the other and again.
    starts: Sequence[Any] | None = None
    #: Lowest and highest reward of the environment's own; without it solving is worth 1 and ends the episode.
    reward_range: tuple[float, float] | None = None


class Look:
    """What is seen of an environment."""

    def __init__(
        self,
        terms: dict[str, int],
        observation: Callable[..., Any] | None,
        pictures: Callable[..., Any] | None,
        success: Success | None,
        sticky: bool,
        sparse: bool = False,
    ):
        self.sparse = sparse
        self.terms, self.observation, self.pictures = terms, observation, pictures
        self.success, self.sticky = success, sticky

    def seen(self, observed: Any, env: Any) -> tuple[Any, Any]:
        """Observation (O,) and pictures, or None."""
        if self.observation is not None:
            values = called(self.observation, observed, env)
        elif isinstance(observed, dict) and self.terms.keys() <= observed.keys():
            # The names that the policy was trained with, in its order.
            values = np.concatenate([flatten(observed[name]) for name in self.terms])
        else:
            values = flatten(observed)
        return np.asarray(values).reshape(-1), called(self.pictures, observed, env) if self.pictures else None

    def solved(self, reward: float, terminated: bool, truncated: bool, info: dict[str, Any]) -> bool:
        """Whether the task is solved."""
        if self.success is not None:
            return bool(self.success(reward, terminated, truncated, info))
        return bool(info.get("is_success", info.get("success", terminated)))


class Copy:
    """One environment in this process."""

    def __init__(self, make: Callable[[], tuple[Any, bool]], look: Look):
        self._env, self._own = make()
        self._look, self._solved = look, False
        self._answer: tuple[Any, ...] = ()

    def about(self) -> tuple[str, int | None, Any, Any]:
        """Name, longest episode, and range of the actions."""
        env, space = self._env, self._env.action_space
        wrapped: Any = env
        while wrapped is not None:
            if "autoreset" in type(wrapped).__name__.lower():
                raise ValueError(f"{type(wrapped).__name__}: expected an environment that is reset here, found one that resets itself")
            wrapped = getattr(wrapped, "env", None)
        name = env.spec.id if getattr(env, "spec", None) else type(env.unwrapped).__name__
        if not hasattr(space, "low") or len(space.shape) != 1:
            raise ValueError(f"{name}: expected actions in a Box of one axis, found {space}")
        limit = env.spec.max_episode_steps if getattr(env, "spec", None) else None
        limit = limit or getattr(env.unwrapped, "_max_episode_steps", None)
        return name, limit, space.low, space.high

    def begin(self, seed: int, options: dict[str, Any] | None) -> None:
        """Reset."""
        answer = self._env.reset(seed=int(seed), options=options)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise ValueError(f"reset: expected (observation, info), found {type(answer).__name__}")
        self._solved = False
        self._answer = self._look.seen(answer[0], self._env)

    def act(self, action: np.ndarray) -> None:
        """Step."""
        answer = self._env.step(action)
        if not (isinstance(answer, tuple) and len(answer) == 5):
            found = f"{len(answer)} values" if isinstance(answer, tuple) else type(answer).__name__
            raise ValueError(f"step: expected (observation, reward, terminated, truncated, info), found {found}")
        observed, reward, terminated, truncated, info = answer
        now = self._look.solved(float(reward), bool(terminated), bool(truncated), info)
        self._solved = now or (self._solved and self._look.sticky)
        seen = self._look.seen(observed, self._env)
        if self._look.sparse:
            reward, terminated = float(self._solved), terminated or self._solved
        self._answer = (*seen, float(reward), bool(terminated), bool(truncated), self._solved)

    def answer(self) -> Any:
        """What came of it."""
        return self._answer

    def close(self) -> None:
        """Close the environment if it was made here."""
        if self._own:
            self._env.close()


def maker(env: Any, kwargs: dict[str, Any]) -> tuple[Callable[[], tuple[Any, bool]], bool]:
    """A function that makes a copy and says whether it is ours to close; and whether there is but one."""
    import gymnasium as gym

    if isinstance(env, (str, os.PathLike)):
        name = os.fspath(env)
        if name.split(":")[-1] not in gym.registry and ":" not in name and "/" in name:
            # The package of a namespace registers its environments when it is imported.
            try:
                __import__(name.split("/")[0])
            except ImportError:
                pass
        return (lambda: (gym.make(name, **kwargs), True)), False
    if isinstance(env, gym.vector.VectorEnv):
        raise TypeError("env: expected one environment, its id or a function, as copies are made here, found a vector of them")
    if isinstance(env, gym.Env):
        return (lambda: (env, False)), True
    if callable(env):
        return (lambda: (env(**kwargs), True)), False
    raise TypeError(f"env: expected a task, an environment, its id or a function, found {type(env).__name__}")


def bounds(
    name: str, low: Any, high: Any, given: tuple[Any, Any] | None, size: int
) -> tuple[list[float], list[float]]:
    """Range of the actions, which must be finite and of the policy's size."""
    if given is not None:
        low, high = (np.broadcast_to(np.asarray(part, np.float32), (size,)) for part in given)
    if low.shape != (size,):
        raise ValueError(f"{name}: expected actions ({size},), as the policy's, found {low.shape}")
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(f"{name}: expected actions with bounds, or action_bounds=(low, high), found none")
    return low.tolist(), high.tolist()


def flatten(observed: Any) -> np.ndarray:
    """The numbers of an observation, (O,): arrays flattened, dictionaries joined sorted by name, pictures left out."""
    if isinstance(observed, dict):
        parts = [flatten(observed[key]) for key in sorted(observed)]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)
    if isinstance(observed, (tuple, list)):
        return np.concatenate([flatten(part) for part in observed]) if observed else np.empty(0, np.float32)
    values = np.asarray(observed)
    if values.dtype == np.uint8 and values.ndim >= 3:
        return np.empty(0, np.float32)
    return values.reshape(-1).astype(np.float32)


def called(function: Callable[..., Any], observed: Any, env: Any) -> Any:
    """The function of the observation, and of the environment if it has a second parameter."""
    try:
        wants = len(inspect.signature(function).parameters) > 1
    except (TypeError, ValueError):
        wants = False
    return function(observed, env) if wants else function(observed)


def _start(start: Any) -> tuple[int, dict[str, Any] | None]:
    if isinstance(start, dict):
        return 0, start
    if isinstance(start, tuple) and len(start) == 2:
        return whole("starts", start[0], (0, (1 << 32) - 1)), start[1]
    return whole("starts", start, (0, (1 << 32) - 1)), None
